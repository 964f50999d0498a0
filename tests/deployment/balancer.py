"""A real HAProxy before two real gateways, by `config/compose/haproxy.cfg`."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
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
ANSWERED: Final = 200
REFUSED: Final = 502
"""What HAProxy answers where a gateway closes the connection, as it does to whom `allow_ips` keeps out."""
ALLOWED: Final = "192.0.2.7"
CLAIMS: Final[tuple[dict[str, str], ...]] = (
    {"X-Forwarded-For": ALLOWED},
    {"x-forwarded-for": f"{ALLOWED}, 127.0.0.1"},
    {"X-Real-IP": ALLOWED},
    {"Forwarded": f"for={ALLOWED}"},
    {"X-Forwarded-For": ALLOWED, "Forwarded": f"for={ALLOWED}", "X-Real-IP": ALLOWED},
)
"""What a client may say of where its call comes from."""
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


async def addresses_are_not_believed(folder: Path, config: Path, program: str = "haproxy") -> str:
    """Whether an operator's allow list is passed by a client that claims to be on it; returns what is wrong.

    Client and proxy have one address, which is a trusted one: as on a machine of the gateways' own network.
    """
    template = await asyncio.to_thread(config.read_text, encoding="utf-8")
    async with far_operator() as far:
        listed = operator(far, allow_ips=[ALLOWED])
        content = {"operators": {"acme": listed}, "server": {"trusted_proxies": ["127.0.0.0/24"]}}
        async with (
            GatewayProcess(content, folder) as gateway,
            _haproxy(folder, template, [gateway], program) as url,
            # HAProxy closes a connection after its 502.
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as client,
        ):
            if await _withdraw(client, gateway.wallet_url, "direct", {"X-Forwarded-For": ALLOWED}) != ANSWERED:
                return "the gateway did not believe its proxy, so that nothing was tried"
            await _until_up(client, url)
            tried = [await _withdraw(client, url, str(number), claim) for number, claim in enumerate(CLAIMS)]
    return "".join(f"{claim}: {status}; " for claim, status in zip(CLAIMS, tried, strict=True) if status != REFUSED)


async def _until_up(client: aiohttp.ClientSession, url: str) -> None:
    """Until it passes on what the gateway then closes without an answer."""
    async with asyncio.timeout(PATIENCE_S):
        while await _withdraw(client, url, "up") != REFUSED:
            await asyncio.sleep(LOOK_S)


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


async def _withdraw(client: aiohttp.ClientSession, url: str, id: str, claims: Mapping[str, str] | None = None) -> int:
    headers = {"Authorization": basic("JohnDoe:MyPass"), "Content-Type": "application/json", **(claims or {})}
    body = message(WalletCall.WITHDRAW, id)
    try:
        async with client.post(f"{url}/wallet/{WalletCall.WITHDRAW}", data=body, headers=headers) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


@asynccontextmanager
async def _haproxy(folder: Path, text: str, pair: list[GatewayProcess], program: str = "haproxy") -> AsyncIterator[str]:
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
            program, "-db", "-f", str(folder / "haproxy.cfg"), stdout=log, stderr=log
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
