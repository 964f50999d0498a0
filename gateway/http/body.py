"""Reading the body of a call: within a size and a time."""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import HttpVersion11, StreamReader, web

from gateway.wire.errors import ErrorCode, WalletError

REASON_ROOM: Final = 8 * 2**20
"""The largest body of a rollback: its reason must not be why it is refused, so that it may be far over `max_body`."""

LARGE_AT_ONCE: Final = 4
"""How many bodies over `max_body` are read at once: what bounds the memory that they take."""

_JSON: Final = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class TooSlow(Exception):
    """The body did not arrive in time."""


class BodyReader:
    """Reads bodies of up to `max_body` bytes; of rollbacks, up to `REASON_ROOM`."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def read(self, request: web.BaseRequest, until: float, *, roomy: bool) -> bytes:
        """The body, whole, by the loop's time `until`. Raises `WalletError`, `TooSlow`, or aiohttp's payload errors."""
        _check_headers(request)
        limit = max(self._max_body, REASON_ROOM) if roomy else self._max_body
        if (request.content_length or 0) > limit:
            raise _too_large(limit)
        content = request.content
        if content.is_eof():
            body = content.read_nowait()
            if len(body) > limit:
                raise _too_large(limit)
            return body
        try:
            async with asyncio.timeout_at(until):
                return await self._arriving(request, content, limit)
        except TimeoutError:
            raise TooSlow from None

    async def _arriving(self, request: web.BaseRequest, content: StreamReader, limit: int) -> bytes:
        if request.version >= HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(_CONTINUE)
        body = await _up_to(content, self._max_body, bytearray())
        if len(body) <= self._max_body:
            return bytes(body)
        if limit > self._max_body:
            async with self._large:
                body = await _up_to(content, limit, body)
        if len(body) > limit:
            raise _too_large(limit)
        return bytes(body)


async def _up_to(content: StreamReader, size: int, body: bytearray) -> bytearray:
    """Reads on until the end, or until there is more than `size`."""
    while len(body) <= size:
        chunk = await content.readany()
        if not chunk:
            break
        body += chunk
    return body


def _check_headers(request: web.BaseRequest) -> None:
    kind = request.headers.get("Content-Type")
    if kind not in _JSON and kind is not None and not _is_json(kind):
        raise WalletError(ErrorCode.BAD_REQUEST, "The Content-Type is not application/json in UTF-8; send that.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WalletError(ErrorCode.BAD_REQUEST, "The body is compressed; send it as it is.")


def _is_json(kind: str) -> bool:
    name, _, parameters = kind.lower().partition(";")
    charset = parameters.strip().partition("charset=")[2].strip('"') or "utf-8"
    return name.strip() == "application/json" and charset in {"utf-8", "utf8"}


def _too_large(limit: int) -> WalletError:
    return WalletError(ErrorCode.BAD_REQUEST, f"The body is larger than {limit} bytes; send a smaller one.")
