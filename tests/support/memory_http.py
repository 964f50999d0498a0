"""An `Http` that reaches a simulated operator without sockets: real request and answer bytes, no time passing."""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.operators.adapter import Headers, Http, HttpResponse
from gateway.operators.errors import Unclear
from gateway.sandbox.faults import Ending, FaultyOperator
from gateway.sandbox.simulated import Request

MAX_ANSWER: int = 64 * 1024
"""Bytes of an answer that are accepted."""


class MemoryHttp(Http):
    """Every request goes straight to the operator. What would time out or break raises `Unclear` at once."""

    def __init__(self, operator: FaultyOperator) -> None:
        self._operator = operator

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lowered = {name.lower(): value for name, value in dict(headers).items()}
        reply = self._operator.handle(Request(method, path, lowered, body or b""))
        if reply.answer is None or reply.ending is not Ending.WHOLE:
            raise Unclear("timed out" if reply.ending is Ending.HANG else "connection lost")
        if len(reply.answer.body) > MAX_ANSWER:
            raise Unclear("the answer is too long")
        return reply.answer

    def now(self) -> float:
        return 0.0

    def nonce(self) -> str:
        return "0" * 32
