"""An answer of the wallet door: head and body in one write.

aiohttp's own `Response` costs as much as reading the request (see docs/decisions/0050-lean-answers.md).
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

READING_S: Final = 10.0
"""How long a client may leave answers unread once the buffers are full."""

_HEADS: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
    for status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR)
}
_HEADS[401] += 'WWW-Authenticate: Basic realm="wallet", charset="UTF-8"\r\n'


class WalletResponse(web.StreamResponse):
    """A status of the contract (200, 400, 401 or 500) and a JSON body. `last`: the connection is closed after it."""

    def __init__(self, status: int, content: bytes, *, last: bool = False) -> None:
        # StreamResponse's own beginnings are for headers and streaming, which there are none of here.
        self._status = status
        self._content = content
        self._keep_alive = False
        self._last = last

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter:
        """Sends the answer whole. Raises `ConnectionError` when the client is gone."""
        self._keep_alive = keep = request.keep_alive and not self._last
        persists = keep and request.version == HttpVersion11
        head = self.head("" if persists else f"Connection: {'keep-alive' if keep else 'close'}\r\n")
        crash_point("door.answering")
        await request.writer.write(head if request.method == "HEAD" else head + self._content)
        crash_point_once_written("door.answered")
        if request.protocol.writing_paused:
            await _read_by_client(request)
        return request.writer

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing is left to send."""

    def head(self, connection: str = "Connection: close\r\n") -> bytes:
        length = len(self._content)
        return f"{_HEADS[self._status]}Content-Length: {length}\r\nDate: {_date()}\r\n{connection}\r\n".encode()

    def whole(self) -> bytes:
        """All that is sent where there is no request to answer."""
        return self.head() + self._content


async def _read_by_client(request: web.BaseRequest) -> None:
    """Waits for a client that asks on and on without reading the answers; a stubborn one loses its connection."""
    try:
        async with asyncio.timeout(READING_S):
            await request.writer.drain()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError("the client does not read its answers") from None


def refusal(error: WalletError, *, last: bool = False) -> WalletResponse:
    """The error body with its code's status."""
    return WalletResponse(error.code.status, replies.error(error), last=last)


def bad_request(text: str, *, last: bool = False) -> WalletResponse:
    """A 400 with the error body."""
    return refusal(WalletError(ErrorCode.BAD_REQUEST, text), last=last)


_dated: tuple[int, str] = (0, "")


def _date() -> str:
    """Now, as HTTP writes it; written out once a second."""
    global _dated  # noqa: PLW0603 - one clock, one text
    now = int(time.time())
    if _dated[0] != now:
        _dated = (now, formatdate(now, usegmt=True))
    return _dated[1]
