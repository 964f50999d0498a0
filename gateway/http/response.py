"""A response of the wallet listener and its likes: head and body in one write.

aiohttp's own `Response` costs as much as reading the request (docs/decisions/050-lean-answers.md).
"""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

from gateway.crashpoints import crash_point, crash_point_once_written
from gateway.wire import replies
from gateway.wire.errors import ErrorCode, WalletError

CLIENT_READ_TIMEOUT_S: Final = 10.0
"""How long a client may leave responses unread once the buffers are full."""


def response_start(status: HTTPStatus, content_type: str) -> str:
    """The status line, and the header that says what the body is."""
    return f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {content_type}\r\n"


_STARTS: Final = {
    status.value: response_start(status, "application/json")
    for status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR)
}
# RFC 7617 section 2.1: `charset` asks the client to encode user name and password in UTF-8.
_STARTS[401] += 'WWW-Authenticate: Basic realm="wallet", charset="UTF-8"\r\n'


class WalletResponse(web.StreamResponse):
    """A status of the contract (200, 400, 401 or 500) and a JSON body; of another kind if there is a `start`, which
    `response_start` makes.

    `last` closes the connection after this response. `request_id` is returned in a header, unless it is empty.
    """

    def __init__(
        self, status: int, content: bytes, *, last: bool = False, request_id: str = "", start: str = ""
    ) -> None:
        # StreamResponse's own constructor prepares headers and streaming, and neither is used here.
        self._status = status
        self._content = content
        self._keep_alive = False
        self._last = last
        self._request_id = request_id
        self._beginning = start or _STARTS[status]

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Writes the whole response. Raises `ConnectionError` when the client is gone."""
        self._keep_alive = keep = request.keep_alive and not self._last
        # RFC 9112 section 9.3: HTTP/1.1 keeps a connection open unless told, 1.0 closes it unless told.
        is_default = keep and request.version == HttpVersion11
        head = self.head("" if is_default else f"Connection: {'keep-alive' if keep else 'close'}\r\n")
        crash_point("http.answering")
        await request.writer.write(head if request.method == "HEAD" else head + self._content)
        crash_point_once_written("http.answered")
        if request.protocol.writing_paused:
            await _wait_for_client(request)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Does nothing: `prepare` has already written everything."""

    def head(self, connection: str = "Connection: close\r\n") -> bytes:
        length = len(self._content)
        if self._request_id:
            connection = f"X-Request-ID: {self._request_id}\r\n{connection}"
        return f"{self._beginning}Content-Length: {length}\r\nDate: {_date()}\r\n{connection}\r\n".encode()

    def to_bytes(self) -> bytes:
        """Head and body, for a connection on which aiohttp has no request to answer."""
        return self.head() + self._content


async def _wait_for_client(request: web.BaseRequest) -> None:
    """Waits for a client that sends requests without reading the responses; aborts its connection after a while.

    Raises `ConnectionResetError` then. Without this, responses would pile up in memory
    (test_a_client_that_reads_none_of_its_answers_is_cut_off).
    """
    try:
        async with asyncio.timeout(CLIENT_READ_TIMEOUT_S):
            await request.writer.drain()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client does not read its responses") from None


def refusal(error: WalletError, *, last: bool = False) -> WalletResponse:
    """The response for an error: its error body, with the status of its code (400, 401 or 500)."""
    return WalletResponse(error.code.status, replies.error(error), last=last)


def bad_request(text: str, *, last: bool = False) -> WalletResponse:
    """A 400 with the error body."""
    return refusal(WalletError(ErrorCode.BAD_REQUEST, text), last=last)


_date_cache: tuple[int, str] = (0, "")


def _date() -> str:
    """The current time as RFC 9110 section 5.6.7 writes it (IMF-fixdate); formatted once a second."""
    global _date_cache  # noqa: PLW0603 - the clock is the process's, and so is its text
    now = int(time.time())
    if _date_cache[0] != now:
        _date_cache = (now, formatdate(now, usegmt=True))
    return _date_cache[1]
