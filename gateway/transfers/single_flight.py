"""What this process is doing to a transfer right now, so that others here can wait for it instead of asking again.

Only saves work: the journal's compare-and-set decides every race, with or without this.
"""

from __future__ import annotations

import asyncio

from gateway.records import Key


class SingleFlight:
    """One flight per key at most."""

    def __init__(self) -> None:
        self._waiting: dict[Key, asyncio.Future[None] | None] = {}

    def begin(self, key: Key) -> _Entry:
        """Others can wait for this key until the block is left, however it is left."""
        return _Entry(self._waiting, key)

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    async def wait_until_done(self, key: Key) -> None:
        """Returns once nobody here is busy with the key; at once if nobody is."""
        while key in self._waiting:
            landing = self._waiting[key]
            if landing is None:
                landing = self._waiting[key] = asyncio.get_running_loop().create_future()
            await asyncio.shield(landing)


class _Entry:
    """What `SingleFlight.begin` gives: within another one of the same key it does nothing."""

    __slots__ = ("_inner", "_key", "_waiting")

    def __init__(self, waiting: dict[Key, asyncio.Future[None] | None], key: Key) -> None:
        self._waiting = waiting
        self._key = key
        self._inner = key in waiting

    def __enter__(self) -> None:
        if not self._inner:
            self._waiting[self._key] = None

    def __exit__(self, *_: object) -> None:
        if self._inner:
            return
        landing = self._waiting.pop(self._key)
        if landing is not None:
            landing.set_result(None)
