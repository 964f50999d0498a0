"""Several real gateways on one journal, before one simulated operator, and what a game and an engineer do with them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import JournalUnavailable
from gateway.records import Direction, Key, State, Timeline
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.support.doors import Answered, Client, request
from tests.support.gateway_process import COMMAND, GatewayProcess
from tests.support.runtimes import FarOperator, message, operator_to

PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.05
DELIVERY: Final = {"schedule": ["0s", "100ms"], "then_every": "500ms", "jitter": 0.0, "late_arrival_window": "1s"}


def configuration(journal: str, operators: Mapping[str, Any], **other: Any) -> dict[str, Any]:
    """Of a gateway whose one journal is at this URL; a database that is away is found out soon."""
    return {
        "journal": {"url": journal, "connections": 4, "connect_timeout": "1s", "statement_timeout": "2s"},
        "operators": dict(operators),
        **other,
    }


def operator(far: FarOperator, **changes: Any) -> dict[str, Any]:
    return operator_to(far, **{"timeout": "2s", "delivery": DELIVERY, **changes})


@asynccontextmanager
async def gateways(
    folder: Path, content: Mapping[str, Any], count: int = 2, program: tuple[str, ...] = COMMAND
) -> AsyncIterator[list[GatewayProcess]]:
    """That many of one configuration, each in a folder of its own; the journal has its tables."""
    folders = [folder / f"gateway-{number + 1}" for number in range(count)]
    for each in folders:
        each.mkdir()
    made = [GatewayProcess(content, each, command=program) for each in folders]
    await migrated(made[0])
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(gateway) for gateway in made))
        yield made


async def migrated(gateway: GatewayProcess) -> None:
    status, said = await gateway.command("migrate")
    assert status == 0, said


async def call(
    gateway: GatewayProcess, call: WalletCall, id: str = "1", credentials: str = "JohnDoe:MyPass", **fields: Any
) -> Answered:
    """One call of the game on a connection of its own. Raises what a connection raises that is cut or refused."""
    where = urlsplit(gateway.wallet_url)
    client = Client(*await asyncio.open_connection(where.hostname, where.port))
    try:
        await client.send(request(f"/wallet/{call}", message(call, id, **fields), credentials))
        async with asyncio.timeout(PATIENCE_S):
            return await client._answer()
    finally:
        await client.close()


async def page(gateway: GatewayProcess, path: str) -> Answered:
    """A page of the admin listener."""
    where = urlsplit(gateway.admin_url)
    client = Client(*await asyncio.open_connection(where.hostname, where.port))
    try:
        return await client.asked(f"GET {path} HTTP/1.1\r\nHost: g\r\n\r\n".encode())
    finally:
        await client.close()


async def until_ready(gateway: GatewayProcess) -> None:
    await until_status(gateway, 200)


async def until_status(gateway: GatewayProcess, status: int) -> None:
    """Returns once `/readyz` answers so."""
    async with asyncio.timeout(PATIENCE_S):
        while (await page(gateway, "/readyz")).status != status:
            await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def journal_at(url: str) -> AsyncIterator[CopyableJournal]:
    """A look at a journal beside the gateways that use it."""
    journal = await open_journal("default", JournalSettings(url=url), Metrics(), SystemClock(), beside=True)
    try:
        yield journal
    finally:
        await journal.close()


def key(id: str, operator: str = "acme") -> Key:
    return Key(operator, Direction.WITHDRAW, id)


async def until_state(journal: CopyableJournal, key: Key, *states: State) -> Timeline:
    """The transfer's whole life, once it is in one of these states."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                timeline = await journal.timeline(key)
            except JournalUnavailable:
                timeline = None
            if timeline is not None and timeline.transfer.state in states:
                return timeline
            await asyncio.sleep(LOOK_S)
