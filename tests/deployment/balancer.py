"""A real HAProxy before two real gateways, by `config/compose/haproxy.cfg`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from gateway.wire.calls import WalletCall
from tests.support.doors import basic
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import configuration, gateways, operator
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.runtimes import far_operator, message

CALLS: Final = 20
PATIENCE_S: Final = 30.0
LOOK_S: Final = 0.1


async def calls_survive_a_dead_gateway(folder: Path, config: Path) -> str:
    """Returns what is wrong, empty if nothing is."""
    template = await asyncio.to_thread(config.read_text, encoding="utf-8")
    server = await asyncio.to_thread(PostgresServer.start, folder)
    try:
        async with far_operator() as far:
            content = configuration(server.url, {"acme": operator(far)})
            async with gateways(folder, content) as pair, _haproxy(folder, template, pair) as url:
                return await _played(url, pair)
    finally:
        server.remove()


async def _played(url: str, pair: list[GatewayProcess]) -> str:
    async with aiohttp.ClientSession() as client:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if await _withdraw(client, url, "first") == 200:
                    break
                await asyncio.sleep(LOOK_S)
        await pair[0].kill()
        statuses = [await _withdraw(client, url, str(number)) for number in range(CALLS)]
    return "" if set(statuses) == {200} else f"the calls were answered {statuses}"


async def _withdraw(client: aiohttp.ClientSession, url: str, id: str) -> int:
    headers = {"Authorization": basic("JohnDoe:MyPass"), "Content-Type": "application/json"}
    body = message(WalletCall.WITHDRAW, id)
    try:
        async with client.post(f"{url}/wallet/{WalletCall.WITHDRAW}", data=body, headers=headers) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


@asynccontextmanager
async def _haproxy(folder: Path, text: str, pair: list[GatewayProcess]) -> AsyncIterator[str]:
    """Runs it with our configuration, whose servers and ports are this test's."""
    port = free_port()
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}")
    text = text.replace("127.0.0.1:9999", f"127.0.0.1:{free_port()}").replace(
        "127.0.0.1:8404", f"127.0.0.1:{free_port()}"
    )
    servers = "\n".join(_server(number, gateway) for number, gateway in enumerate(pair))
    text = re.sub(r"(    server \S+ \S+\n?)+", f"{servers}\n", text)
    text = re.sub(r"port \d+ check", "check", text).replace(" resolvers docker", "")
    (folder / "haproxy.cfg").write_text(text)
    with (folder / "haproxy.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "haproxy", "-db", "-f", str(folder / "haproxy.cfg"), stdout=log, stderr=log
        )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def _server(number: int, gateway: GatewayProcess) -> str:
    """Wallet and admin have ports of their own here."""
    wallet, admin = (urlsplit(url).netloc for url in (gateway.wallet_url, gateway.admin_url))
    return f"    server gateway-{number + 1} {wallet} port {urlsplit(f'//{admin}').port}"
