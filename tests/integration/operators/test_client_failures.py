"""However an operator fails: at most one request on its wire, and `Unsent` only when there was none."""

from __future__ import annotations

import asyncio
import socket
import tracemalloc
from collections.abc import Callable

import pytest

from gateway.operators import Unclear, Unsent
from gateway.operators.http_client.client import HttpClient
from tests.support.descriptors import no_more_descriptors
from tests.support.rude_operator import ANSWER, Behaviour, Line, polite, rude_operator
from tests.support.waiting import until

MakeClient = Callable[..., HttpClient]
BODY = b'{"mmTransactionId":"1234abcd"}'
JSON = {"Content-Type": "application/json"}


def answering(*pieces: bytes, close: bool = True) -> Behaviour:
    """Reads the request, sends these pieces, and closes, or waits for the client to do so."""

    async def behave(line: Line) -> None:
        await line.request()
        for piece in pieces:
            await line.send(piece)
        if not close:
            await line.client_is_gone()

    return behave


async def reset_before_reading(line: Line) -> None:
    line.reset()


async def reset_after_the_request(line: Line) -> None:
    await line.request()
    line.reset()


async def reset_in_the_answer(line: Line) -> None:
    await line.request()
    await line.send(ANSWER[:-1])
    line.reset()


async def never_answer(line: Line) -> None:
    await line.request()
    await line.client_is_gone()


async def never_read(line: Line) -> None:
    await asyncio.Event().wait()


async def drip_for_ever(line: Line) -> None:
    await line.request()
    await line.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        await line.send(b"1\r\n \r\n")
        await asyncio.sleep(0.01)


HEAD = b"HTTP/1.1 200 OK\r\n"

UNCLEAR = {
    "reset after the request": reset_after_the_request,
    "reset in the answer": reset_in_the_answer,
    "closed without an answer": answering(),
    "closed in the head": answering(HEAD + b"Content-Le"),
    "closed in the body": answering(HEAD + b"Content-Length: 9\r\n\r\n{}"),
    "closed in a chunk": answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n9\r\n{}"),
    "closed before the last chunk": answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
    "closed after an interim answer": answering(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "not HTTP": answering(b"SSH-2.0-OpenSSH_9.6\r\n", close=False),
    "HTTP/0.9": answering(b"<html>"),
    "HTTP/2": answering(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", close=False),
    "no status": answering(b"HTTP/1.1 OK\r\n\r\n", close=False),
    "a header without a colon": answering(HEAD + b"Nonsense\r\n\r\n", close=False),
    "a length that is no number": answering(HEAD + b"Content-Length: two\r\n\r\n{}", close=False),
    "a negative length": answering(HEAD + b"Content-Length: -2\r\n\r\n{}", close=False),
    "two lengths": answering(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", close=False),
    "a length and chunks": answering(
        HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", close=False
    ),
    "a chunk size that is no number": answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nz\r\n{}", close=False),
    "an encoding that is not chunked": answering(HEAD + b"Transfer-Encoding: gzip\r\n\r\n{}"),
    "a compressed body": answering(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", close=False),
    "another protocol": answering(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", close=False
    ),
    "a body over the limit, said so": answering(HEAD + b"Content-Length: 65537\r\n\r\n" + bytes(65537), close=False),
    "a body over the limit, in chunks": answering(
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"8000\r\n" + bytes(0x8000) + b"\r\n"] * 3, close=False
    ),
    "a body over the limit, until closed": answering(HEAD + b"\r\n" + bytes(65537), close=False),
}


@pytest.mark.parametrize("behave", UNCLEAR.values(), ids=UNCLEAR)
async def test_what_is_no_whole_answer_is_unclear_and_was_sent_once(make_client: MakeClient, behave: Behaviour) -> None:
    async with rude_operator(behave) as operator:
        with pytest.raises(Unclear) as caught:
            await make_client().post(operator.url, BODY, JSON)
        assert not isinstance(caught.value, Unsent)
        assert len(operator.requests) == 1
        assert operator.connections == 1


@pytest.mark.parametrize("behave", [never_answer, never_read, drip_for_ever])
async def test_an_answer_that_takes_longer_than_the_budget_is_unclear(
    make_client: MakeClient, behave: Behaviour
) -> None:
    loop = asyncio.get_running_loop()
    async with rude_operator(behave) as operator:
        begun = loop.time()
        with pytest.raises(Unclear, match="in time") as caught:
            await make_client(timeout_s=0.2).post(operator.url, BODY, JSON)
        assert 0.19 <= loop.time() - begun < 2.0
        assert not isinstance(caught.value, Unsent)
        assert len(operator.requests) <= 1
        assert operator.connections == 1


async def test_a_call_in_time_is_not_hurt_by_another_one_that_is_not(make_client: MakeClient) -> None:
    released = asyncio.Event()

    async def answer_the_second_later(line: Line) -> None:
        request = await line.request()
        if b"slow" in request:
            await line.client_is_gone()
        await released.wait()
        await line.send(ANSWER)

    async with rude_operator(answer_the_second_later) as operator:
        client = make_client(timeout_s=60)
        slow = asyncio.ensure_future(client.post(operator.url, b"slow", JSON))
        await until(lambda: operator.requests)
        (connection,) = client._deadlines._due
        quick = asyncio.ensure_future(client.post(operator.url, b"quick", JSON))
        await until(lambda: len(operator.requests) == 2)
        loop = asyncio.get_running_loop()
        client._deadlines.set(connection, loop.time(), loop)
        with pytest.raises(Unclear):
            await slow
        released.set()
        assert (await quick).status == 200


async def test_a_connection_reset_before_anything_was_read_is_unclear_if_the_request_was_written(
    make_client: MakeClient,
) -> None:
    async with rude_operator(reset_before_reading) as operator:
        with pytest.raises(Unclear):
            await make_client().post(operator.url, BODY, JSON)
        assert operator.requests == []
        assert operator.connections == 1


async def test_a_refused_connection_is_unsent(make_client: MakeClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(Unsent, match="ConnectionRefusedError"):
            await make_client().post(url, BODY, JSON)


async def test_a_name_that_does_not_exist_is_unsent(make_client: MakeClient) -> None:
    with pytest.raises(Unsent, match="host name"):
        await make_client(connect_timeout_s=5.0).post("http://wallet.invalid/", BODY, JSON)


async def test_a_limit_that_was_passed_is_named_with_its_setting(make_client: MakeClient) -> None:
    async def long_answer(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n" + b"x" * 11)

    async with rude_operator(Line.client_is_gone) as operator:
        with pytest.raises(Unclear, match=r"in time \(0\.1 s: timeout\)"):
            await make_client(timeout_s=0.1).post(operator.url, BODY, JSON)
    async with rude_operator(long_answer) as operator:
        with pytest.raises(Unclear, match=r"longer than 10 bytes \(max_answer\)"):
            await make_client(max_answer=10).post(operator.url, BODY, JSON)


async def test_used_up_descriptors_are_named(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client()
        with no_more_descriptors(), pytest.raises(Unsent, match="no free file descriptor"):
            await client.post(operator.url, BODY, JSON)
        assert (await client.post(operator.url, BODY, JSON)).status == 200


async def test_a_connection_that_is_not_taken_in_time_is_unsent(make_client: MakeClient) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for taken in (first, second):  # the backlog is full: the system leaves further ones unanswered
            taken.setblocking(False)
            taken.connect_ex(full.getsockname())
        client = make_client(connect_timeout_s=0.1)
        with pytest.raises(Unsent, match=r"operator in time \(0\.1 s: connections\.connect_timeout\)"):
            await client.post(f"http://127.0.0.1:{full.getsockname()[1]}/", BODY, JSON)


async def test_an_operator_that_speaks_before_it_is_asked_gets_no_request(make_client: MakeClient) -> None:
    async def greet(line: Line) -> None:
        await line.send(b"220 welcome\r\n")
        await line.request()

    async with rude_operator(greet) as operator:
        client = make_client()
        for _ in range(20):
            with pytest.raises(Unclear):
                await client.post(operator.url, BODY, JSON)
        assert len(operator.requests) <= operator.connections


async def test_a_closed_client_sends_nothing(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client()
        await client.close()
        with pytest.raises(Unsent, match="closed"):
            await client.post(operator.url, BODY, JSON)
        assert operator.connections == 0


async def test_closing_the_client_ends_a_call_under_way_as_unclear(make_client: MakeClient) -> None:
    async with rude_operator(never_answer) as operator:
        client = make_client()
        call = asyncio.ensure_future(client.post(operator.url, BODY, JSON))
        await operator.heard.wait()
        await client.close()
        with pytest.raises(Unclear) as caught:
            await call
        assert not isinstance(caught.value, Unsent)


async def test_a_cancelled_call_closes_its_connection(make_client: MakeClient) -> None:
    gone = asyncio.Event()

    async def behave(line: Line) -> None:
        await line.request()
        await line.client_is_gone()
        gone.set()

    async with rude_operator(behave) as operator:
        call = asyncio.ensure_future(make_client().post(operator.url, BODY, JSON))
        await operator.heard.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(gone.wait(), 2)
        assert len(operator.requests) == 1


async def test_cancelling_at_any_moment_neither_mixes_up_answers_nor_leaks_connections(
    make_client: MakeClient,
) -> None:
    async def echo(line: Line) -> None:
        while True:
            body = (await line.request()).partition(b"\r\n\r\n")[2]
            await line.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with rude_operator(echo) as operator:
        client = make_client()
        for turns in range(60):
            call = asyncio.ensure_future(client.post(operator.url, b"cancelled", JSON))
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            answer = await client.post(operator.url, b"%d" % turns, JSON)
            assert answer.body == b"%d" % turns
        assert len(operator.requests) <= 120


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(b"x" * 65536, id="one endless line"),
        pytest.param(b"X-Flood: 0123456789\r\n" * 3000, id="endless headers"),
        pytest.param(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 " * 1500, id="endless interim answers"),
        pytest.param(b"200 OK\r\nX-Flood: " + b"x" * 65536, id="an endless header"),
        pytest.param(b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 65536, id="an endless trailer"),
        pytest.param(b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 65536, id="an endless chunk header"),
        pytest.param(b"200 OK\r\n\r\n" + b"x" * 65536, id="an endless body"),
    ],
)
async def test_a_flood_is_cut_off_and_memory_stays_bounded(make_client: MakeClient, flood: bytes) -> None:
    async def pour(line: Line) -> None:
        await line.request()
        await line.send(b"HTTP/1.1 " + flood)
        while True:
            await line.send(flood[-20000:])

    async with rude_operator(pour) as operator:
        client = make_client()
        tracemalloc.start()
        try:
            with pytest.raises(Unclear):
                await client.post(operator.url, BODY, JSON)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 4 * 2**20
        assert len(operator.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "/wallet/withdraw",
        "http:///wallet",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX-Injected: 1",
        "http://127.0.0.1\r\nX-Injected: 1/",
        "http://user:secret@127.0.0.1/",
        "http://127.0.0.1/ä",
        "http://wällét.example/",
        "",
    ],
)
async def test_a_url_that_cannot_be_written_safely_is_unsent(make_client: MakeClient, url: str) -> None:
    with pytest.raises(Unsent) as caught:
        await make_client().post(url, BODY, JSON)
    assert "secret" not in caught.value.text


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "1\r\nX-Injected: 1"},
        {"X": "1\n"},
        {"X": "1\r"},
        {"X": "1\x00"},
        {"X": "Ω"},
        {"X\r\nY": "1"},
        {"X:": "1"},
        {"X Y": "1"},
        {"": "1"},
        {"content-length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"Host": "elsewhere.example"},
        {"Connection": "close"},
        {"Expect": "100-continue"},
        {"Accept-Encoding": "gzip"},
    ],
)
async def test_a_header_that_would_break_the_request_is_unsent(
    make_client: MakeClient, headers: dict[str, str]
) -> None:
    async with rude_operator(polite) as operator:
        with pytest.raises(Unsent, match="header"):
            await make_client().post(operator.url, BODY, headers)
        assert operator.connections == 0
