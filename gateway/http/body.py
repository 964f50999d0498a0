"""Reads the body of a call, within a size and a time."""

from __future__ import annotations

import asyncio
from typing import Final, cast

from aiohttp import HttpVersion11, StreamReader, hdrs, web

from gateway.header_fields import media_type, members
from gateway.http.http_connection import HttpConnection
from gateway.settings import ServerSettings
from gateway.wire.errors import ErrorCode, WalletError

MAX_ROLLBACK_BODY: Final = 8 * 2**20
"""The largest body of a rollback, in bytes. A long reason must not be why a rollback is refused (docs/architecture.md,
promise 7), so this may be far more than `max_body`."""

CONCURRENT_LARGE_BODIES: Final = 4
"""How many bodies over `max_body` are read at once. This limits the memory that they take."""

_JSON: Final = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
"""The last one is a part of UTF-8."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class TooSlow(Exception):
    """The body did not arrive in time."""


class BodyReader:
    """Reads bodies of up to the listener's `max_body` bytes; where `allows_large`, up to `MAX_ROLLBACK_BODY`."""

    def __init__(self, server: ServerSettings) -> None:
        self._max_body = server.max_body
        self._set_by = f"{server.section}.max_body"
        self._large = asyncio.Semaphore(CONCURRENT_LARGE_BODIES)

    async def read(self, request: web.BaseRequest, until: float, *, allows_large: bool, json_only: bool) -> bytes:
        """Reads the whole body, by the loop's time `until`. Where `json_only`, no other type is accepted.

        Raises `TooSlow`, `WalletError` (BAD_REQUEST: type, encoding or size), or aiohttp's payload errors.
        """
        _check_headers(request, json_only=json_only)
        limit = max(self._max_body, MAX_ROLLBACK_BODY) if allows_large else self._max_body
        # Before "100 Continue": test_no_leave_is_given_to_a_body_that_will_not_be_read.
        if (request.content_length or 0) > limit:
            raise self._too_large(limit)
        content = request.content
        if content.is_eof():  # the usual case: head and body came in one packet, and no timer is needed
            body = content.read_nowait()
            if len(body) > limit:
                raise self._too_large(limit)
            return body
        try:
            async with asyncio.timeout_at(until):
                return await self._read_stream(request, content, limit)
        except TimeoutError:
            raise TooSlow from None

    async def _read_stream(self, request: web.BaseRequest, content: StreamReader, limit: int) -> bytes:
        # The client may have closed its sending side just before this request became the connection's current one.
        if cast("HttpConnection", request.protocol).has_ended:
            content.feed_eof()
            raise web.RequestPayloadError
        # RFC 9110 section 10.1.1: such a client may wait for this line before it sends the body.
        if request.version >= HttpVersion11 and "100-continue" in _listed(request, hdrs.EXPECT):
            await request.writer.write(_CONTINUE)
        body = await _read_up_to(content, self._max_body, bytearray())
        if len(body) <= self._max_body:
            return bytes(body)
        if limit > self._max_body:
            async with self._large:
                body = await _read_up_to(content, limit, body)
        if len(body) > limit:
            raise self._too_large(limit)
        return bytes(body)

    def _too_large(self, limit: int) -> WalletError:
        set_by = "" if limit == MAX_ROLLBACK_BODY else f" ({self._set_by})"
        return WalletError(ErrorCode.BAD_REQUEST, f"The body is larger than {limit} bytes{set_by}; send a smaller one.")


async def _read_up_to(content: StreamReader, size: int, body: bytearray) -> bytearray:
    """Appends to `body` until the content ends, or until there is more than `size`."""
    while len(body) <= size:
        chunk = await content.readany()
        if not chunk:
            break
        body += chunk
    return body


def _check_headers(request: web.BaseRequest, *, json_only: bool) -> None:
    content_type = request.headers.get("Content-Type")
    if content_type not in _JSON and content_type is not None and json_only and not _is_json(content_type):
        raise WalletError(ErrorCode.BAD_REQUEST, "The Content-Type is not application/json in UTF-8; send that.")
    # A few compressed bytes can become gigabytes: test_a_compressed_body_is_refused_so_that_none_can_burst.
    if hdrs.CONTENT_ENCODING in request.headers and set(_listed(request, hdrs.CONTENT_ENCODING)) - {"identity"}:
        raise WalletError(ErrorCode.BAD_REQUEST, "The body is compressed; send it as it is.")


def _is_json(content_type: str) -> bool:
    given = media_type(content_type)
    if given is None or given.name != "application/json":
        return False
    # Other parameters mean nothing (RFC 8259, section 11).
    return all(value.lower() in _UTF_8 for name, value in given.parameters if name == "charset")


def _listed(request: web.BaseRequest, header: str) -> list[str]:
    """The members of a header that is a list, from all lines on which it stands."""
    return members(",".join(request.headers.getall(header, ())))
