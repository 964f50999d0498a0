"""An `Http` that reaches a simulated operator without sockets: real request and answer bytes, no time passing."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Unclear
from gateway.sandbox.faults import Ending, FaultyOperator
from gateway.sandbox.simulated import Request

MAX_ANSWER: int = 64 * 1024
"""Bytes of an answer that are accepted."""


class MemoryHttp:
    """Every request goes straight to the operator. What would time out or break raises `Unclear` at once."""

    def __init__(self, operator: FaultyOperator) -> None:
        self._operator = operator

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        return self._send("POST", url, body, headers)

    async def get(self, url: str, headers: Mapping[str, str]) -> HttpResponse:
        return self._send("GET", url, b"", headers)

    def _send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> HttpResponse:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lowered = {name.lower(): value for name, value in headers.items()}
        reply = self._operator.handle(Request(method, path, lowered, body))
        if reply.answer is None or reply.ending is not Ending.WHOLE:
            raise Unclear("timed out" if reply.ending is Ending.HANG else "connection lost")
        if len(reply.answer.body) > MAX_ANSWER:
            raise Unclear("the answer is too long")
        return reply.answer
