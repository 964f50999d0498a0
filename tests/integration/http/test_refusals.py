"""What is refused before it becomes a call is counted by its reason and logged, and its client learns what it can."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import structlog

from tests.integration.http.test_listening import shown, trusting
from tests.support.certificates import Authority
from tests.support.descriptors import no_more_descriptors
from tests.support.doors import REPLY, ROLLBACK, Client, Game, operator, request, wallet_door
from tests.support.waiting import until

CALL = request("/wallet/rollbackWithdrawal", ROLLBACK)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


def counted(game: Game, reason: str) -> float:
    labels = {"listener": "wallet", "reason": reason}
    return game.metrics.registry.get_sample_value("mm_gateway_refused_total", labels) or 0


def told(logged: list[Any], reason: str) -> list[str]:
    """The problems that were logged for a reason."""
    return [
        str(line["problem"]) for line in logged if line["event"] == "refused before a call" and line["reason"] == reason
    ]


async def shake_hands(game: Game, context: ssl.SSLContext) -> str:
    """Makes a handshake and sends a call. Returns the alert that ends it, in OpenSSL's words."""
    try:
        client = await game.connect(context)
        await client.send(CALL)
        await client.reader.read(1)
    except ssl.SSLError as error:
        return str(error.reason)
    return ""


async def test_a_client_learns_by_an_alert_that_its_certificate_is_missing_or_not_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger").certificate("game")
    server = shown(authority.certificate("127.0.0.1"), client_ca=authority.file)
    async with wallet_door(tls=server) as game:
        with structlog.testing.capture_logs() as logged:
            assert await shake_hands(game, trusting(authority)) == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
            assert await shake_hands(game, trusting(authority, stranger)) == "TLSV1_ALERT_UNKNOWN_CA"
        assert counted(game, "certificate") == 2
        missing, unknown = told(logged, "certificate")
        assert missing == "peer did not return a certificate"
        assert unknown.startswith("certificate verify failed")
        assert {line["address"] for line in logged} == {"127.0.0.1"}


async def test_a_handshake_that_fails_in_another_way_is_counted_apart(authority: Authority, tmp_path: Path) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        with structlog.testing.capture_logs() as logged:
            await asyncio.to_thread(distrust, game.port, trusting(Authority(tmp_path, "another")))
            await until(lambda: counted(game, "tls") == 1)
            plain = await game.connect()
            await plain.send(CALL)
            assert b"HTTP" not in await plain.rest()
            await until(lambda: counted(game, "tls") == 2)
            torn = await game.connect()
            await torn.send(b"\x16\x03\x01\x02\x00")
            await torn.close()
            await until(lambda: counted(game, "tls") == 3)
        assert told(logged, "tls") == [
            "tlsv1 alert unknown ca",
            "http request",
            "the client closed the connection within the handshake",
        ]
        assert counted(game, "certificate") == 0


def distrust(port: int, context: ssl.SSLContext) -> None:
    """A client that says by an alert that it does not trust the server; asyncio's own client says nothing."""
    with socket.create_connection(("127.0.0.1", port)) as tcp, pytest.raises(ssl.SSLCertVerificationError):
        context.wrap_socket(tcp, server_hostname="127.0.0.1")


async def test_who_only_looks_whether_the_port_is_open_is_not_refused(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1"))) as game:
        client = await game.connect()
        await until(lambda: game.server.open == 1)
        await client.close()
        await until(lambda: game.server.open == 0)
        assert counted(game, "tls") == 0


async def test_a_handshake_has_the_time_of_a_request(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1")), read_timeout=0.1) as game:
        client = await game.connect()
        assert await client.rest() == b""
        assert counted(game, "slow") == 1


async def test_connections_are_limited_before_their_handshakes(authority: Authority) -> None:
    async with wallet_door(tls=shown(authority.certificate("127.0.0.1")), max_connections=1) as game:
        silent = await game.connect()
        await until(lambda: game.server.open == 1)
        with structlog.testing.capture_logs() as logged:
            assert await (await game.connect()).rest() == b""
        assert told(logged, "connections") == ["there are 1 connections already (server.max_connections)"]
        await silent.close()
        await until(lambda: game.server.open == 0)
        assert (await (await game.connect(trusting(authority))).asked(CALL)).body == REPLY


async def test_an_address_that_is_not_allowed_is_logged() -> None:
    async with wallet_door(operators={"acme": operator(allow_ips=["192.0.2.0/24"])}) as game:
        with structlog.testing.capture_logs() as logged:
            assert await (await game.connect()).rest() == b""
        assert counted(game, "address") == 1
        assert told(logged, "address") == ["the address is on no allow list (operators.NAME.allow_ips)"]
        assert logged[0]["address"] == "127.0.0.1"


async def test_without_a_free_descriptor_connections_are_closed_at_once_counted_and_served_again_later(
    game: Game,
) -> None:
    clients = [socket.socket() for _ in range(3)]
    for each in clients:
        each.settimeout(0)
    loop = asyncio.get_running_loop()
    with structlog.testing.capture_logs() as logged:
        with no_more_descriptors():
            for each in clients:
                await loop.sock_connect(each, ("127.0.0.1", game.port))
            await until(lambda: counted(game, "descriptors") == 3)
        ends = [await received(loop, each) for each in clients]
    assert ends == [b""] * 3
    assert told(logged, "descriptors") == ["Too many open files (the limit is that of `ulimit -n`)"] * 3
    for each in clients:
        each.close()
    client: Client = await game.connect()
    assert (await client.asked(CALL)).body == REPLY


async def received(loop: asyncio.AbstractEventLoop, client: socket.socket) -> bytes:
    try:
        return await loop.sock_recv(client, 1)
    except ConnectionResetError:
        return b""
