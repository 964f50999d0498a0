"""What the parser underneath (llhttp) lets pass and this gateway refuses, since a proxy in front might read it
in another way (RFC 9112, sections 6.1, 7.1.1 and 11.2; docs/decisions/059-strict-heads.md).
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from aiohttp import HttpVersion10, HttpVersion11, hdrs
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

MAX_FRAMING: Final = 16 * 1024
RECEIVED_PER_BYTE: Final = 2
"""What the chunks of a body may take beside its content: sizes, line ends, extensions, trailers. So many bytes, and as
many more as the content has itself. Each chunk costs the parser as much as a kilobyte does: ten thousand of one byte,
which take 60 KB, would hold the loop for long (`make attack`: "chunks")."""

FRAMING: Final = "The chunks of the body hold far more than the body; send it without chunk extensions."
_VERSION: Final = "The request is of another version than HTTP/1.0 or HTTP/1.1; send one of these."
_CODING: Final = "The Transfer-Encoding is not chunked alone; send that, or a Content-Length."
_CHUNKED_1_0: Final = "The request is HTTP/1.0 with a Transfer-Encoding; send a Content-Length, or HTTP/1.1."
_TUNNEL: Final = "The request asks for a tunnel; this is not a proxy."
_REPEATED: Final = "There are several Authorization headers; send one."


_shape_of: Final = attrgetter("version", "chunked", "method")
_PLAIN: Final = {(HttpVersion11, False, method) for method in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_POST)}


def is_plain(message: Any) -> bool:
    """Whether this is a head as nearly all are, with which nothing is wrong: a look that costs little."""
    try:
        return _shape_of(message) in _PLAIN and not message.headers.getall(hdrs.AUTHORIZATION, ())[1:]
    except AttributeError:  # it could not be parsed
        return False


def wrong_with_head(message: RawRequestMessage) -> str | None:
    """What is wrong with a head that could be parsed, for its sender; None if nothing is."""
    version = message.version
    if version is not HttpVersion11 and version is not HttpVersion10:
        return _VERSION
    headers = message.headers
    if message.chunked and version is HttpVersion10:
        return _CHUNKED_1_0
    if message.chunked and headers[hdrs.TRANSFER_ENCODING].lower() != "chunked":
        return _CODING
    # An `Upgrade` is passed over: Java's client sends one with its first request, and takes the answer that it gets.
    if message.method == hdrs.METH_CONNECT:
        return _TUNNEL
    return _REPEATED if len(headers.getall(hdrs.AUTHORIZATION, ())) > 1 else None


class Framing:
    """Counts what a chunked body takes beside its content."""

    def __init__(self, message: RawRequestMessage, content: StreamReader) -> None:
        self.content = content
        head = sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
        self._free = MAX_FRAMING + head + len(message.path)
        self._received = 0

    def is_too_much(self, received: int) -> bool:
        """Whether it takes too much, so many bytes later. The first ones are also those of the head."""
        self._received += received
        return self._received > self._free + RECEIVED_PER_BYTE * self.content.total_bytes
