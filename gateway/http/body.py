"""Reading the body of a call within a size; the connection sees to the time."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.http.request import Request
from gateway.wire.errors import ErrorCode, WalletError

REASON_ROOM: Final = 8 * 2**20
"""The largest body of a rollback: its reason must not be why it is refused, so that it may be far over `max_body`."""

LARGE_AT_ONCE: Final = 4
"""How many bodies over `max_body` are read at once: what bounds the memory that they take."""

_JSON: Final = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})


class Bodies:
    """Reads bodies of up to `max_body` bytes; of rollbacks, up to `REASON_ROOM`."""

    def __init__(self, max_body: int) -> None:
        self._max_body = max_body
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)

    async def read(self, request: Request, *, roomy: bool) -> bytes:
        """The body, whole. Raises `WalletError`, `TooSlow` or `CutOff`."""
        _check_headers(request)
        limit = max(self._max_body, REASON_ROOM) if roomy else self._max_body
        if request.told_length > limit:
            raise _too_large(limit)
        if not request.complete:
            await self._arrive(request, limit)
        if request.body_length > limit:
            raise _too_large(limit)
        return request.body()

    async def _arrive(self, request: Request, limit: int) -> None:
        if request.is_1_1 and request.headers.get(b"expect", b"").lower() == b"100-continue":
            request.client.invite()
        await request.arrive(self._max_body)
        if not request.complete and limit > self._max_body:
            async with self._large:
                await request.arrive(limit)


def _check_headers(request: Request) -> None:
    kind = request.headers.get(b"content-type")
    if kind not in _JSON and kind is not None and not _is_json(kind.decode("latin-1")):
        raise WalletError(ErrorCode.BAD_REQUEST, "The Content-Type is not application/json in UTF-8; send that.")
    if request.headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise WalletError(ErrorCode.BAD_REQUEST, "The body is compressed; send it as it is.")


def _is_json(kind: str) -> bool:
    name, _, parameters = kind.lower().partition(";")
    charset = parameters.strip().partition("charset=")[2].strip('"') or "utf-8"
    return name.strip() == "application/json" and charset in {"utf-8", "utf8"}


def _too_large(limit: int) -> WalletError:
    return WalletError(ErrorCode.BAD_REQUEST, f"The body is larger than {limit} bytes; send a smaller one.")
