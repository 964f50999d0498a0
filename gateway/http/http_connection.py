"""What the connections of both listeners have in common: a limited time for a request, an answer to what is malformed,
and an answer also to a client that has closed its sending side.

The parser underneath (llhttp, strict) refuses what request smuggling (RFC 9112 section 11.2) is made of: a length
beside chunks, two lengths, folded headers, bare line feeds. What else it lets pass, `strict_heads.py` refuses.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import _ErrInfo

from gateway.http.refusals import Refusals, address_of
from gateway.http.response import WalletResponse
from gateway.http.strict_heads import FRAMING, Framing, is_plain, wrong_with_head

LINGER_S: Final = 1.0
"""How long the unread rest of a request is still received after its response, so that the client can read that."""

CUT_OFF: Final = "The request is cut off; send it whole."

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


class HttpLimits(msgspec.Struct, frozen=True):
    """What a listener reads of a request: the bytes of its request line and of each header, the number of headers, the
    seconds from its first byte to its last. `section` of the configuration sets them, if any does."""

    max_header: int
    max_headers: int
    read_timeout_s: float
    section: str = ""

    def what_is_wrong(self, error: HttpProcessingError) -> str:
        """What is wrong with a request that could not be parsed, for its sender."""
        if isinstance(error, TooLax):
            return error.message
        if isinstance(error, LineTooLong):
            limit = f"{self.max_header} bytes{self._set_by('max_header')}"
            return f"The request line or a header is longer than {limit}; send a shorter one."
        if error.message.startswith("Too many headers"):  # aiohttp has no class of its own for it
            return f"The request has more than {self.max_headers} headers{self._set_by('max_headers')}; send fewer."
        return "The request is not valid HTTP/1.1; send a well-formed one."

    def too_slow(self) -> str:
        """What a client is told whose request did not arrive in time."""
        limit = f"{self.read_timeout_s:g} s{self._set_by('read_timeout')}"
        return f"The request did not arrive within {limit}; send it in one go."

    def _set_by(self, key: str) -> str:
        return f" ({self.section}.{key})" if self.section else ""


class TooLax(BadHttpMessage):
    """A head that the parser lets pass and this gateway does not. The message is for its sender."""


class HttpServer(web.Server):
    """Makes a connection of every socket that is accepted, and counts those that are `open`.

    The time for a request is also that for a TLS handshake.
    """

    def __init__(self, handler: Handler, refusals: Refusals, limits: HttpLimits) -> None:
        super().__init__(handler)
        self.refusals = refusals
        self.limits = limits
        self.open = 0

    def enter(self, transport: asyncio.BaseTransport) -> bool:
        """Counts a new connection. Returns whether it may stay; `leave` follows in any case."""
        self.open += 1
        return True

    def leave(self) -> None:
        """A connection has ended."""
        self.open -= 1


class HttpConnection(web.RequestHandler):
    """One connection.

    `began_at` is the loop's time at which the current request began to arrive; None if its head came in one piece.
    `is_closing`: a last response was written, and nothing may follow it. `has_ended`: the client sends nothing more.
    """

    __slots__ = (
        "_framing",
        "_is_counted",
        "_may_hold_back",
        "_read_timer",
        "_server",
        "_stays",
        "_stop_waiter",
        "began_at",
        "has_ended",
        "is_closing",
    )

    def __init__(self, server: HttpServer, **options: Any) -> None:
        self._stop_waiter: asyncio.Future[None] | None = None
        self.has_ended = False
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            max_line_size=server.limits.max_header,
            max_field_size=server.limits.max_header,
            max_headers=server.limits.max_headers,
            lingering_time=LINGER_S,
            auto_decompress=False,  # a compressed body is refused (body.py), never expanded
            **{"access_log": None, **options},
        )
        self._server = server
        self._framing: Framing | None = None
        self._may_hold_back = False
        self._is_counted = False
        self._read_timer: asyncio.TimerHandle | None = None
        self.began_at: float | None = None
        self.is_closing = False

    @property
    def limits(self) -> HttpLimits:
        return self._server.limits

    def is_waited_for(self) -> bool:
        """Whether the client may still want its response: the connection is open, also in the client's direction."""
        return self.transport is not None and not self.has_ended

    @abstractmethod
    def bad_request(self, text: str) -> WalletResponse:
        """The listener's 400, after which the connection is closed."""

    @abstractmethod
    def internal_error(self) -> WalletResponse:
        """The listener's 500, after which the connection is closed."""

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

    # aiohttp asks after each response whether to wait for another request. None can come after the client's last one.
    @property
    def _keepalive(self) -> bool:
        return self._stays and not (self.has_ended and not self._messages)

    @_keepalive.setter
    def _keepalive(self, stays: bool) -> None:
        self._stays = stays

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A TLS connection was admitted, and is counted, since before its handshake (tls.py).
        self._is_counted = not transport.get_extra_info("admitted", default=False)
        if not self._is_counted or self._server.enter(transport):
            super().connection_made(transport)
        else:
            # Wallet contract, "Transport": a request from an address that is not on the list is ignored. So not one
            # byte goes out: test_a_stranger_s_connection_ends_without_a_byte.
            self._force_close = True
            cast("asyncio.Transport", transport).abort()

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._is_counted:
            self._server.leave()
        self._stop_read_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        if self._request_in_progress:
            self._may_hold_back = True
        super().data_received(data)
        came = self._request_count - before
        if self._framing is not None:
            self._count_framing(len(data), came)
        if came:
            if came > 1:
                self._may_hold_back = True
            self._stop_read_timer()
            if came > 1 or not is_plain(self._messages[-1][0]):
                self._look_at_heads(came, len(data))
        # While a request is handled, bytes belong to its body, which has the same time limit in `BodyReader`: head
        # and body share one (test_head_and_body_share_one_time).
        elif self._read_timer is None and not self._messages and not self._request_in_progress:
            self._start_read_timer()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio lets it return a bool
        """The client has closed its sending side (RFC 9112 section 9.6 lets it). Returns whether something is still to
        be answered; the transport is closed otherwise, and aiohttp's own method would close it in any case."""
        self.has_ended = True
        if self._read_timer is not None:
            self._stop_read_timer()
            self._refused("malformed", "the connection ended within a head")
            self.respond_and_close(self.bad_request(CUT_OFF))
            return False
        for payload in self._payloads():
            if not payload.is_eof():
                payload.set_exception(web.RequestPayloadError("the connection ended within the body"))
                payload.feed_eof()
        return self._is_busy()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Called by aiohttp after every body, even if reading was not paused; skipping that saves 5 % of a call."""
        # The parser holds back what exceeds aiohttp's queue of requests until it is called again. It counts too many as
        # queued once a body came after its head, so this must happen for every client that does not send one request
        # at a time, in one piece (test_many_calls_sent_at_once_are_all_answered_also_after_a_long_body).
        if self._reading_paused or self._may_hold_back:
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
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers what aiohttp cannot parse, or what a handler raised, in the listener's own form as well."""
        if isinstance(exc, HttpProcessingError):
            self._refused("malformed", type(exc).__name__)
            return self.bad_request(self._server.limits.what_is_wrong(exc))
        log.error("a request failed", address=request.remote, exc_info=exc)
        return self.internal_error()

    def log_exception(self, *args: Any, **kw: Any) -> None:
        log.error("a connection failed", exc_info=kw.get("exc_info"))

    def _look_at_heads(self, came: int, received: int) -> None:
        """Refuses what is too lax of the requests that have just been parsed. An error takes the place of such a one,
        so that the requests before it are answered first."""
        for index in range(-came, 0):
            message, content = self._messages[index]
            if isinstance(message, _ErrInfo):
                continue
            if (text := wrong_with_head(message)) is not None:
                self._messages[index] = _too_lax(text)
            elif message.chunked:
                self._framing = Framing(message, content)
                # Of several in one packet nobody knows which bytes were whose; a packet is bounded.
                self._count_framing(received if came == 1 else 0, 0)

    def _count_framing(self, received: int, came: int) -> None:
        framing = self._framing
        assert framing is not None
        if not came and framing.is_too_much(received):
            self._refuse_framing(framing.content)
        if came or framing.content.is_eof():
            self._framing = None

    def _refuse_framing(self, content: Any) -> None:
        for index, (_, queued) in enumerate(self._messages):
            if queued is content:
                self._messages[index] = _too_lax(FRAMING)
        content.set_exception(web.RequestPayloadError(FRAMING))
        content.feed_eof()
        if self.transport is not None:  # what comes now belongs to nothing, and the connection ends with the answer
            self.transport.pause_reading()

    def _payloads(self) -> list[Any]:
        """The bodies of requests that are not answered yet."""
        payloads = [payload for _, payload in self._messages]
        return payloads if self._current_request is None else [*payloads, self._current_request.content]

    def _is_busy(self) -> bool:
        """Whether a request has no response yet: aiohttp's loop does not wait for the next one."""
        task, waiter = self._task_handler, self._waiter
        if task is None or task.done() or not self._request_count:
            return False
        return bool(self._messages) or waiter is None or waiter.done()

    def _refused(self, reason: str, problem: str) -> None:
        self._server.refusals.note(reason, address_of(self.peername), problem)

    def _start_read_timer(self) -> None:
        self.began_at = self._loop.time()
        due = self.began_at + self._server.limits.read_timeout_s
        self._read_timer = self._loop.call_at(due, self._on_read_timeout)

    def _stop_read_timer(self) -> None:
        # `began_at` stays after a head that came in pieces, since its body still counts from there.
        if self._read_timer is None:
            self.began_at = None
        else:
            self._read_timer.cancel()
            self._read_timer = None

    def _on_read_timeout(self) -> None:
        self._refused("slow", "the head did not arrive in time")
        self.respond_and_close(self.bad_request(self._server.limits.too_slow()))


def _too_lax(text: str) -> tuple[_ErrInfo, Any]:
    """What aiohttp queues for a request that could not be parsed."""
    return _ErrInfo(status=400, exc=TooLax(text), message=text), EMPTY_PAYLOAD
