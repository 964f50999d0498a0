"""Operators' HTTP answers: however they are cut into pieces, the same whole answer comes out, or none."""

from __future__ import annotations

from typing import Final

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Unclear
from gateway.operators.http_client.response_reader import HEAD_LIMIT, ResponseReader

LIMIT: Final = 256
BODILESS: Final = (204, 304)

WORDS: Final = (
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.0 200 OK\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n",
    b"HTTP/1.1 204 No Content\r\n",
    b"HTTP/1.1 500 Internal Server Error\r\n",
    b"Content-Length: 2\r\n",
    b"Content-Length: 02\r\n",
    b"Content-Length: 257\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Trailer: X\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"2\r\n{}\r\n",
    b"2;x=y\r\n{}\r\n",
    b"0\r\n\r\n",
    b"{}",
    b"\x00",
)


def check(data: bytes) -> None:
    stride, sent = data[:1] or b"\x00", data[1:]
    pieces = stride[0] % 32 + 1
    whole = _read([sent])
    _is_right(whole)
    assert _read([sent[at : at + 1] for at in range(len(sent))]) == whole
    assert _read([sent[at : at + pieces] for at in range(0, len(sent), pieces)]) == whole


def _read(pieces: list[bytes]) -> HttpResponse | None:
    """The answer to which the pieces and then the end of the connection come, None where nobody can say."""
    reader = ResponseReader(LIMIT)
    try:
        for piece in pieces:
            answer = reader.feed(piece)
            if answer is not None:
                return answer
        return reader.end()
    except Unclear as unclear:
        assert unclear.text.isprintable()  # noqa: PT017 - either is right
        return None


def _is_right(answer: HttpResponse | None) -> None:
    if answer is None:
        return
    assert answer.status >= BODILESS[0] or answer.status in range(200, 204)
    assert len(answer.body) <= LIMIT
    assert sum(map(len, answer.headers)) + sum(map(len, answer.headers.values())) <= 2 * HEAD_LIMIT
    length = answer.headers.get("content-length")
    if length is not None and "transfer-encoding" not in answer.headers and answer.status not in BODILESS:
        assert int(length) == len(answer.body)
