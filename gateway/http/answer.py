"""An answer of the wallet door: head and body in one write."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final, NamedTuple

from gateway.crashpoints import crash_point, crash_point_once_written
from gateway.http.request import Request
from gateway.wire import replies
from gateway.wire.errors import ErrorCode, WalletError

_HEADS: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
    for status in (HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.INTERNAL_SERVER_ERROR)
}
_HEADS[401] += 'WWW-Authenticate: Basic realm="wallet", charset="UTF-8"\r\n'
_CLOSE: Final = "Connection: close\r\n"
_KEEP: Final = "Connection: keep-alive\r\n"


class Answer(NamedTuple):
    """A status of the contract (200, 400, 401 or 500) and a JSON body. `last`: the connection is closed after it."""

    status: int
    content: bytes
    last: bool = False

    def written(self, request: Request | None = None) -> bytes:
        """All that is sent; without a request it is the last answer to something that was none."""
        if request is None or self.last or not request.keep_alive:
            connection = _CLOSE
        else:
            connection = "" if request.is_1_1 else _KEEP
        head = f"{_HEADS[self.status]}Content-Length: {len(self.content)}\r\nDate: {_date()}\r\n{connection}\r\n"
        return head.encode() if request is not None and request.method == "HEAD" else head.encode() + self.content

    def give(self, request: Request) -> None:
        """Sends it, unless the request was answered before."""
        if not request.answered:
            request.answered = True
            crash_point("door.answering")
            request.client.send(self.written(request), last=self.last or not request.keep_alive)
            crash_point_once_written("door.answered")


def refusal(error: WalletError, *, last: bool = False) -> Answer:
    """The error body with its code's status."""
    return Answer(error.code.status, replies.error(error), last)


def bad_request(text: str, *, last: bool = False) -> Answer:
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


def too_slow() -> Answer:
    """For a request whose time is over."""
    return bad_request("The request did not arrive in time; send it in one go.", last=True)


def malformed() -> Answer:
    """For what is no request."""
    return bad_request("The request is no valid HTTP/1.1; send a well-formed one.", last=True)


def unexpected() -> Answer:
    """For a fault of our own; what it was stands in the log."""
    return refusal(WalletError(ErrorCode.OTHER, "An unexpected internal error occurred."), last=True)
