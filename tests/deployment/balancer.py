"""A real HAProxy before real gateways, by `config/compose/haproxy.cfg`."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from gateway.wire.calls import WalletCall
from tests.support.doors import basic
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import configuration, gateways, operator, until_status
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.runtimes import far_operator, message

CALLS: Final = 20
ANSWERED: Final = 200
REFUSED: Final = 500
"""What HAProxy answers where a gateway closes the connection, as it does to whom `allow_ips` keeps out."""
NOT_SENT: Final = 123
"""The error of a call that was not recorded: of a gateway without its journal, or of HAProxy for all of them."""
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
            async with gateways(folder, content) as pair, haproxy(folder, template, servers(pair)) as url:
                return await _played(url, pair)
    finally:
        server.remove()


async def unready_gateways_are_an_error_of_the_contract(folder: Path, config: Path, program: str = "haproxy") -> str:
    """Whether the game gets error 123 from the moment on where PostgreSQL is gone; returns what is wrong."""
    template = await asyncio.to_thread(config.read_text, encoding="utf-8")
    server = await asyncio.to_thread(PostgresServer.start, folder)
    try:
        async with far_operator() as far:
            content = configuration(server.url, {"acme": operator(far)})
            async with (
                gateways(folder, content) as pair,
                haproxy(folder, template, servers(pair), program) as url,
                aiohttp.ClientSession() as client,
            ):
                await _until_answered(client, url)
                await asyncio.to_thread(server.stop)
                return await _refused_from_then_on(client, url, pair)
    finally:
        server.remove()


async def _refused_from_then_on(client: aiohttp.ClientSession, url: str, pair: list[GatewayProcess]) -> str:
    """Plays until HAProxy has no gateway left, and a while longer."""
    seen: list[str] = []
    for gateway in pair:
        await until_status(gateway, 503)
    async with asyncio.timeout(PATIENCE_S):
        while not seen or "No gateway is ready" not in seen[-1]:
            seen.append(await _answer(client, url, f"away-{len(seen)}"))
    seen += [await _answer(client, url, f"gone-{number}") for number in range(CALLS)]
    return "; ".join(sorted({answer for answer in seen if _error_of(answer) != (500, "application/json", NOT_SENT)}))


def _error_of(answer: str) -> tuple[int, str, int | None]:
    status, kind, body = answer.split(" ", 2)
    try:
        return int(status), kind, json.loads(body)["errorCode"]
    except (ValueError, KeyError):
        return int(status), kind, None


async def _answer(client: aiohttp.ClientSession, url: str, id: str) -> str:
    """Status, type and body."""
    async with client.post(f"{url}/wallet/{WalletCall.WITHDRAW}", **_sent(id)) as answer:
        return f"{answer.status} {answer.content_type} {await answer.text()}"


def _sent(id: str, claims: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Of a withdraw: what is sent."""
    headers = {"Authorization": basic("JohnDoe:MyPass"), "Content-Type": "application/json", **(claims or {})}
    return {"data": message(WalletCall.WITHDRAW, id), "headers": headers}


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
            haproxy(folder, template, servers([gateway]), program) as url,
            # HAProxy closes a connection after its answer.
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


async def _until_answered(client: aiohttp.ClientSession, url: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await _withdraw(client, url, "first") != ANSWERED:
            await asyncio.sleep(LOOK_S)


async def _played(url: str, pair: list[GatewayProcess]) -> str:
    async with aiohttp.ClientSession() as client:
        await _until_answered(client, url)
        await pair[0].kill()
        statuses = [await _withdraw(client, url, str(number)) for number in range(CALLS)]
    return "" if set(statuses) == {200} else f"the calls were answered {statuses}"


async def _withdraw(client: aiohttp.ClientSession, url: str, id: str, claims: Mapping[str, str] | None = None) -> int:
    try:
        async with client.post(f"{url}/wallet/{WalletCall.WITHDRAW}", **_sent(id, claims)) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


@asynccontextmanager
async def haproxy(folder: Path, text: str, lines: Sequence[str], program: str = "haproxy") -> AsyncIterator[str]:
    """Runs it with our configuration, whose servers (`lines`) and ports are this test's. Gives the game's URL."""
    port = free_port()
    text = text.replace("bind :8080", f"bind 127.0.0.1:{port}")
    text = text.replace("127.0.0.1:9999", f"127.0.0.1:{free_port()}").replace(
        "127.0.0.1:8404", f"127.0.0.1:{free_port()}"
    )
    text = re.sub(r"(    server \S+ \S+\n?)+", "".join(f"    {line}\n" for line in lines), text)
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


def servers(gateways: Sequence[GatewayProcess]) -> list[str]:
    """Wallet and admin have ports of their own here."""
    return [server_line(number, each.wallet_url, each.admin_url) for number, each in enumerate(gateways, 1)]


def server_line(number: int, wallet_url: str, admin_url: str) -> str:
    """Of a gateway whose wallet and health are at these URLs."""
    return f"server gateway-{number} {urlsplit(wallet_url).netloc} port {urlsplit(admin_url).port}"
