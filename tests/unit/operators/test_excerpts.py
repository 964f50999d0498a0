from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators import HttpResponse, RetryLater, Unclear, Unmapped, excerpt_of
from gateway.operators.safe_text import EXCERPT_LIMIT
from gateway.toolbox import http_error

PAGE = b"""<!DOCTYPE html>
<html><head><title>502 Bad Gateway</title><style>body { color: red; }</style><script>
  track("<b>");
</script></head>
<body><!-- by nginx > 1.2 --><h1>Bad&nbsp;Gateway</h1><p>Fish &amp; chips</p></body></html>
"""


@given(st.binary(max_size=2000))
def test_anything_becomes_one_bounded_line_that_can_be_written(body: bytes) -> None:
    said = excerpt_of(body)
    assert len(said) <= EXCERPT_LIMIT
    assert said.encode().decode() == said
    assert said.splitlines() in ([], [said])
    assert said == said.strip()


@pytest.mark.parametrize(
    "body, said",
    [
        (b"", ""),
        (b"  \r\n\t", ""),
        (b"no such session", "no such session"),
        (b'{"errorCode":102,\r\n "why": "poor"}\n', '{"errorCode":102, "why": "poor"}'),
        (PAGE, "502 Bad Gateway Bad Gateway Fish & chips"),
        (b"<error><code>5</code><text>too late</text></error>", "5 too late"),
        (b"\xef\xbb\xbf<p>It works!</p>", "It works!"),
        (b"<script>never ended", ""),
        (b"a < b", "a < b"),
        (b"Guthaben \xff zu niedrig", "Guthaben \ufffd zu niedrig"),
        ("Ung\u00fcltig\u202e\u200b\x00\x1b[31m".encode(), "Ung\u00fcltig [31m"),
        (b"x" * 1000, "x" * 159 + "…"),
    ],
)
def test_an_excerpt_is_what_a_reader_would_quote(body: bytes, said: str) -> None:
    assert excerpt_of(body) == said


@pytest.mark.parametrize("piece", [b"<script", b"<!--", b"<", b"<style><", b"&#", b"\xf0", b"<script>", b" "])
def test_an_excerpt_takes_no_time_whatever_was_sent(piece: bytes) -> None:
    begun = process_time()
    excerpt_of(b"<" + piece * 1_000_000)
    assert process_time() - begun < 0.5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_who_refuses_a_request_is_alive(status: int) -> None:
    error = http_error(HttpResponse(status, {}, b"<h1>No</h1>"))
    assert isinstance(error, Unmapped)
    assert error.text == f"HTTP {status}: No"


@pytest.mark.parametrize("status", [201, 204, 302, 408, 429, 500, 502, 503, 504])
def test_any_other_status_shows_no_operator_that_can_answer(status: int) -> None:
    error = http_error(HttpResponse(status, {}, b""))
    assert type(error) is Unclear
    assert error.text == f"HTTP {status}"


@pytest.mark.parametrize("status, value, after_s", [(429, "7", 7.0), (503, "120", 120.0)])
def test_an_operator_that_says_when_to_come_back_is_heard(status: int, value: str, after_s: float) -> None:
    error = http_error(HttpResponse(status, {"retry-after": value}, b""))
    assert isinstance(error, RetryLater)
    assert error.after_s == after_s


@pytest.mark.parametrize(
    "status, value",
    [(429, "Wed, 21 Oct 2026 07:28:00 GMT"), (429, "-1"), (429, "1e3"), (429, "٣"), (500, "7"), (429, "9" * 12)],
)
def test_what_is_not_a_number_of_seconds_is_left_to_the_schedule(status: int, value: str) -> None:
    assert type(http_error(HttpResponse(status, {"retry-after": value}, b""))) is Unclear
