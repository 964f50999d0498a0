"""From one gateway on SQLite to two on PostgreSQL, with `mm-gateway journal copy`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.records import State
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, configuration, gateways, journal_at, key, migrated, operator, until_state
from tests.support.runtimes import FarOperator


async def test_what_one_gateway_began_on_sqlite_two_finish_on_postgresql(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    acme = {"acme": operator(far)}
    old = tmp_path / "old"
    old.mkdir()
    single = GatewayProcess({"operators": acme, "journals": {"next": {"url": journal_url}}}, old)
    await migrated(single)
    async with single:
        for id in ("ended", "held", "undelivered"):
            assert (await call(single, WalletCall.WITHDRAW, id)).status == 200
        ended = await call(single, WalletCall.CONFIRM_WITHDRAWAL, "ended")
        far.go_wrong(Fault.ERROR_BEFORE, WalletCall.ROLLBACK_WITHDRAWAL)
        await call(single, WalletCall.ROLLBACK_WITHDRAWAL, "undelivered", rollbackReason="Sold out.")
        assert await single.stop() == 0
    status, said = await single.command("journal", "copy", "--from", "default", "--to", "next")
    assert status == 0, said
    assert "copied and compared 3 transfers and 0 sessions" in said.splitlines()
    assert said.endswith("write `journal: next` at each, or swap the urls of the two journals\n")
    far.behave()
    async with gateways(tmp_path, configuration(journal_url, acme)) as pair, journal_at(journal_url) as journal:
        await until_state(journal, key("undelivered"), State.ROLLED_BACK)
        again, held = await asyncio.gather(
            call(pair[0], WalletCall.CONFIRM_WITHDRAWAL, "ended"), call(pair[1], WalletCall.CONFIRM_WITHDRAWAL, "held")
        )
        assert (again.status, again.body) == (200, ended.body)
        assert held.status == 200
        timeline = await until_state(journal, key("undelivered"), State.ROLLED_BACK)
        assert timeline.reasons[0].text == "Sold out."
    assert [far.state_of(id) for id in ("ended", "held", "undelivered")] == [
        HoldState.CONFIRMED,
        HoldState.CONFIRMED,
        HoldState.UNDONE,
    ]
    assert far.seen(WalletCall.WITHDRAW) == 3
