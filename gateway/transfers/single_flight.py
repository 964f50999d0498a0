"""Single-flight: what this process is doing to a transfer now, so that other calls here wait for it instead of asking.

It only saves work: the journal's compare-and-set decides every race, with or without this.
"""

from __future__ import annotations

import asyncio

from gateway.records import Key


class SingleFlight:
    """The keys of the transfers that are in progress in this process. Of blocks that overlap, the first one counts."""

    def __init__(self) -> None:
        # A future is made only where somebody waits: most transfers end without anybody waiting for them.
        self._done: dict[Key, asyncio.Future[None] | None] = {}

    def begin(self, key: Key) -> _InProgress:
        """In progress until the block is left, however it is left. Within another block of the same key it does
        nothing, so that a step can be made by itself or as a part of a longer one."""
        return _InProgress(self._done, key)

    def __contains__(self, key: Key) -> bool:
        return key in self._done

    async def wait_until_done(self, key: Key) -> None:
        """Returns once nobody here is working on the key; at once if nobody is."""
        while key in self._done:
            done = self._done[key]
            if done is None:
                done = self._done[key] = asyncio.get_running_loop().create_future()
            # Shielded: one waiting call that is cancelled must not cancel the others.
            await asyncio.shield(done)


class _InProgress:
    """What `SingleFlight.begin` gives."""

    __slots__ = ("_done", "_is_nested", "_key")

    def __init__(self, done: dict[Key, asyncio.Future[None] | None], key: Key) -> None:
        self._done = done
        self._key = key
        self._is_nested = key in done

    def __enter__(self) -> None:
        if not self._is_nested:
            self._done[self._key] = None

    def __exit__(self, *_: object) -> None:
        if self._is_nested:
            return
        done = self._done.pop(self._key)
        if done is not None:
            done.set_result(None)
