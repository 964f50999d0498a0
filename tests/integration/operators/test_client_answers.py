"""Every way in which HTTP/1.1 lets an operator answer is read, and nothing is followed, repeated or made up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from gateway.operators import Unsent
from gateway.operators.http_client.client import HttpClient
from tests.support.machine import has_ipv6
from tests.support.rude_operator import ANSWER, Line, polite, rude_operator

MakeClient = Callable[..., HttpClient]
HEAD = b"HTTP/1.1 200 OK\r\n"

KEPT = {
    "with a length": (HEAD + b"Content-Length: 2\r\n\r\n{}", b"{}"),
    "with a length of nothing": (HEAD + b"Content-Length: 0\r\n\r\n", b""),
    "in chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", b"{}"),
    "in chunks with extensions": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n0;c\r\n\r\n", b"{}"),
    "in chunks with trailers": (
        HEAD + b"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\n{}\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"{}",
    ),
    "after an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER, b"{}"),
    "after several": (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ANSWER, b"{}"),
    "not encoded, and said so": (HEAD + b"Content-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "at the limit": (HEAD + b"Content-Length: 65536\r\n\r\n" + bytes(65536), bytes(65536)),
}


@pytest.mark.parametrize("raw, body", KEPT.values(), ids=KEPT)
async def test_an_answer_is_read_and_the_connection_kept(make_client: MakeClient, raw: bytes, body: bytes) -> None:
    async def behave(line: Line) -> None:
        while True:
            await line.request()
            await line.send(raw)

    async with rude_operator(behave) as operator:
        client = make_client()
        for _ in range(2):
            answer = await client.post(operator.url, b"{}", {})
            assert (answer.status, answer.body) == (200, body)
        assert (operator.connections, len(operator.requests)) == (1, 2)


@pytest.mark.parametrize("raw, body", KEPT.values(), ids=KEPT)
async def test_an_answer_is_the_same_byte_by_byte(make_client: MakeClient, raw: bytes, body: bytes) -> None:
    async def behave(line: Line) -> None:
        await line.request()
        for byte in raw[:400]:
            line.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        await line.send(raw[400:])
        await line.client_is_gone()

    async with rude_operator(behave) as operator:
        answer = await make_client().post(operator.url, b"{}", {})
        assert (answer.status, answer.body) == (200, body)


NOT_KEPT = {
    "until closed": (HEAD + b"\r\n{}", b"{}"),
    "in HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "with Connection: close": (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
    "with another answer behind it": (ANSWER + HEAD + b"Content-Length: 3\r\n\r\nxyz", b"{}"),
    "with rubbish behind it": (ANSWER + b"rubbish", b"{}"),
}


@pytest.mark.parametrize("raw, body", NOT_KEPT.values(), ids=NOT_KEPT)
async def test_an_answer_is_read_and_the_connection_not_used_again(
    make_client: MakeClient, raw: bytes, body: bytes
) -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(raw)

    async with rude_operator(behave) as operator:
        client = make_client()
        for _ in range(3):
            answer = await client.post(operator.url, b"{}", {})
            assert (answer.status, answer.body) == (200, body)
        assert (operator.connections, len(operator.requests)) == (3, 3)


@pytest.mark.parametrize("status", [204, 301, 302, 303, 304, 307, 308, 400, 401, 404, 500, 503, 599])
async def test_every_status_is_an_answer_and_no_redirect_is_followed(make_client: MakeClient, status: int) -> None:
    async def behave(line: Line) -> None:
        while True:
            await line.request()
            length = b"" if status in {204, 304} else b"Content-Length: 0\r\n"
            await line.send(b"HTTP/1.1 %d X\r\nLocation: /elsewhere\r\nRetry-After: 0\r\n%b\r\n" % (status, length))

    async with rude_operator(behave) as operator:
        client = make_client()
        assert [(await client.post(operator.url, b"{}", {})).status for _ in range(2)] == [status, status]
        assert (operator.connections, len(operator.requests)) == (1, 2)


async def test_a_request_goes_out_as_it_was_written(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client()
        await client.post(operator.url + "?a=%7E&b=c%2Fd", b'{"token":"\xc3\xa4"}', {"X-Signature": "sha256=ä/+="})
        await client.get(f"http://127.0.0.1:{operator.port}?q", {"Authorization": "Basic Sm9obkRvZTpNeVBhc3M="})
        assert operator.requests == [
            b"POST /wallet/withdraw?a=%%7E&b=c%%2Fd HTTP/1.1\r\n"
            b"Host: 127.0.0.1:%d\r\n"
            b"User-Agent: mm-wallet-gateway\r\n"
            b"Accept-Encoding: identity\r\n"
            b"X-Signature: sha256=\xe4/+=\r\n"
            b"Content-Length: 14\r\n\r\n"
            b'{"token":"\xc3\xa4"}' % operator.port,
            b"GET /?q HTTP/1.1\r\n"
            b"Host: 127.0.0.1:%d\r\n"
            b"User-Agent: mm-wallet-gateway\r\n"
            b"Accept-Encoding: identity\r\n"
            b"Authorization: Basic Sm9obkRvZTpNeVBhc3M=\r\n\r\n" % operator.port,
        ]


async def test_a_post_without_a_body_says_its_length(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        await make_client().post(operator.url, b"", {})
        assert b"\r\nContent-Length: 0\r\n" in operator.requests[0]


async def test_headers_are_lower_case_and_repeated_ones_joined(make_client: MakeClient) -> None:
    async def behave(line: Line) -> None:
        await line.request()
        await line.send(HEAD + b"X-One:  1 \r\nX-Two: a\r\nx-two: b\r\nSet-Cookie: c=1\r\nContent-Length: 0\r\n\r\n")

    async with rude_operator(behave) as operator:
        answer = await make_client().post(operator.url, b"{}", {})
        assert answer.headers == {"x-one": "1", "x-two": "a, b", "set-cookie": "c=1", "content-length": "0"}


async def test_no_cookie_is_sent_back(make_client: MakeClient) -> None:
    async def behave(line: Line) -> None:
        while True:
            await line.request()
            await line.send(HEAD + b"Set-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n")

    async with rude_operator(behave) as operator:
        client = make_client()
        await client.post(operator.url, b"{}", {})
        await client.post(operator.url, b"{}", {})
        assert b"ookie" not in operator.requests[1]


async def test_a_slow_answer_within_the_budget_is_an_answer(make_client: MakeClient) -> None:
    async def drip(line: Line) -> None:
        await line.request()
        for byte in ANSWER:
            await line.send(bytes([byte]))
            await asyncio.sleep(0.002)

    async with rude_operator(drip) as operator:
        assert (await make_client(timeout_s=5.0).post(operator.url, b"{}", {})).body == b"{}"
        assert len(operator.requests) == 1


async def test_an_answer_that_comes_before_the_whole_request_was_written_ends_the_connection(
    make_client: MakeClient,
) -> None:
    async def refuse_early(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await line.client_is_gone()

    async with rude_operator(refuse_early) as operator:
        client = make_client()
        for _ in range(2):
            assert (await client.post(operator.url, bytes(32 * 2**20), {})).status == 413
        assert operator.connections == 2


async def test_a_host_by_name(make_client: MakeClient) -> None:
    client = make_client()
    async with rude_operator(polite) as operator:
        assert (await client.post(operator.at("localhost"), b"{}", {})).status == 200
        assert b"\r\nHost: localhost:%d\r\n" % operator.port in operator.requests[0]


async def test_a_host_over_ipv6(make_client: MakeClient, not_tried: Callable[[str], None]) -> None:
    client = make_client()
    if not has_ipv6():
        not_tried("an operator that is reached over IPv6: this machine has none")
        with pytest.raises(Unsent):
            await client.post("http://[::1]:9/", b"{}", {})
        return
    async with rude_operator(polite, host="::1") as operator:
        assert (await client.post(operator.at("[::1]"), b"{}", {})).status == 200
        assert b"\r\nHost: [::1]:%d\r\n" % operator.port in operator.requests[0]


async def test_a_name_is_tried_at_each_of_its_addresses(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rude_operator(polite) as operator:
        client = make_client()

        async def addresses(origin: object) -> list[str]:
            return ["127.0.0.9", "127.0.0.1"]  # nothing listens at the first

        monkeypatch.setattr(client._resolver, "addresses", addresses)
        assert (await client.post(operator.at("wallet.example"), b"{}", {})).status == 200


async def test_many_calls_at_once_each_get_their_own_answer(make_client: MakeClient) -> None:
    async def echo(line: Line) -> None:
        while True:
            body = (await line.request()).partition(b"\r\n\r\n")[2]
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with rude_operator(echo) as operator:
        client = make_client()

        async def game(number: int) -> bool:
            bodies = [b"%d/%d" % (number, turn) for turn in range(20)]
            return [(await client.post(operator.url, body, {})).body for body in bodies] == bodies

        assert all(await asyncio.gather(*(game(number) for number in range(32))))
        assert len(operator.requests) == 640
        assert operator.connections == 32
