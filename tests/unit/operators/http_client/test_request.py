from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators.errors import Unsendable
from gateway.operators.http_client.request import Origin, request_of, target_of


@pytest.mark.parametrize(
    "url, origin, path, host",
    [
        ("http://a.example/x", Origin("a.example", 80, tls=False), b"/x", b"a.example"),
        ("https://A.Example", Origin("a.example", 443, tls=True), b"/", b"a.example"),
        ("https://a.example:8443/x?y=1", Origin("a.example", 8443, tls=True), b"/x?y=1", b"a.example:8443"),
        ("http://a.example:443/", Origin("a.example", 443, tls=False), b"/", b"a.example:443"),
        ("https://[2001:db8::1]/x", Origin("2001:db8::1", 443, tls=True), b"/x", b"[2001:db8::1]"),
        ("http://[::1]:81/x", Origin("::1", 81, tls=False), b"/x", b"[::1]:81"),
        ("https://xn--wllt-ioa6d.example/%7E%2f", Origin("xn--wllt-ioa6d.example", 443, tls=True), b"/%7E%2f", None),
    ],
)
def test_a_url_leads_where_it_says(url: str, origin: Origin, path: bytes, host: bytes | None) -> None:
    target = target_of("POST", url)
    line, host_line, *_ = target.head.split(b"\r\n")
    assert target.origin == origin
    assert line == b"POST " + path + b" HTTP/1.1"
    assert host_line == b"Host: " + (host or origin.host.encode())


@given(st.text(max_size=60) | st.text(max_size=30).map(lambda rest: "http://a.example/" + rest))
def test_no_url_adds_a_line(url: str) -> None:
    try:
        head = target_of("GET", url).head
    except Unsendable:
        return
    assert head.count(b"\n") == head.count(b"\r\n") == 4
    assert head.split(b"\r\n")[0].count(b" ") == 2


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=4), st.binary(max_size=10) | st.none())
def test_no_header_adds_a_line_or_changes_the_framing(headers: dict[str, str], body: bytes | None) -> None:
    try:
        request = request_of(b"GET / HTTP/1.1\r\n", headers, body)
    except Unsendable:
        return
    head, _, rest = request.partition(b"\r\n\r\n")
    assert rest == (body or b"")
    assert head.count(b"\r\n") == len(headers) + (body is not None)
    assert b"\n" not in head.replace(b"\r\n", b"")


def test_a_header_may_come_several_times_and_a_get_may_have_a_body() -> None:
    head = target_of("GET", "http://a.example/x").head
    request = request_of(head, [("X-Scope", "a"), ("X-Scope", "b")], b"{}")
    assert request.startswith(b"GET /x HTTP/1.1\r\n")
    assert request.endswith(b"X-Scope: a\r\nX-Scope: b\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_whose_answer_can_be_read_may_be_used(method: str) -> None:
    assert target_of(method, "http://a.example/").head.startswith(method.encode() + b" / HTTP/1.1\r\n")


@pytest.mark.parametrize("method", ["HEAD", "CONNECT", "get", "", "GET /x HTTP/1.1\r\nX: y\r\n"])
def test_another_method_is_never_sent(method: str) -> None:
    with pytest.raises(Unsendable, match="is not a method"):
        target_of(method, "http://a.example/")


@pytest.mark.parametrize("url", ["http://a.example/tx/p1#2", "http://a.example/tx?id=p1#2", "http://a.example/#"])
def test_an_id_that_was_not_escaped_does_not_become_the_id_before_its_number_sign(url: str) -> None:
    with pytest.raises(Unsendable, match="fragment"):
        target_of("GET", url)


@pytest.mark.parametrize("name", ["Host: b.example", "Content-Length: 9", "Transfer-Encoding: chunked, x", "X: y"])
def test_no_name_of_a_header_brings_its_own_colon(name: str) -> None:
    with pytest.raises(Unsendable, match="must not be sent"):
        request_of(b"GET / HTTP/1.1\r\n", {name: "x"}, None)
