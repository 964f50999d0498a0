"""A database that goes away under running gateways, and comes back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from gateway.records import State
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.instances import (
    call,
    configuration,
    gateways,
    journal_at,
    key,
    operator,
    page,
    until_ready,
    until_state,
    until_status,
)
from tests.support.postgres import PostgresServer
from tests.support.runtimes import FarOperator


async def test_withdraws_are_refused_unsent_and_everything_goes_on_by_itself(
    tmp_path: Path, far: FarOperator, server: PostgresServer
) -> None:
    async with gateways(tmp_path, configuration(server.url, {"acme": operator(far)})) as pair:
        assert (await call(pair[0], WalletCall.WITHDRAW, "before")).status == 200
        await asyncio.to_thread(server.kill)
        refused = await asyncio.gather(*(call(gateway, WalletCall.WITHDRAW, "refused") for gateway in pair))
        assert {(answered.status, answered.error_code) for answered in refused} == {
            (500, ErrorCode.JOURNAL_UNAVAILABLE)
        }
        confirm = await call(pair[1], WalletCall.CONFIRM_WITHDRAWAL, "before")
        assert (confirm.status, confirm.error_code) == (500, ErrorCode.JOURNAL_UNAVAILABLE)
        for gateway in pair:
            await until_status(gateway, 503)
            assert "journal default" in json.loads((await page(gateway, "/readyz")).body)["problems"][0]
            assert (await page(gateway, "/healthz")).status == 200
        assert (far.seen(WalletCall.WITHDRAW), far.seen(WalletCall.CONFIRM_WITHDRAWAL)) == (1, 0)
        await asyncio.to_thread(server.start_again)
        for number, gateway in enumerate(pair):
            await until_ready(gateway)
            assert (await call(gateway, WalletCall.WITHDRAW, f"after-{number}")).status == 200
        assert (await call(pair[1], WalletCall.CONFIRM_WITHDRAWAL, "before")).status == 200
        async with journal_at(server.url) as journal:
            await until_state(journal, key("before"), State.CONFIRMED)
            assert await journal.find(key("refused")) is None
