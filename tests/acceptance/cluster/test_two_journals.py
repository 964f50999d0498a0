"""Operators on journals of their own, of either store: what needs all journals works over both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.records import State
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, journal_at, key, migrated, operator, until_state
from tests.support.runtimes import FarOperator

GAME = {"acme": "JohnDoe:MyPass", "beta": "JaneDoe:MyPass"}


async def listed(gateway: GatewayProcess, *words: str) -> list[dict[str, Any]]:
    status, said = await gateway.command(*words, "--json")
    assert status == 0, said
    rows: list[dict[str, Any]] = json.loads(said)
    return rows


async def test_lists_totals_and_delivery_go_over_both(tmp_path: Path, far: FarOperator, journal_url: str) -> None:
    beta = operator(far, journal="big", credentials=[{"username": "JaneDoe", "password": "MyPass"}])
    parking = {"schedule": ["0s"], "then_every": "50ms", "until": "200ms", "late_arrival_window": "50ms"}
    gateway = GatewayProcess(
        {
            "journals": {"big": {"url": journal_url}},
            "operators": {"acme": operator(far, delivery=parking), "beta": {**beta, "delivery": parking}},
        },
        tmp_path,
    )
    await migrated(gateway)
    urls = {"acme": f"sqlite:///{gateway.journal}", "beta": journal_url}
    async with gateway:
        far.go_wrong(Fault.DECLINE, WalletCall.ROLLBACK_WITHDRAWAL)
        for name, credentials in GAME.items():
            assert (await call(gateway, WalletCall.WITHDRAW, name, credentials)).status == 200
            await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, name, credentials, rollbackReason="Sold out.")
        for name, url in urls.items():
            async with journal_at(url) as journal:
                await until_state(journal, key(name, name), State.PARKED)
        assert {row["operator"] for row in await listed(gateway, "transfers", "--state", "parked")} == set(GAME)
        totals = await listed(gateway, "rollbacks", "--sum")
        assert sorted((row["operator"], row["source"], row["count"]) for row in totals) == [
            ("acme", "game", 1),
            ("beta", "game", 1),
        ]
        far.behave()
        for name in GAME:
            words = ("--all-parked", "--operator", name, "--who", "anna", "--why", "it is back")
            assert (await gateway.command("retry", *words))[0] == 0
        for name, url in urls.items():
            async with journal_at(url) as journal:
                await until_state(journal, key(name, name), State.ROLLED_BACK)
                other = next(each for each in GAME if each != name)
                assert await journal.find(key(other, other)) is None
        assert [far.state_of(name) for name in GAME] == [HoldState.UNDONE, HoldState.UNDONE]
