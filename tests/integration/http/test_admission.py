"""Connections are counted and filtered when they are accepted, each source has a share, and silence holds no place."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from gateway.http.admin_connection import AdminServer
from gateway.http.connection import CallServer
from gateway.http.listener import Listener
from gateway.http.refusals import Refusals
from gateway.settings import AdminSettings, ServerSettings
from gateway.telemetry.metrics import ADMIN, WALLET, Metrics
from tests.integration.http.test_listening import shown, trusting
from tests.integration.http.test_refusals import counted, told
from tests.support.certificates import Authority
from tests.support.doors import REPLY, ROLLBACK, Client, Game, operator, request, wallet_door
from tests.support.operators_door import operators_door
from tests.support.waiting import until

CALL = request("/wallet/rollbackWithdrawal", ROLLBACK)


async def connected(port: int, source: str = "127.0.0.1") -> Client:
    """A connection from another address of this machine."""
    return Client(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))


async def crowd(port: int, count: int, source: str = "127.0.0.1") -> list[Client]:
    """Connections that send nothing."""
    return [await connected(port, source) for _ in range(count)]


async def answered(port: int, source: str) -> bytes:
    client = await connected(port, source)
    try:
        return (await client.asked(CALL)).body
    finally:
        await client.close()


async def close(clients: list[Client]) -> None:
    for client in clients:
        await client.close()


async def test_one_address_has_half_of_the_places_and_leaves_the_others_to_others() -> None:
    async with wallet_door(max_connections=8) as game:
        with structlog.testing.capture_logs() as logged:
            clients = await crowd(game.port, 12)
            await until(lambda: counted(game, "share") == 8)
        assert game.server.open == 4
        assert set(told(logged, "share")) == {
            "there are 4 connections from this address already (server.max_connections_per_address)"
        }
        assert await answered(game.port, "127.0.0.2") == REPLY
        await close(clients)
        await until(lambda: game.server.open == 0)
        assert await answered(game.port, "127.0.0.1") == REPLY


async def test_the_share_of_an_address_can_be_set() -> None:
    async with wallet_door(max_connections=8, max_connections_per_address=6) as game:
        clients = await crowd(game.port, 8)
        await until(lambda: counted(game, "share") == 2)
        assert game.server.open == 6
        await close(clients)


async def test_a_trusted_proxy_may_have_every_place() -> None:
    async with wallet_door(max_connections=8, trusted_proxies=["127.0.0.1"]) as game:
        clients = await crowd(game.port, 9)
        await until(lambda: counted(game, "connections") == 1)
        assert (game.server.open, counted(game, "share")) == (8, 0)
        await close(clients)


async def test_a_proxy_s_connections_take_nothing_from_the_share_of_others() -> None:
    async with wallet_door(max_connections=8, trusted_proxies=["127.0.0.1"]) as game:
        clients = await crowd(game.port, 4)
        assert await answered(game.port, "127.0.0.2") == REPLY
        await close(clients)


async def test_an_operator_s_calls_are_answered_beside_one_address_that_takes_all_it_can(tmp_path: Path) -> None:
    async with operators_door(tmp_path, max_connections=8) as caller:
        clients = await crowd(caller.port, 8, "127.0.0.2")
        await until(lambda: caller.refused("share") == 4)
        assert (await caller.post()).status == 200
        await close(clients)


async def test_places_that_are_taken_stay_so_over_a_reload(game: Game) -> None:
    listener = Listener.bind("127.0.0.1", 0)
    settings = ServerSettings(max_connections=2)
    servers = [CallServer(game.door.handle, settings, game.door.admits, Refusals(WALLET, game.metrics)) for _ in "ab"]
    listener.serve(servers[0], None)
    clients = await crowd(listener.port, 2)
    await until(lambda: servers[0].open == 2)
    listener.serve(servers[1], None)
    refused = await connected(listener.port)
    assert await refused.rest() == b""
    await refused.close()
    assert (counted(game, "connections"), servers[1].open) == (1, 0)
    await clients.pop().close()
    await until(lambda: servers[0].open == 1)
    assert await answered(listener.port, "127.0.0.1") == REPLY
    await close(clients)
    listener.close()
    for server in servers:
        server.pre_shutdown()
        await server.shutdown(1)


@pytest.mark.parametrize("over_tls", [False, True], ids=["plain", "TLS"])
async def test_a_silent_connection_does_not_keep_its_place(over_tls: bool, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    server, mine = (shown(authority.certificate("127.0.0.1")), trusting(authority)) if over_tls else (None, None)
    async with wallet_door(tls=server, read_timeout=0.2, idle_timeout=3600) as game:
        spoken = await game.connect(mine)
        assert (await spoken.asked(CALL)).body == REPLY
        assert await (await game.connect()).rest() == b""
        if over_tls:
            assert await (await game.connect(mine)).rest() == b""
        assert counted(game, "slow") == 1 + over_tls
        assert (await spoken.asked(CALL)).body == REPLY


async def test_a_connection_that_leaves_before_it_speaks_is_not_refused(game: Game) -> None:
    await (await game.connect()).close()
    await until(lambda: game.server.open == 0)
    assert [counted(game, reason) for reason in ("slow", "malformed")] == [0, 0]


async def test_a_stranger_is_closed_before_the_first_byte_of_tls(tmp_path: Path) -> None:
    made: list[Any] = []

    class Context:
        def wrap_bio(self, *_args: Any, **_options: Any) -> None:
            made.append(self)

    authority = Authority(tmp_path, "authority")
    strict = {"acme": operator(allow_ips=["192.0.2.0/24"]), "other": operator(allow_ips=["198.51.100.7"])}
    async with wallet_door(tls=cast("ssl.SSLContext", Context()), operators=strict) as game:
        client = await game.connect()
        await client.send(b"\x16\x03\x01\x02\x00")
        assert await client.rest() == b""
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await game.connect(trusting(authority))
        assert (counted(game, "address"), game.server.open, made) == (2, 0, [])


async def test_the_admin_listener_has_a_limit_of_its_own() -> None:
    metrics = Metrics()
    server = AdminServer(cast("Any", SimpleNamespace()), Refusals(ADMIN, metrics), AdminSettings(max_connections=6))
    listener = Listener.bind("127.0.0.1", 0)
    listener.serve(server, None)

    def refused(reason: str) -> float:
        labels = {"listener": ADMIN, "reason": reason}
        return metrics.registry.get_sample_value("mm_gateway_refused_total", labels) or 0

    clients = [client for source in (1, 2, 3) for client in await crowd(listener.port, 4, f"127.0.0.{source}")]
    await until(lambda: refused("share") + refused("connections") == 6)
    assert (server.open, refused("share")) == (6, 1)
    await close(clients)
    listener.close()
    server.pre_shutdown()
    await server.shutdown(1)
