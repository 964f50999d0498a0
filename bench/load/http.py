"""The part of HTTP/1.1 that game and operator need: messages with a Content-Length."""

from __future__ import annotations

import re
from typing import Final
from urllib.request import urlopen

HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def whole_length(data: bytes) -> int:
    """The length in bytes of the message at the start of `data`, 0 if its head is not complete yet."""
    head = data.find(HEAD_END)
    if head < 0:
        return 0
    length = _LENGTH.search(data, 0, head)
    return head + len(HEAD_END) + (int(length[1]) if length else 0)


def post(path: str, body: bytes, authorization: str) -> bytes:
    """A whole request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get_answered(port: int) -> int:
    """How many calls the operator on this port has answered."""
    with urlopen(f"http://127.0.0.1:{port}/answered", timeout=10) as answer:
        return int(answer.read())
