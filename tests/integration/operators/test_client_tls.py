"""TLS towards an operator: nothing is sent to whoever cannot prove who it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.operators import Unclear, Unsent
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from tests.support.certificates import Authority, server_context
from tests.support.rude_operator import Line, polite, rude_operator

MakeClient = Callable[..., HttpClient]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


async def test_a_certificate_of_the_configured_authority_is_trusted(
    make_client: MakeClient, authority: Authority
) -> None:
    async with rude_operator(polite, tls=server_context(authority.certificate("localhost"))) as operator:
        client = make_client(tls=tls_context(authority.file, None, None))
        for _ in range(3):
            assert (await client.post(operator.at("localhost"), b"{}", {})).status == 200
        assert (operator.connections, len(operator.requests)) == (1, 3)


async def test_an_address_can_be_certified(make_client: MakeClient, authority: Authority) -> None:
    async with rude_operator(polite, tls=server_context(authority.certificate("127.0.0.1"))) as operator:
        client = make_client(tls=tls_context(authority.file, None, None))
        assert (await client.post(operator.url, b"{}", {})).status == 200


async def test_an_unknown_authority_is_unsent(make_client: MakeClient, authority: Authority) -> None:
    async with rude_operator(polite, tls=server_context(authority.certificate("localhost"))) as operator:
        with pytest.raises(Unsent, match="not trusted"):
            await make_client().post(operator.at("localhost"), b"{}", {})
        assert operator.requests == []


async def test_an_expired_certificate_is_unsent(make_client: MakeClient, authority: Authority) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = authority.certificate("localhost", valid_until=yesterday)
    async with rude_operator(polite, tls=server_context(expired)) as operator:
        with pytest.raises(Unsent, match="expired"):
            await make_client(tls=tls_context(authority.file, None, None)).post(operator.at("localhost"), b"{}", {})
        assert operator.requests == []


async def test_a_certificate_for_another_host_is_unsent(make_client: MakeClient, authority: Authority) -> None:
    async with rude_operator(polite, tls=server_context(authority.certificate("wallet.example"))) as operator:
        with pytest.raises(Unsent, match="not trusted"):
            await make_client(tls=tls_context(authority.file, None, None)).post(operator.at("localhost"), b"{}", {})
        assert operator.requests == []


async def test_an_operator_that_speaks_no_tls_is_unsent(make_client: MakeClient) -> None:
    async def greet(line: Line) -> None:
        await line.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    async with rude_operator(greet) as operator:
        with pytest.raises(Unsent):
            await make_client().post(f"https://127.0.0.1:{operator.port}/", b"{}", {})
        assert operator.requests == []


async def test_an_operator_that_hangs_in_the_handshake_is_unsent(make_client: MakeClient) -> None:
    async with rude_operator(Line.client_is_gone) as operator:
        with pytest.raises(Unsent, match="in time"):
            await make_client(connect_timeout_s=0.2).post(f"https://127.0.0.1:{operator.port}/", b"{}", {})


async def test_a_client_certificate_is_shown_where_it_is_asked_for(
    make_client: MakeClient, authority: Authority
) -> None:
    tls = server_context(authority.certificate("localhost"), clients=authority)
    async with rude_operator(polite, tls=tls) as operator:
        client = make_client(tls=tls_context(authority.file, authority.certificate("gateway"), None))
        assert (await client.post(operator.at("localhost"), b"{}", {})).status == 200


async def test_without_a_client_certificate_no_request_arrives(make_client: MakeClient, authority: Authority) -> None:
    tls = server_context(authority.certificate("localhost"), clients=authority)
    async with rude_operator(polite, tls=tls) as operator:
        with pytest.raises(Unclear):  # in TLS 1.3 the refusal comes after the client may write
            await make_client(tls=tls_context(authority.file, None, None)).post(operator.at("localhost"), b"{}", {})
        assert operator.requests == []


async def test_200_calls_to_an_operator_that_closes_after_each_answer_all_succeed(
    make_client: MakeClient, authority: Authority
) -> None:
    async def behave(line: Line) -> None:
        await line.request()
        line.writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        line.close()

    async with rude_operator(behave, tls=server_context(authority.certificate("localhost"))) as operator:
        client = make_client(tls=tls_context(authority.file, None, None))
        for _ in range(200):
            assert (await client.post(operator.at("localhost"), b"{}", {})).status == 200
        assert len(operator.requests) == operator.connections == 200
