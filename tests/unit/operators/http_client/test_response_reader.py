from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators.adapter import HttpResponse
from gateway.operators.errors import Unclear
from gateway.operators.http_client.response_reader import HEAD_LIMIT, ResponseReader

LIMIT = 1000
HEAD = b"HTTP/1.1 200 OK\r\n"
FRAGMENTS = (
    b"HTTP/1.1 ",
    b"HTTP/1.0 ",
    b"200 OK",
    b"100 Continue",
    b"101 Switching Protocols",
    b"204 No Content",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"Content-Length: 2\r\n",
    b"Content-Length: 1001\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"Content-Encoding: gzip\r\n",
    b"2\r\n{}\r\n",
    b"0\r\n\r\n",
    b"{}",
    b"x" * 700,
    b"\x00",
)


def read(pieces: list[bytes]) -> tuple[HttpResponse | None, ResponseReader]:
    reader = ResponseReader(LIMIT)
    for piece in pieces:
        answer = reader.feed(piece)
        if answer is not None:
            return answer, reader
    return None, reader


def read_to_the_end(pieces: list[bytes]) -> HttpResponse | Unclear:
    try:
        answer, reader = read(pieces)
        return reader.end() if answer is None else answer
    except Unclear as unclear:
        return unclear


@given(st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=30), max_size=25))
def test_whatever_arrives_is_an_answer_under_the_limits_or_unclear(pieces: list[bytes]) -> None:
    answer = read_to_the_end(pieces)
    if isinstance(answer, Unclear):
        assert answer.text.isascii()
        assert len(answer.text) < 100
        return
    assert 200 <= answer.status <= 999
    assert len(answer.body) <= LIMIT
    assert sum(len(name) + len(value) for name, value in answer.headers.items()) <= HEAD_LIMIT


@given(st.data())
def test_an_answer_does_not_depend_on_how_it_is_cut(data: st.DataObject) -> None:
    whole = data.draw(
        st.sampled_from(
            [
                HEAD + b"X-A: b\r\nContent-Length: 10\r\n\r\n0123456789",
                HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n6;x=y\r\n456789\r\n0\r\nX-T: 1\r\n\r\n",
                b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + b"Content-Length: 10\r\n\r\n0123456789",
            ]
        )
    )
    cuts = sorted(data.draw(st.lists(st.integers(1, len(whole) - 1), max_size=10)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    answer, reader = read(pieces)
    assert answer is not None
    assert answer.body == b"0123456789"
    assert reader.reusable


def test_one_reader_reads_many_answers() -> None:
    reader = ResponseReader(LIMIT)
    for number in range(3):
        reader.begin()
        answer = reader.feed(HEAD + b"X-N: %d\r\nContent-Length: 1\r\n\r\n%d" % (number, number))
        assert answer == HttpResponse(200, {"x-n": str(number), "content-length": "1"}, b"%d" % number)


def test_an_interim_answers_headers_are_not_the_answers() -> None:
    answer, _ = read([b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + b"Content-Length: 0\r\n\r\n"])
    assert answer is not None
    assert answer.headers == {"content-length": "0"}


@pytest.mark.parametrize(
    "pieces, why",
    [
        ([HEAD + b"Content-Length: 1001\r\n\r\n" + bytes(1001)], "longer than 1000 bytes"),
        ([HEAD + b"X: " + b"x" * HEAD_LIMIT + b"\r\n\r\n"], "head"),
        ([HEAD, *[b"X: x\r\n" * 100] * 60], "head"),
        ([HEAD + b"X: ", *[b"x" * 1000] * 33], "head"),
        ([b"HTTP/1.1 100 Continue\r\n\r\n" * 10] * 150, "head"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;", *[b"x" * 1000] * 33], "head"),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"x" * 1000] * 33], "head"),
        ([HEAD + b"Content-Encoding: br\r\nContent-Length: 0\r\n\r\n"], "compressed"),
        ([b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"], "switch protocols"),
        ([b"GET / HTTP/1.1\r\n\r\n"], "not HTTP"),
    ],
)
def test_what_is_refused_says_why(pieces: list[bytes], why: str) -> None:
    with pytest.raises(Unclear, match=why):
        read(pieces)
