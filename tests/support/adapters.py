"""What tests of adapters share: an operator that says what it is told to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.operators import HttpResponse


class Posted(NamedTuple):
    url: str
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> dict[str, Any]:
        members: dict[str, Any] = json.loads(self.body)
        return members


class ScriptedHttp:
    """An `Http` that gives these answers, one a request, and keeps what was posted."""

    def __init__(self, *answers: HttpResponse) -> None:
        self._answers = list(answers)
        self.posted: list[Posted] = []

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        self.posted.append(Posted(url, body, headers))
        return self._answers.pop(0)

    async def get(self, url: str, headers: Mapping[str, str]) -> HttpResponse:
        raise AssertionError(f"nobody gets {url}")


def answer(body: object, status: int = 200) -> HttpResponse:
    """JSON, unless the body is bytes, which are sent as they are."""
    return HttpResponse(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())
