"""Gateways that are replaced one after the other, by newer ones and by older ones, over a migration too."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from gateway.journal.interface import TransferFilter
from gateway.records import State
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.chaos.game import Answer, Balancer
from tests.support.gateway_process import COMMAND, DiedAtStart, GatewayProcess
from tests.support.instances import call, configuration, gateways, journal_at, operator, until_ready
from tests.support.runtimes import FarOperator, message
from tests.tidy.tree import ROOT

AT_ONCE = 8
PATIENCE_S = 60.0
BUSY_MACHINE = "4s"
"""That no call fails is said of gateways, not of the machine that plays them all."""
PROGRAMS = {
    "present": COMMAND,
    **{
        name: ("env", f"PYTHONPATH={ROOT}", sys.executable, "-m", "tests.support.versions", name)
        for name in ("released", "next")
    },
}
PRICE = {"amount": 0.01, "currencyCode": "XAG"}


class Drained(Balancer):
    """Sends nothing to instances that are taken out, and tells when what was sent to them before has been answered."""

    def __init__(self, client: aiohttp.ClientSession, instances: list[GatewayProcess]) -> None:
        urls = [partial(getattr, gateway, "wallet_url") for gateway in instances]
        super().__init__(client, urls, random.Random(1))
        self.out: set[int] = set()
        self._under_way: set[asyncio.Future[None]] = set()

    async def post(self, operator: str, call: WalletCall, body: bytes) -> Answer:
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way.add(answered)
        try:
            return await super().post(operator, call, body)
        finally:
            self._under_way.discard(answered)
            answered.set_result(None)

    async def drain(self, instance: int) -> None:
        self.out = {instance}
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    def _order(self) -> list[int]:
        return [instance for instance in super()._order() if instance not in self.out]


async def play(balancer: Balancer, name: str, over: asyncio.Event, bought: list[str]) -> None:
    """Purchases, one after the other, of which every call succeeds; `bought` gets their ids."""
    while not over.is_set():
        id = f"{name}-{uuid4()}"
        for wallet_call in (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL):
            answer = await balancer.post("JohnDoe", wallet_call, message(wallet_call, id, amount=PRICE))
            assert answer.ok, answer
        bought.append(id)


def buying(far: FarOperator) -> dict[str, Any]:
    return operator(far, timeout=BUSY_MACHINE, credentials=[{"username": "JohnDoe", "password": "secret"}])


@asynccontextmanager
async def fleet(
    folder: Path, far: FarOperator, journal_url: str, program: tuple[str, ...] = COMMAND
) -> AsyncIterator[tuple[list[GatewayProcess], Drained]]:
    """Two gateways that serve as this program, and the load balancer before them."""
    content = configuration(journal_url, {"acme": buying(far)})
    content["journal"]["statement_timeout"] = BUSY_MACHINE
    async with gateways(folder, content, program=program) as pair, aiohttp.ClientSession() as client:
        yield pair, Drained(client, pair)


@asynccontextmanager
async def games(balancer: Balancer) -> AsyncIterator[list[str]]:
    """Several games that buy at once while the block runs. Gives the ids of what they have bought."""
    over = asyncio.Event()
    bought: list[str] = []
    async with asyncio.TaskGroup() as group:
        for number in range(AT_ONCE):
            group.create_task(play(balancer, str(number), over, bought))
        try:
            yield bought
        finally:
            over.set()


async def replace(balancer: Drained, gateways: list[GatewayProcess], program: tuple[str, ...] = COMMAND) -> None:
    """One after the other: out of the load balancer, stopped, started as this program, and in again."""
    for number, gateway in enumerate(gateways):
        await balancer.drain(number)
        assert await gateway.stop() == 0
        gateway.program = program
        await gateway.start()
        await until_ready(gateway)
        balancer.out = set()


async def until_longer(bought: list[str], by: int) -> None:
    """Returns once so many more purchases are done."""
    enough = len(bought) + by
    async with asyncio.timeout(PATIENCE_S):
        while len(bought) < enough:
            await asyncio.sleep(0.01)


def new_folder(parent: Path) -> Path:
    made = parent / "migrating"
    made.mkdir()
    return made


async def fetch(url: str, query: str) -> list[Any]:
    """The values of the query's first column."""
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def assert_books_agree(journal_url: str, far: FarOperator, bought: list[str]) -> None:
    """What the games have bought, the journal and the operator's ledger are the same, and all of it has ended."""
    async with journal_at(journal_url) as journal:
        kept = await journal.list_transfers(TransferFilter(), limit=len(bought) + 1)
    assert {transfer.state for transfer in kept} == {State.CONFIRMED}
    assert sorted(transfer.id for transfer in kept) == sorted(bought)
    holds = far.ledger.holds.values()
    assert {hold.state for hold in holds} == {HoldState.CONFIRMED}
    assert sorted(hold.id for hold in holds) == sorted(bought)
    assert far.seen(WalletCall.WITHDRAW) == far.seen(WalletCall.CONFIRM_WITHDRAWAL) == len(bought)


async def test_no_call_fails_while_gateways_are_replaced_one_after_the_other(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    async with fleet(tmp_path, far, journal_url) as (pair, balancer), games(balancer) as bought:
        await replace(balancer, pair)
    assert len(bought) >= AT_ONCE
    await assert_books_agree(journal_url, far, bought)


@pytest.mark.parametrize("old, new", [("released", "present"), ("present", "next")])
async def test_no_call_fails_in_an_upgrade_with_a_migration_and_on_the_way_back(
    tmp_path: Path, far: FarOperator, journal_url: str, old: str, new: str
) -> None:
    async with fleet(tmp_path, far, journal_url, PROGRAMS[old]) as (pair, balancer), games(balancer) as bought:
        migrating = GatewayProcess(pair[0].config_file.read_text(), new_folder(tmp_path), command=PROGRAMS[new])
        status, said = await migrating.command("migrate")
        assert status == 0, said
        await until_longer(bought, by=AT_ONCE)
        await replace(balancer, pair[:1], PROGRAMS[new])
        await until_longer(bought, by=AT_ONCE)
        await replace(balancer, pair, PROGRAMS[new])
        await until_longer(bought, by=AT_ONCE)
        await replace(balancer, pair, PROGRAMS[old])
        await until_longer(bought, by=AT_ONCE)
    await assert_books_agree(journal_url, far, bought)
    if new == "next":
        writers = await fetch(journal_url, "SELECT DISTINCT written_by FROM transfers")
        assert set(writers) == {None, "next"}


async def test_a_sqlite_journal_goes_up_with_a_stop_and_back_down(tmp_path: Path, far: FarOperator) -> None:
    gateway = GatewayProcess({"operators": {"acme": buying(far)}}, tmp_path, command=COMMAND)
    bought = []
    for program in (COMMAND, PROGRAMS["next"], COMMAND):
        gateway.program = program
        status, said = await gateway.command("migrate")
        assert status == 0, said
        async with gateway, aiohttp.ClientSession() as client:
            async with games(Drained(client, [gateway])) as here:
                await until_longer(here, by=1)
            assert await gateway.stop() == 0
        bought += here
    await assert_books_agree(f"sqlite:///{gateway.journal}", far, bought)


async def test_a_stop_lets_a_withdraw_in_flight_finish(tmp_path: Path, far: FarOperator, journal_url: str) -> None:
    async with gateways(tmp_path, configuration(journal_url, {"acme": operator(far)}), count=1) as (gateway,):
        far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.5)
        in_flight = asyncio.create_task(call(gateway, WalletCall.WITHDRAW))
        await far.until_seen(WalletCall.WITHDRAW)
        assert await gateway.stop() == 0
        assert (await in_flight).status == 200


async def test_an_older_program_refuses_a_newer_journal_in_one_line(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    async with gateways(tmp_path, configuration(journal_url, {"acme": operator(far)}), count=1) as (gateway,):
        assert await gateway.stop() == 0
        connection = await asyncpg.connect(journal_url)
        await connection.execute("INSERT INTO journal_migrations (number, name) VALUES (999, '0999_next.sql')")
        await connection.close()
        with pytest.raises(DiedAtStart, match="newer") as died:
            await gateway.start()
        assert died.value.status == 1
        status, said = await gateway.command("migrate")
        assert (status, "newer" in said) == (1, True)
        assert "Traceback" not in gateway.log
