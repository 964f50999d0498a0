"""From bytes to requests: llhttp parses, and what it leaves to us is refused here.

The parser is strict: a length beside chunks, two lengths, folded headers and bare line feeds, of which smuggling is
made, end the connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httptools

from gateway.http.request import Request

HEADERS: Final = 64

SPENT_ON_A_BYTE: Final = 10
"""The bytes that one byte of a body may take, chunked as finely as can be: more is no body, but a way to our memory."""

_CONTINUED: Final = b"POST / HTTP/1.1\r\nHost: -\r\nConnection: close"


class Malformed(Exception):
    """What arrived is no HTTP/1.1 that is served here. Nothing after it can be understood."""


class RequestReader:
    """Reads one connection's requests. `begun` is called with each whose head is there; its body may follow.

    The methods without a docstring are called by the parser.
    """

    def __init__(self, max_header: int, new: Callable[[], Request], begun: Callable[[Request], None]) -> None:
        self._max_header = max_header
        self._new = new
        self._begun = begun
        self._parser = httptools.HttpRequestParser(self)
        self._fields: list[tuple[bytes, bytes]] = []
        self._incomplete = 0
        self._target = b""
        self.request = new()
        self.request.complete = True
        self.in_head = False

    def feed(self, data: bytes) -> None:
        """Raises `Malformed`."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._pass_over(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise Malformed(_why(error)) from None
        if not self.between:
            self._incomplete += len(data)
            if self._incomplete > HEADERS * self._max_header + SPENT_ON_A_BYTE * self.request.body_length:
                raise Malformed("a head or trailer without an end, or nothing but crumbs")

    def begin_anew(self) -> None:
        """What comes next is a request."""
        self._parser = httptools.HttpRequestParser(self)

    def _pass_over(self, rest: bytes) -> None:
        """Goes on after an offer to talk something else. The parser takes the body for that; we read it as the body."""
        headers = self.request.headers
        framing = [
            name + b": " + headers[name] for name in (b"content-length", b"transfer-encoding") if name in headers
        ]
        if framing:
            self.request.complete = False
            self._parser = httptools.HttpRequestParser(_RestOfBody(self))
            self._parser.feed_data(b"\r\n".join([_CONTINUED, *framing, b"", b""]))
        else:
            self.begin_anew()
        if rest:
            self.feed(rest)

    @property
    def between(self) -> bool:
        """Whether nothing has come of a next request."""
        return self.request.complete and not self.in_head

    def on_message_begin(self) -> None:
        self.request = self._new()
        self.in_head = True
        self._fields = []
        self._incomplete = 0
        self._target = b""

    def on_url(self, piece: bytes) -> None:
        self._target += piece
        if len(self._target) > self._max_header:
            raise Malformed("a long request line")

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(value) > self._max_header:
            raise Malformed("a long header")
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        request, parser = self.request, self._parser
        request.headers = self._headers()
        version = parser.get_http_version()
        request.is_1_1 = version == "1.1"
        if not request.is_1_1 and version != "1.0":
            raise Malformed("another version of HTTP")
        if request.is_1_1 and b"host" not in request.headers:
            raise Malformed("no host")
        request.method = parser.get_method().decode("ascii")
        request.target = self._target.decode("latin-1")
        request.keep_alive = parser.should_keep_alive()
        self.in_head = False
        if request.method == "CONNECT":
            request.keep_alive = False
        self._begun(request)

    def on_body(self, piece: bytes) -> None:
        self.request.pieces.append(piece)
        self.request.body_length += len(piece)

    def on_message_complete(self) -> None:
        self.request.complete = True

    def _headers(self) -> dict[bytes, bytes]:
        """By name. The values of one that came several times are joined with commas."""
        fields = self._fields
        headers = dict(fields)
        if len(fields) > HEADERS:
            raise Malformed("too many headers")
        if len(headers) < len(fields):
            headers = {name: b",".join(value for other, value in fields if other == name) for name in headers}
        return headers


class _RestOfBody:
    """Reads the body of a request whose head is known, and hands the connection back to its reader."""

    def __init__(self, reader: RequestReader) -> None:
        self._reader = reader
        self.on_body = reader.on_body

    def on_message_complete(self) -> None:
        self._reader.on_message_complete()
        self._reader.begin_anew()


def _why(error: Exception) -> str:
    cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else error
    return str(cause)  # a fixed text of the parser's, or ours
