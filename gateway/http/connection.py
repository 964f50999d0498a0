"""The game's connections: who may have one, how long it may take to send a request, and what malformed HTTP gets.

The parser underneath (llhttp, strict) refuses what request smuggling (RFC 9112 section 11.2) is made of: a length
beside chunks, two lengths, folded headers, bare line feeds.
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
"""How long the unread rest of a request is still received after its response, so that the client can read that."""

MAX_HEADERS: Final = 64

log = structlog.get_logger(__name__)


class GameServer(web.Server):
    """Makes a `GameConnection` of every socket that is accepted. `admits` decides by the peer's address.

    `count_refused` is told why something was refused: a word of `gateway.telemetry.metrics.REFUSED_BEFORE_A_CALL`.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        settings: ServerSettings,
        admits: Callable[[str], bool],
        count_refused: Callable[[str], None],
    ) -> None:
        super().__init__(handler)
        self.count_refused = count_refused
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
            max_headers=MAX_HEADERS,
            lingering_time=LINGER_S,
            auto_decompress=False,  # a compressed body is refused (body.py), never expanded
        )

    def admits(self, transport: asyncio.BaseTransport) -> bool:
        """Whether this connection, which `open` already counts, may stay."""
        if self.open > self.settings.max_connections:
            self.count_refused("connections")
            return False
        peer = transport.get_extra_info("peername")
        if peer is None or not self._admits(peer[0]):
            self.count_refused("address")
            return False
        return True


class GameConnection(web.RequestHandler):
    """One connection of the game.

    `began_at` is the loop's time at which the current request began to arrive; None if its head came in one piece.
    `is_closing`: a last response was written, and nothing may follow it.
    """

    __slots__ = ("_game_server", "_read_timer", "_stop_waiter", "began_at", "is_closing")

    def __init__(self, server: GameServer, **options: Any) -> None:
        self._stop_waiter: asyncio.Future[None] | None = None
        super().__init__(server, **options)
        self._game_server = server
        self._read_timer: asyncio.TimerHandle | None = None
        self.began_at: float | None = None
        self.is_closing = False

    # A stop that waits for the request in progress leaves a future here, whose result aiohttp sets when the request
    # ends. If the stop's time ends in the same turn of the loop, that future is cancelled already, and setting it would
    # be an error (test_a_request_that_ends_just_as_the_stop_gives_up_on_it_is_answered_and_is_no_error).
    @property
    def _handler_waiter(self) -> asyncio.Future[None] | None:
        waiter = self._stop_waiter
        return None if waiter is None or waiter.done() else waiter

    @_handler_waiter.setter
    def _handler_waiter(self, waiter: asyncio.Future[None] | None) -> None:
        self._stop_waiter = waiter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._game_server.open += 1
        if self._game_server.admits(transport):
            super().connection_made(transport)
        else:
            # Wallet contract, "Transport": a request from an address that is not on the list is ignored. So not one
            # byte goes out: test_a_stranger_s_connection_ends_without_a_byte.
            self._force_close = True
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._game_server.open -= 1
        self._stop_read_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._stop_read_timer()
        # While a request is handled, bytes belong to its body, which has the same time limit in `BodyReader`: head
        # and body share one (test_head_and_body_share_one_time).
        elif self._read_timer is None and not self._messages and not self._request_in_progress:
            self._start_read_timer()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Called by aiohttp after every body, even if reading was not paused; skipping that saves 5 % of a call."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def respond_and_close(self, response: WalletResponse) -> None:
        """Writes the response at once, even while a request is still handled, and closes the connection."""
        self.is_closing = True
        if self.transport is not None:
            self.transport.write(response.to_bytes())
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,  # noqa: ARG002 - aiohttp's signature
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - aiohttp's signature
    ) -> web.StreamResponse:
        """Answers what aiohttp cannot parse, or what a handler raised, with the contract's error body as well."""
        if isinstance(exc, HttpProcessingError):
            self._game_server.count_refused("malformed")
            log.info("malformed HTTP", address=request.remote, problem=type(exc).__name__)
            return bad_request("The request is not valid HTTP/1.1; send a well-formed one.", last=True)
        log.error("a request failed", address=request.remote, exc_info=exc)
        return internal_error()

    def log_exception(self, *args: Any, **kw: Any) -> None:  # noqa: ARG002 - aiohttp's signature
        log.error("a connection failed", exc_info=kw.get("exc_info"))

    def _start_read_timer(self) -> None:
        self.began_at = self._loop.time()
        due = self.began_at + self._game_server.settings.read_timeout
        self._read_timer = self._loop.call_at(due, self._on_read_timeout)

    def _stop_read_timer(self) -> None:
        # `began_at` stays after a head that came in pieces, since its body still counts from there.
        if self._read_timer is None:
            self.began_at = None
        else:
            self._read_timer.cancel()
            self._read_timer = None

    def _on_read_timeout(self) -> None:
        self._game_server.count_refused("slow")
        self.respond_and_close(read_timeout())


def read_timeout() -> WalletResponse:
    """The 400 for a request that did not arrive within `read_timeout`."""
    return bad_request("The request did not arrive in time; send it in one go.", last=True)


def internal_error() -> WalletResponse:
    """The 500 for an error of the gateway itself; the log says which."""
    return refusal(WalletError(ErrorCode.OTHER, "An unexpected internal error occurred."), last=True)
