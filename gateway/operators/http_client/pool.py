"""Idle connections, kept for the next request. Most recently used first, so that surplus connections expire."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Final

from gateway.operators.http_client.connection import OperatorConnection
from gateway.operators.http_client.request import Origin

SWEEP_S: Final = 1.0


class ConnectionPool:
    """Idle connections by origin; it also knows those in use, so that all can be closed. For one event loop."""

    def __init__(self) -> None:
        self._idle: defaultdict[Origin, dict[OperatorConnection, None]] = defaultdict(dict)
        self._open: dict[OperatorConnection, Origin] = {}
        self._sweeper: asyncio.TimerHandle | None = None
        self._emptied = asyncio.Event()

    def add(self, connection: OperatorConnection, origin: Origin) -> None:
        """A new connection, in use."""
        self._open[connection] = origin

    def take(self, origin: Origin, now: float) -> OperatorConnection | None:
        """A connection that can be written to, None if there is none. `now` is the loop's time."""
        idle = self._idle[origin]
        while idle:
            connection, _ = idle.popitem()
            if now < connection.keep_until and connection.usable():
                return connection
            connection.abort()
        return None

    def give(self, connection: OperatorConnection, loop: asyncio.AbstractEventLoop, keep_s: float) -> None:
        """Takes a connection back after an exchange and keeps it for `keep_s` seconds; 0 closes it."""
        origin = self._open.get(connection)
        if keep_s <= 0 or origin is None:
            connection.abort()
            return
        now = loop.time()
        connection.keep_until = min(now + keep_s, connection.too_old_at)
        if connection.keep_until <= now:
            connection.abort()
            return
        self._idle[origin][connection] = None
        if self._sweeper is None:
            self._sweeper = loop.call_later(SWEEP_S, self._sweep, loop)

    def renew(self) -> None:
        """Closes idle connections now, and those in use after their exchange: later calls get new ones."""
        for connection in list(self._open):
            connection.too_old_at = 0.0
        for idle in self._idle.values():
            while idle:
                idle.popitem()[0].abort()

    def forget(self, connection: OperatorConnection) -> None:
        """The connection is closed or broken."""
        origin = self._open.pop(connection, None)
        if origin is not None:
            self._idle[origin].pop(connection, None)
        if not self._open:
            self._emptied.set()

    async def close(self) -> None:
        """Closes every connection; a request under way ends as unclear."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        # Again and again: a call may be connecting while others are closed.
        while self._open:
            self._emptied.clear()
            for connection in list(self._open):
                connection.abort()
            await self._emptied.wait()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._sweeper = None
        for idle in self._idle.values():
            for connection in [c for c in idle if c.keep_until <= now]:
                del idle[connection]
                connection.abort()
        if any(self._idle.values()):
            self._sweeper = loop.call_later(SWEEP_S, self._sweep, loop)
