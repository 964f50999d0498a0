"""Whatever knocks at a listener, the process has descriptors left for the game's calls: each listener has its part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.runtime.descriptors import OF_ITS_OWN, fit
from gateway.settings import Settings
from tests.support.certificates import Authority
from tests.support.commands import PROGRAM, operator
from tests.support.doors import basic
from tests.support.gateway_process import GatewayProcess

ALLOWED = 200
CLIENT_HELLO = b"\x16\x03\x01\x02\x00\x01"
"""The first bytes of a handshake that never goes on."""

ANSWERED = {200, 500}

Sockets = list[asyncio.StreamWriter]


def descriptors(gateway: GatewayProcess) -> int:
    """How many the process has open."""
    return len(list(Path(f"/proc/{gateway.pid}/fd").iterdir()))


@asynccontextmanager
async def serving(folder: Path, **content: Any) -> AsyncIterator[GatewayProcess]:
    """The program with few descriptors."""
    shell = ("sh", "-c", f'ulimit -n {ALLOWED}; exec "{PROGRAM}" "$@"', "mm-gateway")
    gateway = GatewayProcess({"operators": {"acme": operator("JohnDoe")}, **content}, folder, command=shell)
    async with gateway:
        yield gateway


@asynccontextmanager
async def knocking(port: int, count: int, sent: bytes, source: str = "127.0.0.2") -> AsyncIterator[Sockets]:
    """So many connections, each of which sends these bytes and then nothing."""
    writers: Sockets = []
    try:
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
            writer.write(sent)
            writers.append(writer)
        yield writers
    finally:
        for writer in writers:
            writer.transport.abort()


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


async def refused(gateway: GatewayProcess, listener: str) -> dict[str, float]:
    """How many a listener has refused, by reason."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(await gateway.metrics()):
        for sample in family.samples:
            if sample.name == "mm_gateway_refused_total" and sample.labels["listener"] == listener and sample.value:
                found[sample.labels["reason"]] = sample.value
    return found


async def status_of_a_call(gateway: GatewayProcess) -> int:
    """That of a call over a new connection; its operator cannot be reached, which is answered too."""
    url, headers = f"{gateway.wallet_url}/wallet/getBalance", {"Authorization": basic("JohnDoe:near-secret-of-game")}
    async with (
        aiohttp.ClientSession(headers=headers) as client,
        client.post(url, json={"token": "t"}, ssl=False) as answer,
    ):
        return answer.status


async def test_handshakes_that_never_end_use_up_no_more_descriptors_than_places(tmp_path: Path) -> None:
    pem = str(Authority(tmp_path, "authority").certificate("127.0.0.1"))
    server = {"max_connections": 50, "tls": {"cert_file": pem, "key_file": pem}, "read_timeout": "60s"}
    async with serving(tmp_path, server=server) as gateway:
        before = descriptors(gateway)
        async with knocking(port_of(gateway.wallet_url), 420, CLIENT_HELLO):
            await until_refused(gateway, "wallet", 395)
            assert await refused(gateway, "wallet") == {"share": 395}
            assert descriptors(gateway) <= before + 25 + 4
            assert await status_of_a_call(gateway) in ANSWERED


@pytest.mark.parametrize("listener", ["admin", "operators"])
async def test_whoever_fills_another_listener_takes_no_descriptor_from_the_game(listener: str, tmp_path: Path) -> None:
    async with serving(tmp_path, operators_server={"host": "127.0.0.1", "port": 0}) as gateway:
        url = gateway.admin_url if listener == "admin" else gateway.operators_url
        async with (
            knocking(port_of(url), 330, b"", "127.0.0.2"),
            knocking(port_of(url), 330, b"", "127.0.0.3"),
        ):
            assert await status_of_a_call(gateway) in ANSWERED
            assert descriptors(gateway) < ALLOWED - 30
        found = await refused(gateway, listener)
        assert "descriptors" not in found
        assert sum(found.values()) > 600


async def until_refused(gateway: GatewayProcess, listener: str, count: int) -> None:
    async with asyncio.timeout(30):
        while sum((await refused(gateway, listener)).values()) < count:
            pass


def fitted(tmp_path: Path, allowed: int, **content: Any) -> tuple[int, int | None, int]:
    limits = tmp_path / "limits"
    limits.write_text(f"Max open files            {allowed}                1048576              files\n")
    found = fit(Settings.model_validate({"operators": {"acme": operator("JohnDoe")}, **content}), limits)
    operators = found.operators_server
    return (
        found.server.max_connections,
        None if operators is None else operators.max_connections,
        found.admin.max_connections,
    )


def test_connections_are_fitted_into_the_descriptors(tmp_path: Path) -> None:
    assert fitted(tmp_path, 65_536, operators_server={}) == (10_000, 10_000, 64)
    assert fitted(tmp_path, 1024) == (768, None, 64)
    assert fitted(tmp_path, 1024, operators_server={}) == (560, 208, 64)
    assert fitted(tmp_path, 200, operators_server={}) == (43, 17, 8)
    assert fitted(tmp_path, OF_ITS_OWN) == (1, None, 1)
    settings = Settings.model_validate({"operators": {"acme": operator("JohnDoe")}})
    assert fit(settings, tmp_path / "none") is settings
