"""What this process is doing to a transfer right now, so that others here can wait for it instead of asking again.

Only saves work: the journal's compare-and-set decides every race, with or without this.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.journal.records import Key


class Flights:
    """One flight per key at most."""

    def __init__(self) -> None:
        self._waiting: dict[Key, asyncio.Future[None] | None] = {}

    @contextmanager
    def flying(self, key: Key) -> Iterator[None]:
        """Others can wait for this key until the block is left, however it is left."""
        if key in self._waiting:
            yield
            return
        self._waiting[key] = None
        try:
            yield
        finally:
            landing = self._waiting.pop(key)
            if landing is not None:
                landing.set_result(None)

    def __contains__(self, key: Key) -> bool:
        return key in self._waiting

    async def landed(self, key: Key) -> None:
        """Returns once nobody here is busy with the key; at once if nobody is."""
        while key in self._waiting:
            landing = self._waiting[key]
            if landing is None:
                landing = self._waiting[key] = asyncio.get_running_loop().create_future()
            await asyncio.shield(landing)
