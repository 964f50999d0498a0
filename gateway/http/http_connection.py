"""What the connections of both listeners have in common: a limited time for a request, an answer to what is malformed,
and an answer also to a client that has closed its sending side.

The parser underneath (llhttp, strict) refuses what request smuggling (RFC 9112 section 11.2) is made of: a length
beside chunks, two lengths, folded headers, bare line feeds. What else it lets pass, `strict_heads.py` refuses.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, HttpProcessingError, LineTooLong
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import _ErrInfo

from gateway.http.addresses import parse_address, source_of
from gateway.http.admission import ConnectionLimits, Place, Places
from gateway.http.refusals import Refusals, address_of
from gateway.http.response import WalletResponse
from gateway.http.strict_heads import FRAMING, Framing, is_plain, wrong_with_head
from gateway.http.unfinished import Unfinished

LINGER_S: Final = 1.0
"""How long the unread rest of a request is still received after its response, so that the client can read that."""

LINGER_BYTES: Final = 64 * 1024
"""How much of it is. Who sends more waits until the connection is closed: it takes a while to parse what nobody reads
(test_of_a_body_that_is_answered_already_little_is_received)."""

PART: Final = 4 * 1024
"""How many bytes the parser is given at a time, so that it is known to so many bytes where a request ends: it does not
say so itself. A call is far smaller, and comes in one part."""

CUT_OFF: Final = "The request is cut off; send it whole."

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

log = structlog.get_logger(__name__)


class HttpLimits(msgspec.Struct, frozen=True):
    """What a listener reads of a request: the bytes of its request line and of each header, the number of headers, the
    bytes of a whole head, the seconds from its first byte to its last; a new connection has as long for its first byte.
    `max_unfinished`: the bytes of all requests together that have not arrived whole. `section` of the configuration
    sets them, if any does."""

    max_header: int
    max_headers: int
    max_head: int
    max_unfinished: int
    read_timeout_s: float
    section: str = ""

    def what_is_wrong(self, error: HttpProcessingError) -> str:
        """What is wrong with a request that could not be parsed, for its sender."""
        if isinstance(error, TooLax):
            return error.message
        if isinstance(error, LineTooLong):
            limit = f"{self.max_header} bytes{self.set_by('max_header')}"
            return f"The request line or a header is longer than {limit}; send a shorter one."
        if error.message.startswith("Too many headers"):  # aiohttp has no class of its own for it
            return f"The request has more than {self.max_headers} headers{self.set_by('max_headers')}; send fewer."
        return "The request is not valid HTTP/1.1; send a well-formed one."

    def head_too_large(self) -> str:
        """What a client is told whose request line and headers are too much together."""
        limit = f"{self.max_head} bytes{self.set_by('max_head')}"
        return f"The request line and the headers together are longer than {limit}; send less."

    def too_slow(self) -> str:
        """What a client is told whose request did not arrive in time."""
        limit = f"{self.read_timeout_s:g} s{self.set_by('read_timeout')}"
        return f"The request did not arrive within {limit}; send it in one go."

    def set_by(self, key: str) -> str:
        return f" ({self.section}.{key})" if self.section else ""


class TooLax(BadHttpMessage):
    """A head that the parser lets pass and this gateway does not. The message is for its sender."""


class HttpServer(web.Server):
    """Makes a connection of every socket that is accepted, and counts those that are `open`.

    The time for a request is also that for a TLS handshake.
    """

    def __init__(self, handler: Handler, refusals: Refusals, limits: HttpLimits, connections: ConnectionLimits) -> None:
        super().__init__(handler)
        self.refusals = refusals
        self.limits = limits
        self.open = 0
        self.unfinished = Unfinished(limits.max_unfinished, limits.set_by("max_unfinished"))
        self._connection_limits = connections
        self._places = Places()

    @abstractmethod
    def __call__(self, place: Place | None = None) -> HttpConnection:
        """A connection that holds `place`, and frees it when it ends."""

    def follow(self, former: HttpServer) -> None:
        """Takes over from the listener's former server, whose open connections count here as well."""
        self._places = former._places
        self.unfinished = former.unfinished
        self.unfinished.limit(self.limits.max_unfinished, self.limits.set_by("max_unfinished"))

    def admit(self, address: str) -> Place | None:
        """A place for a new connection from this address; None if it is refused, which is logged and counted."""
        refused = self._connection_limits.refusal(self._places, address)
        if refused is not None:
            self.refusals.note(refused.reason, address, refused.problem)
            return None
        source, places = source_of(parse_address(address)), self._places
        self.open += 1
        places.take(source)

        def leave() -> None:
            self.open -= 1
            places.free(source)

        return Place(leave)


class HttpConnection(web.RequestHandler):
    """One connection.

    `began_at` is the loop's time at which the current request began to arrive; None if its head came in one piece.
    `is_closing`: a last response was written, and nothing may follow it. `has_ended`: the client sends nothing more.
    """

    __slots__ = (
        "_body",
        "_framing",
        "_head",
        "_held",
        "_linger_left",
        "_may_hold_back",
        "_place",
        "_read_timer",
        "_rest",
        "_server",
        "_stays",
        "_stop_waiter",
        "began_at",
        "has_ended",
        "is_closing",
    )

    def __init__(self, server: HttpServer, place: Place | None = None, **options: Any) -> None:
        self._stop_waiter: asyncio.Future[None] | None = None
        self.has_ended = False
        self._held = 0
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
        self._place = place
        self._body: StreamReader = EMPTY_PAYLOAD
        self._head = 0
        self._rest = b""
        self._linger_left: int | None = None  # bytes of a body that is answered
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
        if self._held:
            self._on_answered()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # `idle_timeout` is for those who have sent something (test_a_silent_connection_does_not_keep_its_place).
        self._read_timer = self._loop.call_later(self._server.limits.read_timeout_s, self._on_read_timeout)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._place is not None:
            self._place.leave()
        self._stop_read_timer()
        self._hold_nothing()
        self._server.unfinished.note(self, 0)
        # Also where its handler has not begun, which aiohttp leaves out.
        self._cut_off_body()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Nearly every call comes here once, whole, and needs no more than this.
        if self._request_in_progress or self._held or len(data) > PART:
            self._receive_in_parts(data)
            return
        before = self._request_count
        super().data_received(data)
        came = self._request_count - before
        if self._framing is not None:
            self._count_framing(len(data), came)
        if came:
            if came > 1:
                self._may_hold_back = True
            self._stop_read_timer()
            message, body = self._messages[-1]
            if not body.is_eof():
                self._await_body(body)
            if came > 1 or not is_plain(message):
                self._look_at_heads(came, len(data))
        elif data:
            self._receive_head(len(data), is_busy=bool(self._messages))
            self._held = self._head
            self._server.unfinished.note(self, self._held)

    def _receive_in_parts(self, data: bytes) -> None:
        """Gives the parser as much as it takes now. The rest is kept until aiohttp asks for more, with no data."""
        data, self._rest = self._rest + data, b""
        for start in range(0, max(len(data), 1), PART):
            if not self._receive_part(data[start : start + PART]) or self._close or self._force_close:
                return
            if self._reading_paused or self._buffer_paused:
                self._rest = data[start + PART :]
                break
        self._server.unfinished.note(self, self._held + len(self._rest))

    def _receive_part(self, part: bytes) -> bool:
        """Returns whether another part may follow."""
        before = self._request_count
        is_busy = self._request_in_progress or bool(self._messages)
        in_body = not self._body.is_eof()  # also of a request that is answered, and whose rest is still received
        if is_busy:
            self._may_hold_back = True
        super().data_received(part)
        came = self._request_count - before
        may_go_on = self._framing is None or self._count_framing(len(part), came)
        if came:
            self._may_hold_back = True
            self._body = self._messages[-1][1]
            self._head = 0
            self._linger_left = None
            self._stop_read_timer()
            self._look_at_heads(came, len(part))
        elif part and not in_body:
            self._receive_head(len(part), is_busy=is_busy)
        elif self._linger_left is not None:
            self._linger(len(part))
        if (came or in_body) and self._body.is_eof() and len(self._messages) + self._request_in_progress <= 1:
            self._held = 0  # one request, which is whole: it is a call now, and nothing unfinished
        else:
            self._held += len(part)
        return may_go_on

    def _receive_head(self, size: int, *, is_busy: bool) -> None:
        """So many bytes have come, and no head was complete with them."""
        if self._close or self._force_close:
            return
        if not (self._head or is_busy):
            self._start_read_timer()
        self._head += size
        if self._head < self._server.limits.max_head:
            return
        self._refused("malformed", "the head is too large")
        if is_busy:
            self.close()  # after the response that is awaited
        else:
            self.respond_and_close(self.bad_request(self._server.limits.head_too_large()))

    def _await_body(self, body: StreamReader) -> None:
        """Counts the part in which a head came whose body has not come whole."""
        self._body = body
        self._linger_left = None
        self._held = PART
        self._server.unfinished.note(self, PART)

    def _linger(self, size: int) -> None:
        """So many bytes have come of a body that is answered."""
        assert self._linger_left is not None
        self._linger_left -= size
        if self._linger_left < 0 and not self._body.is_eof():
            self.pause_reading()

    def let_go(self, size: int) -> None:
        """So many bytes of a body that has not arrived whole are held no more, or are counted elsewhere."""
        self._held = max(0, self._held - size)
        self._server.unfinished.note(self, self._held + len(self._rest))

    def _on_answered(self) -> None:
        """What was held is answered, but for a head that has begun behind it."""
        if not self._messages and not self._body.is_eof():
            self._linger_left = LINGER_BYTES
        if not self._messages and not self._rest:
            self._held = self._head
            self._server.unfinished.note(self, self._held)
            if self._head:
                self._start_read_timer()

    def drop_unfinished(self, problem: str) -> None:
        self._refused("unfinished", problem)
        self._hold_nothing()
        self._force_close = True
        if self.transport is not None:
            self.transport.abort()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio lets it return a bool
        """The client has closed its sending side (RFC 9112 section 9.6 lets it). Returns whether something is still to
        be answered; the transport is closed otherwise, and aiohttp's own method would close it in any case."""
        self.has_ended = True
        if self._head and self._read_timer is not None:
            self._stop_read_timer()
            self._refused("malformed", "the connection ended within a head")
            self.respond_and_close(self.bad_request(CUT_OFF))
            return False
        self._cut_off_body()
        return self._is_busy()

    def resume_reading(self, resume_parser: bool = True) -> None:  # noqa: FBT001, FBT002 - aiohttp's signature
        """Called by aiohttp after every body, even if reading was not paused; skipping that saves 5 % of a call."""
        # The parser holds back what exceeds aiohttp's queue of requests until it is called again. It counts too many as
        # queued once a body came after its head, so this must happen for every client that does not send one request
        # at a time, in one piece (test_many_calls_sent_at_once_are_all_answered_also_after_a_long_body).
        is_over = self._linger_left is not None and self._linger_left < 0
        if (self._reading_paused or self._may_hold_back) and not is_over:
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
        error = kw.get("exc_info")
        # Its handler has ended: this is the rest of a body that is received after its answer, so that the client can
        # read that. The connection ends, and nobody waits.
        if not isinstance(error, web.RequestPayloadError):
            log.error("a connection failed", exc_info=error)

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

    def _count_framing(self, received: int, came: int) -> bool:
        """Returns whether the body may go on."""
        framing = self._framing
        assert framing is not None
        is_too_much = not came and framing.is_too_much(received)
        if is_too_much:
            self._refuse_framing(framing.content)
        if came or framing.content.is_eof():
            self._framing = None
        return not is_too_much

    def _refuse_framing(self, content: Any) -> None:
        for index, (_, queued) in enumerate(self._messages):
            if queued is content:
                self._messages[index] = _too_lax(FRAMING)
        content.set_exception(web.RequestPayloadError(FRAMING))
        content.feed_eof()
        if self.transport is not None:  # what comes now belongs to nothing, and the connection ends with the answer
            self.transport.pause_reading()

    def _hold_nothing(self) -> None:
        """What a handler lets go from now on is counted no more."""
        self._held, self._rest = 0, b""

    def _cut_off_body(self) -> None:
        """The connection has ended: of all requests only the last one's body can be incomplete."""
        if not self._body.is_eof():
            # Nobody will read what is there: its handler may wait for its turn for long. Where it waits for data, there
            # is none, and aiohttp says so by an error.
            if self._body.exception() is None:
                with suppress(RuntimeError):
                    self._body.read_nowait()
            self._body.set_exception(web.RequestPayloadError("the connection ended within the body"))
            self._body.feed_eof()

    def _is_busy(self) -> bool:
        """Whether a request has no response yet: aiohttp's loop does not wait for the next one."""
        task, waiter = self._task_handler, self._waiter
        if task is None or task.done() or not self._request_count:
            return False
        return bool(self._messages) or waiter is None or waiter.done()

    def _refused(self, reason: str, problem: str) -> None:
        self._server.refusals.note(reason, address_of(self.peername), problem)

    def _start_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()  # that of a new connection
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
        if not self._head:
            self._refused("slow", "a new connection sent nothing in time")
            self.force_close()
            return
        self._refused("slow", "the head did not arrive in time")
        self.respond_and_close(self.bad_request(self._server.limits.too_slow()))


def _too_lax(text: str) -> tuple[_ErrInfo, Any]:
    """What aiohttp queues for a request that could not be parsed."""
    return _ErrInfo(status=400, exc=TooLax(text), message=text), EMPTY_PAYLOAD
