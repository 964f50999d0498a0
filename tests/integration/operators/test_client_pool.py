"""A connection that waits for the next call never costs it: what the operator closed, or spoke on, is not used."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from gateway.operators.http_client.client import HttpClient
from tests.support.rude_operator import ANSWER, Behaviour, Line, polite, rude_operator

MakeClient = Callable[..., HttpClient]
CLOSING_ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"


def answer_and(end: Callable[[Line], None], answer: bytes = ANSWER) -> Behaviour:
    async def behave(line: Line) -> None:
        await line.request()
        line.writer.write(answer)
        end(line)

    return behave


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(answer_and(Line.close), id="closes without saying so"),
        pytest.param(answer_and(Line.close, CLOSING_ANSWER), id="closes as it said"),
        pytest.param(answer_and(lambda line: line.writer.write_eof()), id="closes its side only"),
        pytest.param(answer_and(lambda line: line.writer.write(b"x")), id="speaks unasked"),
    ],
)
async def test_200_calls_to_an_operator_that_closes_after_each_answer_all_succeed(
    make_client: MakeClient, behave: Behaviour
) -> None:
    async with rude_operator(behave) as operator:
        client = make_client()
        for _ in range(200):
            assert (await client.post(operator.url, b"{}", {})).status == 200
        assert len(operator.requests) == operator.connections == 200


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda writer: writer.transport.abort(), id="closed"),
        pytest.param(lambda writer: writer.write(ANSWER), id="answered twice"),
    ],
)
async def test_what_the_loop_has_not_seen_yet_is_seen_before_writing(
    make_client: MakeClient, spoil: Callable[[asyncio.StreamWriter], None]
) -> None:
    closing = asyncio.Event()
    closed = asyncio.Event()

    async def behave(line: Line) -> None:
        await line.request()
        await line.send(ANSWER)
        await closing.wait()
        spoil(line.writer)
        closed.set()
        await line.request()

    async with rude_operator(behave) as operator:
        client = make_client()
        for call in range(100):
            assert (await client.post(operator.url, b"{}", {})).status == 200
            closing.set()
            await closed.wait()  # the same turn of the loop: the client has had no chance to notice
            closing.clear()
            closed.clear()
            assert len(operator.requests) == call + 1


async def test_a_connection_is_kept_no_longer_than_its_idle_time(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client(idle_s=60)
        await client.post(operator.url, b"{}", {})
        await client.post(operator.url, b"{}", {})
        assert operator.connections == 1
        (connection,) = client._pool._open
        assert connection.keep_until > asyncio.get_running_loop().time()
        connection.keep_until = 0  # its idle time is over
        await client.post(operator.url, b"{}", {})
        assert operator.connections == 2


async def test_an_idle_time_of_nothing_keeps_no_connection(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client(idle_s=0.0)
        for _ in range(3):
            await client.post(operator.url, b"{}", {})
        assert operator.connections == 3


@pytest.mark.parametrize("header, kept", [(b"timeout=5, max=100", True), (b"timeout=1", False), (b"max=3", True)])
async def test_an_operator_that_tells_its_idle_time_is_believed(
    make_client: MakeClient, header: bytes, kept: bool
) -> None:
    async def behave(line: Line) -> None:
        while True:
            await line.request()
            await line.send(b"HTTP/1.1 200 OK\r\nKeep-Alive: %b\r\nContent-Length: 0\r\n\r\n" % header)

    async with rude_operator(behave) as operator:
        client = make_client()
        await client.post(operator.url, b"{}", {})
        await client.post(operator.url, b"{}", {})
        assert operator.connections == (1 if kept else 2)


async def test_connections_that_nobody_uses_are_closed_without_another_call(make_client: MakeClient) -> None:
    all_gone = asyncio.Event()

    async def behave(line: Line) -> None:
        await line.request()
        await line.send(ANSWER)
        await line.client_is_gone()
        all_gone.set()

    async with rude_operator(behave) as operator:
        await make_client(idle_s=0.05).post(operator.url, b"{}", {})
        assert await asyncio.wait_for(all_gone.wait(), 5)


async def test_closing_the_client_closes_every_connection(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client()
        await asyncio.gather(*(client.post(operator.url, b"{}", {}) for _ in range(8)))
        await client.close()
        assert client._pool._open == {}
        await client.close()
        while operator.gone < operator.connections:
            await asyncio.sleep(0)
        assert operator.gone == 8


async def test_operators_at_two_addresses_do_not_share_connections(make_client: MakeClient) -> None:
    async with rude_operator(polite) as one, rude_operator(polite) as other:
        client = make_client()
        for operator in (one, other, one, other):
            await client.post(operator.url, b"{}", {})
        assert (one.connections, other.connections) == (1, 1)
        assert (len(one.requests), len(other.requests)) == (2, 2)


async def test_an_operator_that_moves_is_followed_while_calls_flow(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rude_operator(polite) as old:
        sock = socket.create_server(("127.0.0.2", old.port))
        async with rude_operator(polite, sock=sock) as new:
            addresses = ["127.0.0.1"]
            client = make_client(max_age_s=0.5)
            monkeypatch.setattr(client._resolver, "addresses", _always(addresses))
            await client.post(old.at("wallet.example"), b"{}", {})
            addresses[:] = ["127.0.0.2"]
            async with asyncio.timeout(5):
                while not new.requests:  # without a pause: the connection is never idle
                    await client.post(old.at("wallet.example"), b"{}", {})
            assert old.connections == 1


async def test_a_connection_is_replaced_by_its_age_also_if_it_is_used_all_the_time(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client(max_age_s=3600)
        await client.post(operator.url, b"{}", {})
        (connection,) = client._pool._open
        now = asyncio.get_running_loop().time()
        assert 3600 * 0.9 - 60 < connection.too_old_at - now <= 3600
        connection.too_old_at = now
        await client.post(operator.url, b"{}", {})  # given out before its age was looked at, and not taken back
        await client.post(operator.url, b"{}", {})
        assert operator.connections == 2


async def test_connections_of_a_burst_are_not_all_replaced_at_once(make_client: MakeClient) -> None:
    async with rude_operator(polite) as operator:
        client = make_client(max_age_s=1000)
        await asyncio.gather(*(client.post(operator.url, b"{}", {}) for _ in range(20)))
        ends = sorted(connection.too_old_at for connection in client._pool._open)
        assert len(ends) == 20
        assert ends[-1] - ends[0] > 80


async def test_connections_are_renewed_at_once_and_no_call_under_way_is_disturbed(make_client: MakeClient) -> None:
    may_answer = asyncio.Event()

    async def behave(line: Line) -> None:
        while True:
            await line.request()
            if len(operator.requests) == 2:
                await may_answer.wait()
            await line.send(ANSWER)

    async with rude_operator(behave) as operator:
        client = make_client()
        await client.post(operator.url, b"{}", {})
        under_way = asyncio.ensure_future(client.post(operator.url, b"{}", {}))
        while len(operator.requests) < 2:
            await asyncio.sleep(0)
        client.renew_connections(client._tls)
        may_answer.set()
        assert (await under_way).status == 200
        assert operator.connections == 1
        for _ in range(2):
            await client.post(operator.url, b"{}", {})
        assert operator.connections == 2


def _always(addresses: list[str]) -> Callable[[object], Awaitable[list[str]]]:
    async def known(_: object) -> list[str]:
        return addresses

    return known
