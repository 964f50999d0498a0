"""The game's side of a connection to a gateway: one request, one answer, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httptools

PEER: Final = ("10.1.0.1", 40000)


class GameWire(asyncio.Transport):
    """A gateway's end of a connection from a game. `answered` is called with the status and body, or with None when
    the connection ends without."""

    def __init__(self, answered: Callable[[tuple[int, bytes] | None], None]) -> None:
        super().__init__()
        self.protocol: Any = None
        self._answered: Callable[[tuple[int, bytes] | None], None] | None = answered
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._loop = asyncio.get_running_loop()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return PEER if name == "peername" else default

    def is_closing(self) -> bool:
        return self._answered is None

    def pause_reading(self) -> None:
        """There is nothing more to read."""

    def resume_reading(self) -> None:
        """As above."""

    def write(self, data: Any) -> None:
        if self._answered is not None:
            self._parser.feed_data(bytes(data))

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        """The gateway lets go of it."""
        if self._answered is not None:
            self._end(None)
            self._loop.call_soon(self.protocol.connection_lost, None)

    def cut(self) -> None:
        """The gateway is gone."""
        if self._answered is not None:
            self._end(None)

    # What the parser calls.

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._end((self._parser.get_status_code(), self._body))
        self._loop.call_soon(self.protocol.connection_lost, None)

    def _end(self, answer: tuple[int, bytes] | None) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(answer)


def request_of(path: str, basic: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: gateway\r\nAuthorization: {basic}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
