"""What tests of adapters share: an operator that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gateway.operators import Headers, Http, HttpResponse

NOW: Final = 1_700_000_000.25
NONCE: Final = "e115cf0be2ec5a12e115cf0be2ec5a12"


class Posted(NamedTuple):
    url: str
    body: bytes
    headers: Mapping[str, str]
    method: str = "POST"

    @property
    def json(self) -> dict[str, Any]:
        members: dict[str, Any] = json.loads(self.body)
        return members


class ScriptedHttp(Http):
    """An `Http` that gives these answers, one a request, and keeps what was posted."""

    def __init__(self, *answers: HttpResponse) -> None:
        self._answers = list(answers)
        self.posted: list[Posted] = []

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        self.posted.append(Posted(url, body or b"", dict(headers), method))
        return self._answers.pop(0)

    def now(self) -> float:
        return NOW

    def nonce(self) -> str:
        return NONCE


def answer(body: object, status: int = 200) -> HttpResponse:
    """JSON, unless the body is bytes, which are sent as they are."""
    return HttpResponse(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())
