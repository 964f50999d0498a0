"""An operator moved to a journal of its own, and back again, as docs/deploy/move.md says: real gateways, PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.records import State, Verdict
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.support.gateway_process import PATIENCE_S, DiedAtStart, GatewayProcess
from tests.support.instances import call, configuration, journal_at, key, migrated, operator, until_state
from tests.support.postgres import create_schema, drop_schema
from tests.support.postgres_shelf import server_url
from tests.support.runtimes import FarOperator

ACT = ("--who", "anna", "--why", "settled by phone")
THERE = ("journal", "copy", "--operator", "acme", "--from", "default", "--to", "own")
BACK = ("journal", "copy", "--operator", "acme", "--from", "own", "--to", "default")
BETA = "JaneDoe:MyPass"
SERIES = re.compile(r'^mm_gateway_transfers\{direction="withdraw",operator="(\w+)",state="(\w+)"\} (\d+)', re.MULTILINE)


@pytest.fixture
async def own_url() -> AsyncIterator[str]:
    url = await create_schema(server_url())
    yield url
    await drop_schema(url)


@pytest.fixture
async def gateway(tmp_path: Path, far: FarOperator, journal_url: str, own_url: str) -> AsyncIterator[GatewayProcess]:
    """acme and beta share the journal default; the journal own is empty."""
    gateway = GatewayProcess("", tmp_path)
    gateway.configure(content(far, journal_url, own_url, "default"))
    await migrated(gateway)
    async with gateway:
        yield gateway


def content(far: FarOperator, journal_url: str, own_url: str, journal_of_acme: str) -> dict[str, Any]:
    beta = operator(far, credentials=[{"username": "JaneDoe", "password": "MyPass"}])
    # What the operator does not take is due again in an hour, so that nothing but a person moves it meanwhile.
    slow = {"schedule": ["0s"], "then_every": "1h", "jitter": 0.0, "late_arrival_window": "1s"}
    operators = {"acme": operator(far, journal=journal_of_acme, delivery=slow), "beta": beta}
    return configuration(journal_url, operators, journals={"own": {"url": own_url}})


async def listed(gateway: GatewayProcess, *words: str) -> list[dict[str, Any]]:
    status, said = await gateway.command(*words, "--json")
    assert status == 0, said
    rows: list[dict[str, Any]] = json.loads(said.partition("\n]")[0] + "\n]")
    return rows


async def rows_of_acme(gateway: GatewayProcess) -> dict[str, tuple[str, str]]:
    """The state and the journal of each of its transfers; each is listed once."""
    rows = await listed(gateway, "transfers", "--operator", "acme")
    found = {row["id"]: (row["state"], row["journal"]) for row in rows}
    assert len(found) == len(rows)
    return found


async def gauges(gateway: GatewayProcess) -> dict[tuple[str, str], int]:
    """The unfinished transfers by operator and state, without those that are zero."""
    found = {(name, state): int(count) for name, state, count in SERIES.findall(await gateway.metrics())}
    return {kind: count for kind, count in found.items() if count}


async def begin(gateway: GatewayProcess, far: FarOperator) -> None:
    """One ended, one held, two whose rollback the operator does not take, and one of beta's."""
    for id in ("ended", "held", "stuck", "undelivered"):
        assert (await call(gateway, WalletCall.WITHDRAW, id)).status == 200
    assert (await call(gateway, WalletCall.WITHDRAW, "beta", BETA)).status == 200
    assert (await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, "ended")).status == 200
    far.go_wrong(Fault.ERROR_BEFORE, WalletCall.ROLLBACK_WITHDRAWAL)
    for id in ("stuck", "undelivered"):
        await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, id, rollbackReason="Sold out.")


async def test_the_whole_procedure_there_and_back(
    gateway: GatewayProcess, far: FarOperator, journal_url: str, own_url: str
) -> None:
    await begin(gateway, far)
    status, said = await gateway.command(*THERE)
    assert status == 1
    assert re.search(rf"refused while gateways use the journal default: \S+-{gateway.pid}-\w+ \(until 20", said), said
    assert await gateway.stop() == 0

    status, said = await gateway.command(*THERE)
    assert status == 0, said
    assert "copied and compared 4 transfers and 0 sessions\nmoved from default to own: acme" in said
    with pytest.raises(DiedAtStart, match="the transfers of acme are not in the journal default any more"):
        await gateway.start()
    status, said = await gateway.command("check", "--probe")
    assert (status, "write journal: own" in said) == (1, True)

    gateway.configure(content(far, journal_url, own_url, "own"))
    await gateway.start()
    assert await rows_of_acme(gateway) == {
        "ended": ("confirmed", "own"),
        "held": ("held", "own"),
        "stuck": ("rolling_back", "own"),
        "undelivered": ("rolling_back", "own"),
    }
    assert await gauges(gateway) == {("acme", "held"): 1, ("acme", "rolling_back"): 2, ("beta", "held"): 1}
    assert await by_source(gateway) == {"game": 2}
    await act(gateway, far, own_url)
    assert (await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, "held")).status == 200
    assert (await call(gateway, WalletCall.WITHDRAW, "later")).status == 200
    assert await gateway.stop() == 0

    status, said = await gateway.command(*BACK)
    assert status == 0, said
    with pytest.raises(DiedAtStart, match="the transfers of acme are not in the journal own any more"):
        await gateway.start()
    gateway.configure(content(far, journal_url, own_url, "default"))
    await gateway.start()
    assert await rows_of_acme(gateway) == {
        "ended": ("confirmed", "default"),
        "held": ("confirmed", "default"),
        "stuck": ("rolled_back", "default"),
        "undelivered": ("rolled_back", "default"),
        "later": ("held", "default"),
    }
    assert await gauges(gateway) == {("acme", "held"): 1, ("beta", "held"): 1}
    assert await by_source(gateway) == {"game": 2, "person": 2}
    assert (await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, "later")).status == 200
    assert (await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, "beta", BETA)).status == 200
    assert await gateway.stop() == 0
    ended = {"ended": HoldState.CONFIRMED, "held": HoldState.CONFIRMED, "later": HoldState.CONFIRMED}
    ended |= {"beta": HoldState.CONFIRMED, "undelivered": HoldState.UNDONE, "stuck": HoldState.HELD}
    assert {id: far.state_of(id) for id in ended} == ended
    assert far.seen(WalletCall.WITHDRAW) == 6


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_gateway_that_slept_through_a_move_stops(
    tmp_path: Path, far: FarOperator, journal_url: str, own_url: str, workers: int
) -> None:
    gateway = GatewayProcess({**content(far, journal_url, own_url, "default"), "workers": workers}, tmp_path)
    await migrated(gateway)
    async with gateway:
        processes = [gateway.pid, *gateway.worker_pids()]
        for pid in processes:
            os.kill(pid, signal.SIGSTOP)
        async with asyncio.timeout(PATIENCE_S):
            while (await gateway.command(*THERE))[0]:  # until its lease has ended
                await asyncio.sleep(1)
        for pid in processes:
            os.kill(pid, signal.SIGCONT)
        assert await gateway.ended() == 2
    told = gateway.logged("an operator has left its journal: the gateway stops")
    assert 1 <= len(told) <= workers
    assert "they moved to own at" in told[0]["problems"][0]
    assert "mm-gateway: operators.acme.journal: the transfers of acme are not in the journal default" in gateway.log


async def act(gateway: GatewayProcess, far: FarOperator, own_url: str) -> None:
    """A person resolves one and retries the other, in the journal that counts: it is delivered, once."""
    status, said = await gateway.command("resolve", "stuck", "--as", "rolled_back", "--yes", *ACT)
    assert status == 0, said
    far.behave()
    status, said = await gateway.command("retry", "undelivered", *ACT)
    assert status == 0, said
    async with journal_at(own_url) as journal:
        timeline = await until_state(journal, key("undelivered"), State.ROLLED_BACK)
    assert [one.verdict for one in timeline.attempts].count(Verdict.SUCCESS) == 2, "the withdraw, and one rollback"


async def by_source(gateway: GatewayProcess) -> dict[str, int]:
    """How many reasons acme's transfers have, by who gave them."""
    totals = await listed(gateway, "rollbacks", "--sum", "--operator", "acme")
    return {row["source"]: row["count"] for row in totals}
