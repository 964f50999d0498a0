"""Reads the body of a call, within a size and a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, cast

from aiohttp import HttpVersion11, StreamReader, hdrs, web

from gateway.header_fields import media_type, members
from gateway.http.http_connection import HttpConnection
from gateway.http.routing import Route
from gateway.settings import ServerSettings
from gateway.wire.cutting import PIECE, BodyCutter
from gateway.wire.errors import ErrorCode, WalletError
from gateway.wire.requests import invalid_json

MAX_ROLLBACK_BODY: Final = 8 * 2**20
"""The largest body of a rollback, in bytes. A long reason must not be why a rollback is refused (docs/architecture.md,
promise 7), so this may be far more than `max_body`. It is cut while it arrives: only what is kept of it is held."""

SMALL: Final = 4096
"""Bytes of a body that is read as it is, however much is nested in it."""

STEPS_A_TURN: Final = 2048
"""How much of one operator's large bodies is looked at in one turn of the loop (`BodyCutter.steps`): about half
of a millisecond."""

REST_S: Final = 0.001
"""How long nothing more of them is looked at after that. A loop that is never idle keeps the journal's threads from
running, each time for as long as the interpreter lets it (`sys.getswitchinterval`, 5 ms)."""

CHUNK: Final = 16 * 1024
"""Bytes of a body that its handler holds while it waits for its turn. The rest stays with the connection, which lets go
of it when it ends."""

_JSON: Final = frozenset({"application/json", "application/json; charset=utf-8", "application/json;charset=utf-8"})
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
"""The last one is a part of UTF-8."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class TooSlow(Exception):
    """The body did not arrive in time."""


class BodyReader:
    """Reads bodies of up to the listener's `max_body` bytes; where a route `allows_large`, up to `MAX_ROLLBACK_BODY`.

    The body of a call of the game is cut (`BodyCutter`) where it has more than `SMALL` bytes. Each operator's are cut
    a little in each turn of the loop, one after the other: nobody's body keeps the loop, or another operator's body,
    waiting, and nobody keeps a place while its bytes have not come.
    """

    def __init__(self, server: ServerSettings) -> None:
        self._max_body = server.max_body
        self._set_by = f"{server.section}.max_body"
        self._turns: dict[str, asyncio.Lock] = {}

    async def read(self, request: web.BaseRequest, until: float, route: Route, operator: str) -> bytes:
        """Reads the body, which has to arrive by the loop's time `until`; what cutting it takes comes on top. Where the
        route is `json_only`, no other type is accepted.

        Raises `TooSlow`, `WalletError` (BAD_REQUEST: type, encoding, size, or not a JSON object), or aiohttp's payload
        errors.
        """
        _check_headers(request, json_only=route.json_only)
        limit = max(self._max_body, MAX_ROLLBACK_BODY) if route.allows_large else self._max_body
        # Before "100 Continue": test_no_leave_is_given_to_a_body_that_will_not_be_read.
        if (request.content_length or 0) > limit:
            raise self._too_large(limit)
        content = request.content
        body = b""
        if content.is_eof():  # the usual case: head and body came in one packet, and no timer is needed
            body = content.read_nowait()
            if len(body) <= SMALL and len(body) <= limit:
                return body
        try:
            async with asyncio.timeout_at(until) as arrival:
                if not content.is_eof():
                    await _permit_body(request, content)
                body = await _read_up_to(content, bytearray(body), min(SMALL, limit) if route.is_cut else limit)
                if len(body) > limit:
                    raise self._too_large(limit)
                if not route.is_cut or len(body) <= SMALL:
                    return body
                return await self._cut(request, body, limit, operator, arrival)
        except TimeoutError:
            raise TooSlow from None

    async def _cut(
        self, request: web.BaseRequest, chunk: bytes, limit: int, operator: str, arrival: asyncio.Timeout
    ) -> bytes:
        """What is kept of the body of which this is the beginning."""
        # What is held no more is told, since the budget counts it.
        content, let_go = request.content, cast("HttpConnection", request.protocol).let_go
        cutter, size, turn = BodyCutter(), 0, self._turns.setdefault(operator, asyncio.Lock())
        with _as_bad_request():
            while chunk:
                size += len(chunk)
                if size > limit:
                    raise self._too_large(limit)
                with _uncounted(arrival):
                    await _feed(cutter, chunk, turn, content)
                let_go(len(chunk))
                chunk = await content.read(CHUNK)
            return cutter.finish()

    def _too_large(self, limit: int) -> WalletError:
        set_by = "" if limit == MAX_ROLLBACK_BODY else f" ({self._set_by})"
        return WalletError(ErrorCode.BAD_REQUEST, f"The body is larger than {limit} bytes{set_by}; send a smaller one.")


async def _read_up_to(content: StreamReader, body: bytearray, size: int) -> bytes:
    """Appends to `body` until the content ends, or until there is more than `size`."""
    while len(body) <= size and (chunk := await content.read(CHUNK)):
        body += chunk
    return bytes(body)


@contextmanager
def _uncounted(arrival: asyncio.Timeout) -> Iterator[None]:
    """What the gateway does meanwhile does not count as the client's time: a rollback whose reason is hard to cut, or
    that waits for others of its operator, would else be refused because of a reason."""
    loop, until = asyncio.get_running_loop(), arrival.when()
    assert until is not None
    left = until - loop.time()
    arrival.reschedule(None)
    yield
    arrival.reschedule(loop.time() + left)


async def _feed(cutter: BodyCutter, chunk: bytes, turn: asyncio.Lock, content: StreamReader) -> None:
    """Feeds a chunk to the cutter, a little in each turn of the loop. Raises what has ended the content meanwhile."""
    at = 0
    while at < len(chunk):
        async with turn:
            # Who is gone holds the chunk until its turn comes, and no longer; else ever new connections of a client
            # would fill the line (test_of_a_client_that_is_gone_nothing_more_is_cut_and_little_is_held).
            if (error := content.exception()) is not None:
                raise error
            enough = (cutter.steps // STEPS_A_TURN + 1) * STEPS_A_TURN
            while at < len(chunk) and cutter.steps < enough:
                cutter.feed(chunk[at : at + PIECE])
                at += PIECE
            await asyncio.sleep(REST_S if cutter.steps >= enough else 0)


async def _permit_body(request: web.BaseRequest, content: StreamReader) -> None:
    # The client may have closed its sending side just before this request became the connection's current one.
    if cast("HttpConnection", request.protocol).has_ended:
        content.feed_eof()
        raise web.RequestPayloadError
    # RFC 9110 section 10.1.1: such a client may wait for this line before it sends the body.
    if request.version >= HttpVersion11 and "100-continue" in _listed(request, hdrs.EXPECT):
        await request.writer.write(_CONTINUE)


@contextmanager
def _as_bad_request() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise invalid_json(error) from None


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
