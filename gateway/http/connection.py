"""The game's connections: who may have one, and how long it may take to send a request and to read an answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, cast

import structlog

from gateway.http.answer import malformed, too_slow, unexpected
from gateway.http.reading import Malformed, RequestReader
from gateway.http.request import CutOff, Request, TooSlow
from gateway.settings import ServerSettings

LINGER_S: Final = 1.0
"""How long what a client still sends after its last answer is read and thrown away, so that the answer reaches it."""

READING_S: Final = 10.0
"""How long a client may leave answers unread once the buffers are full."""

AHEAD: Final = 16
"""How many requests a client may send before the first is answered; then no more are read."""

LOOKS: Final = 20
"""How often within the shortest time allowed somebody looks whether it is over."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

log = structlog.get_logger(__name__)


class Connections:
    """Makes a `Connection` of every socket that is accepted, and watches over the time that each takes.

    `handle` answers a request, `lose_patience` answers one that takes longer than `request_timeout`; `admits` decides
    by the peer's address.
    """

    def __init__(
        self,
        handle: Callable[[Request], Awaitable[None]],
        lose_patience: Callable[[Request], None],
        settings: ServerSettings,
        admits: Callable[[str], bool],
    ) -> None:
        self.handle = handle
        self.lose_patience = lose_patience
        self.settings = settings
        self.connections: set[Connection] = set()
        self._admits = admits
        self._loop = asyncio.get_running_loop()
        shortest_s = min(settings.idle_timeout, settings.read_timeout, settings.request_timeout, READING_S, LINGER_S)
        self._every_s = shortest_s / LOOKS
        self._watch: asyncio.TimerHandle | None = None

    def __call__(self) -> Connection:
        return Connection(self, self._loop)

    def admit(self, connection: Connection, peer: str) -> bool:
        """Takes a new connection in, if there is room and it may come from there."""
        if len(self.connections) >= self.settings.max_connections or not self._admits(peer):
            return False
        self.connections.add(connection)
        if self._watch is None:
            self._watch = self._loop.call_later(self._every_s, self._look)
        return True

    def pre_shutdown(self) -> None:
        """Closes the connections on which nothing is under way."""
        for connection in tuple(self.connections):
            connection.close_if_idle()

    async def shutdown(self, timeout_s: float) -> None:
        """Closes the others as well, at the latest after so long."""
        end = self._loop.time() + timeout_s
        while self.connections and self._loop.time() < end:
            self.pre_shutdown()
            await asyncio.sleep(self._every_s)
        for connection in tuple(self.connections):
            connection.hang_up()
        await asyncio.sleep(0)  # so that the loop lets go of them

    def _look(self) -> None:
        now = self._loop.time()
        for connection in tuple(self.connections):
            connection.look(now)
        self._watch = self._loop.call_later(self._every_s, self._look) if self.connections else None


class Connection(asyncio.Protocol):
    """One connection: its requests are answered one after the other, in the order in which they came."""

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        self._connections = connections
        self._settings = connections.settings
        self._loop = loop
        self._peer = ""
        self._reader = RequestReader(self._settings.max_header, self._new_request, self._begun)
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._arriving: Request | None = None
        self._arriving_since: float | None = None
        self._idle_since = loop.time()
        self._room = self._settings.max_body
        self._reading = True
        self._spoilt = False
        self._ends_at: float | None = None
        self._unread_since: float | None = None

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else ""
        if not self._connections.admit(self, self._peer):
            self._transport.abort()

    def connection_lost(self, _exc: BaseException | None) -> None:
        self._connections.connections.discard(self)
        self._waiting.clear()
        if self._current is not None:
            self._current.fail(CutOff())

    def data_received(self, data: bytes) -> None:
        if self._ends_at is not None or self._spoilt:
            return
        try:
            self._reader.feed(data)
        except Malformed as problem:
            self._spoil(problem)
        else:
            self._arrived()
        if self._current is None:
            self._next()

    def pause_writing(self) -> None:
        self._unread_since = self._loop.time()

    def resume_writing(self) -> None:
        self._unread_since = None
        if self._current is None:
            self._next()

    # What a request asks for.

    def send(self, data: bytes, *, last: bool) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(data)
        self._current = None
        if last:
            self._end()
            return
        self._room = self._settings.max_body
        self._idle_since = now = self._loop.time()
        if self._arriving_since is not None:
            self._arriving_since = now
        if self._waiting or self._spoilt:
            self._next()

    def hang_up(self) -> None:
        self._transport.abort()

    def read_up_to(self, size: int) -> None:
        self._room = size
        self._throttle()

    def invite(self) -> None:
        self._transport.write(_CONTINUE)

    # What the watch asks for.

    def look(self, now: float) -> None:
        """Ends what takes longer than it may."""
        settings, current = self._settings, self._current
        if self._ends_at is not None:
            if now >= self._ends_at:
                self._transport.abort()
        elif self._unread_since is not None:
            if now >= self._unread_since + READING_S:
                self._transport.abort()
        elif self._arriving_since is not None and now >= self._arriving_since + settings.read_timeout:
            self._give_up(current)
        elif current is not None:
            if current.complete and now >= current.begun + settings.request_timeout:
                self._connections.lose_patience(current)
        elif self._arriving_since is None and now >= self._idle_since + settings.idle_timeout:
            self._transport.close()

    def close_if_idle(self) -> None:
        """Closes the connection unless a request is under way on it."""
        if self._current is None and not self._waiting and self._arriving_since is None:
            self._transport.close()

    # Reading.

    def _new_request(self) -> Request:
        return Request(self, self._peer)

    def _begun(self, request: Request) -> None:
        self._waiting.append(request)

    def _arrived(self) -> None:
        """Notes how far the request that arrives now has come."""
        request = self._reader.request
        if self._reader.between:
            self._arriving = self._arriving_since = None
        elif self._arriving is not request:
            self._arriving, self._arriving_since = request, self._loop.time()
        if request.complete or request.body_length > self._room:
            request.arrived()
        self._throttle()

    def _throttle(self) -> None:
        """Reads on only while there is room for what comes."""
        request = self._reader.request
        reads = len(self._waiting) < AHEAD and (request.complete or request.body_length <= self._room)
        if reads != self._reading and not self._transport.is_closing():
            self._reading = reads
            (self._transport.resume_reading if reads else self._transport.pause_reading)()

    def _spoil(self, problem: Malformed) -> None:
        """Nothing more is understood; what was understood before is still answered."""
        self._spoilt = True
        self._arriving_since = None
        request = self._reader.request
        if not request.complete:
            request.fail(CutOff())
        log.info("malformed HTTP", address=self._peer, problem=str(problem))

    def _give_up(self, current: Request | None) -> None:
        """The request that arrives takes too long."""
        self._arriving_since = None
        if current is not None and not current.complete:
            current.fail(TooSlow())
        elif current is None:
            self._transport.write(too_slow().written())
            self._end()

    # Answering.

    def _next(self) -> None:
        """Takes up the next request, once the client has read the former answers."""
        if self._unread_since is not None or self._ends_at is not None:
            return
        if self._waiting:
            self._current = request = self._waiting.popleft()
            request.begun = self._loop.time()
            request.task = self._loop.create_task(self._handle(request))
            if not self._reading:
                self._throttle()
        elif self._spoilt:
            self._transport.write(malformed().written())
            self._end()

    async def _handle(self, request: Request) -> None:
        try:
            await self._connections.handle(request)
        except Exception as error:
            log.exception("a request failed", address=self._peer, problem=type(error).__name__)
            unexpected().give(request)

    def _end(self) -> None:
        """Closes for writing now; for reading once the client has closed as well, or a while has passed."""
        self._waiting.clear()
        if self._transport.is_closing():
            return
        if not self._transport.can_write_eof():
            self._transport.close()
            return
        self._transport.write_eof()
        self._ends_at = self._loop.time() + LINGER_S
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
