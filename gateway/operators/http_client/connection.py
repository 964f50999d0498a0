"""One connection to an operator: at most one request under way, each request written once and whole."""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import Callable
from math import inf
from typing import Final, cast

from gateway.crashpoints import crash_point, crash_point_once_written
from gateway.header_fields import members
from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Unclear
from gateway.operators.http_client.response_reader import ResponseReader
from gateway.operators.http_client.wire_use import note_write

_PEER_CLOSED: Final = getattr(select, "POLLRDHUP", 0)
"""Where the system has no such flag (macOS), a connection that the operator closed is noticed only by the loop."""

_KEEP_ALIVE_MARGIN_S: Final = 1.0
"""Close an idle connection this long before the keep-alive timeout that the operator announced (RFC 9112, 9.3)."""

_TIMEOUT: Final = re.compile(r'timeout[ \t]*=[ \t]*"?(?P<seconds>[0-9]{1,9})"?', re.ASCII)


class OperatorConnection(asyncio.Protocol):
    """Made by the loop's `create_connection`; calls `gone`, perhaps more than once, when it can no longer be used.

    Its life: made → (exchange → idle in the pool)* → closed. `exchange` writes one request and waits for the response;
    any other end of it (time over, cut off, cancelled, bytes too many) closes the connection. `too_old_at` is the
    loop's time from which it takes no more requests.
    """

    def __init__(self, body_limit: int, gone: Callable[[OperatorConnection], None]) -> None:
        self._reader = ResponseReader(body_limit)
        self._gone = gone
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[HttpResponse | Unclear] | None = None
        self._poll: select.poll | None = None
        self._socket = -1
        self._fresh_tls = False
        self.keep_until = 0.0
        self.too_old_at = inf

    # Called by the client.

    def usable(self) -> bool:
        """Whether a request may be written now: as far as this machine knows, the operator has neither closed the
        connection nor sent anything unasked."""
        # The system is asked too: something may have arrived since the loop last looked, and a late response would be
        # taken for the next request's.
        transport = self._transport
        if transport is None or transport.is_closing():
            return False
        return self._poll is None or not self._poll.poll(0)

    async def exchange(self, request: bytes, loop: asyncio.AbstractEventLoop) -> HttpResponse:
        """Writes the request and waits for the response, or for `give_up`. Raises `Unclear`, or `Unsent` if its call
        has ended already.

        Only for a connection that is `usable`. Anything except a response, cancellation included, closes the
        connection: a late response can never be taken for the next request's.
        """
        # The outcome is a result of the future even where it is an error: an exception would stay unretrieved if the
        # caller is cancelled at the same moment, and be logged as lost.
        assert self._transport is not None
        assert self._waiter is None
        waiter: asyncio.Future[HttpResponse | Unclear] = loop.create_future()
        self._waiter = waiter
        self._reader.begin()
        try:
            note_write()  # before the write: from here on nobody may say that nothing was sent
            crash_point("client.writing")
            self._transport.write(request)
            crash_point_once_written("client.written")
            outcome = await waiter
            crash_point("client.answered")
        except BaseException:
            self.abort()
            raise
        finally:
            self._waiter = None
        if isinstance(outcome, Unclear):
            self.abort()
            raise outcome
        if self._fresh_tls and self._poll is not None:
            self._poll.modify(self._socket, _PEER_CLOSED | select.POLLIN)
            self._fresh_tls = False
        return outcome

    def give_up(self, why: str) -> None:
        """The time for the answer is over."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(Unclear(why))

    def reusable_for_s(self, answer: HttpResponse, idle_s: float) -> float:
        """How long this connection may wait for the next request after `answer`; 0 when it must not be used again."""
        transport = self._transport
        if not self._reader.reusable or transport is None or transport.get_write_buffer_size():
            return 0.0
        announced = answer.headers.get("keep-alive")
        return idle_s if announced is None else min(idle_s, _announced_s(announced, idle_s))

    def abort(self) -> None:
        """Closes it at once; what is still to be written is dropped."""
        if self._transport is not None:
            self._transport.abort()

    # Called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        socket = transport.get_extra_info("socket")
        if socket is not None and hasattr(select, "poll"):
            self._socket = socket.fileno()
            # On a new TLS connection the first readable bytes may be session tickets (RFC 8446, 4.6.1), not a response.
            self._fresh_tls = transport.get_extra_info("ssl_object") is not None
            self._poll = select.poll()
            self._poll.register(self._socket, _PEER_CLOSED | (0 if self._fresh_tls else select.POLLIN))

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            self._lose()
            return
        try:
            answer = self._reader.feed(data)
        except Unclear as error:
            waiter.set_result(error)
            self._lose()
        else:
            if answer is not None:
                waiter.set_result(answer)

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._transport = None

    def _ended(self, error: Exception | None) -> None:
        """The operator has closed its side (`error` is None), or the connection broke."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(_broken(error) if error is not None else self._at_end())
        self._lose()

    def _at_end(self) -> HttpResponse | Unclear:
        try:
            return self._reader.end()
        except Unclear as unclear:
            return unclear

    def _lose(self) -> None:
        self._reader.reusable = False
        self._gone(self)
        self.abort()


def _broken(error: Exception) -> Unclear:
    return Unclear(f"the connection broke before the whole answer was there ({type(error).__name__})")


def _announced_s(keep_alive: str, default_s: float) -> float:
    """Seconds from a header such as ``timeout=5, max=100``, less the margin; `default_s` if it names none."""
    for member in members(keep_alive):
        match = _TIMEOUT.fullmatch(member)
        if match:
            return max(0.0, int(match["seconds"]) - _KEEP_ALIVE_MARGIN_S)
    return default_s
