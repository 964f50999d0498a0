"""The game's connections: who may have one, how long it may take to send a request, and what malformed HTTP gets.

The parser underneath (llhttp, strict) refuses what smuggling is made of: a length beside chunks, two lengths, folded
headers, bare line feeds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from gateway.http.response import WalletResponse, bad_request, refusal
from gateway.settings import ServerSettings
from gateway.wire.errors import ErrorCode, WalletError

LINGER_S: Final = 1.0
HEADERS: Final = 64

log = structlog.get_logger(__name__)


class GameServer(web.Server):
    """Makes a `GameConnection` of every socket that is accepted. `admits` decides by the peer's address."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        settings: ServerSettings,
        admits: Callable[[str], bool],
    ) -> None:
        super().__init__(handler)
        self.settings = settings
        self.open = 0
        self._admits = admits

    def __call__(self) -> GameConnection:
        return GameConnection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self.settings.idle_timeout,
            access_log=None,
            max_line_size=self.settings.max_header,
            max_field_size=self.settings.max_header,
            max_headers=HEADERS,
            lingering_time=LINGER_S,
            auto_decompress=False,
        )

    def admits(self, transport: asyncio.BaseTransport) -> bool:
        peer = transport.get_extra_info("peername")
        return self.open <= self.settings.max_connections and peer is not None and self._admits(peer[0])


class GameConnection(web.RequestHandler):
    """One connection.

    `began_at` is the loop's time at which the request at hand began to arrive, None if its head came in one piece.
    `is_closing`: an answer has been given that nothing follows.
    """

    __slots__ = ("_connections", "_too_late", "began_at", "is_closing")

    def __init__(self, connections: GameServer, **options: Any) -> None:
        super().__init__(connections, **options)
        self._connections = connections
        self._too_late: asyncio.TimerHandle | None = None
        self.began_at: float | None = None
        self.is_closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.open += 1
        if self._connections.admits(transport):
            super().connection_made(transport)
        else:
            self._force_close = True
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._connections.open -= 1
        self._head_is_there()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._head_is_there()
        elif self._too_late is None and not self._messages and not self._request_in_progress:
            self._head_begins()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Called by aiohttp after every body, whether reading was paused or not: a twentieth of a call, for nothing."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def respond_and_close(self, answer: WalletResponse) -> None:
        """Answers at once, whatever is still going on here, and closes the connection."""
        self.is_closing = True
        if self.transport is not None:
            self.transport.write(answer.whole())
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002 - aiohttp's signature
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature
    ) -> web.StreamResponse:
        """What aiohttp cannot parse, or a handler has let fall, gets the contract's error body as well."""
        if isinstance(exc, HttpProcessingError):
            log.info("malformed HTTP", address=request.remote, problem=type(exc).__name__)
            return bad_request("The request is no valid HTTP/1.1; send a well-formed one.", last=True)
        log.error("a request failed", address=request.remote, exc_info=exc)
        return unexpected()

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ARG002 - aiohttp's signature
        log.error("a connection failed", exc_info=kw.get("exc_info"))

    def _head_begins(self) -> None:
        self.began_at = self._loop.time()
        self._too_late = self._loop.call_at(self.began_at + self._connections.settings.read_timeout, self._give_up)

    def _head_is_there(self) -> None:
        if self._too_late is None:
            self.began_at = None
        else:
            self._too_late.cancel()
            self._too_late = None

    def _give_up(self) -> None:
        self.respond_and_close(too_slow())


def too_slow() -> WalletResponse:
    """For a request whose time is over."""
    return bad_request("The request did not arrive in time; send it in one go.", last=True)


def unexpected() -> WalletResponse:
    """For a fault of our own; what it was stands in the log."""
    return refusal(WalletError(ErrorCode.OTHER, "An unexpected internal error occurred."), last=True)
