"""SIGHUP: a bad file changes nothing and is told of usefully; a good one harms no call under way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.sandbox import Sandbox, sandbox, until
from tests.support.gateway_process import GatewayProcess
from tests.support.wallet_client import body, post

BUYERS = 12
RELOADS = 8


async def call(gateway: GatewayProcess, operator: Sandbox, call: WalletCall, id: str) -> int:
    """The answer's status."""
    return (await post(gateway.wallet_url, call, body(call, id), operator.credentials)).status


async def test_a_bad_file_is_refused_with_file_line_field_and_remedy_and_nothing_changes(tmp_path: Path) -> None:
    async with sandbox("quantum") as operator, GatewayProcess(config_with(operator, 0), tmp_path) as gateway:
        good = gateway.config_file.read_text()
        bad = good.replace("timeout: 5s", "timeout: 2 parsecs").replace("near-password", "changed-password")
        line = bad[: bad.index("timeout: 2 parsecs")].count("\n") + 1
        gateway.configure(bad)
        await gateway.reload(refused=True)
        (entry,) = gateway.logged("reload refused: nothing has changed")
        (problem,) = entry["problems"]
        place, _, said = problem.partition(": operators.acme.timeout: ")
        assert place.startswith(f"{gateway.config_file}:{line}:")
        assert "2 parsecs" in said
        assert "5s" in said, "the remedy shows how it is written"
        assert await call(gateway, operator, WalletCall.WITHDRAW, "1") == 200
        assert 'mm_gateway_config_reloads_total{result="failed"} 1.0' in await gateway.metrics()
        assert await gateway.stop() == 0
        assert "changed" not in gateway.log.replace("nothing has changed", ""), "no password is logged"


async def test_a_good_file_is_taken_up_while_calls_run_and_harms_none(tmp_path: Path) -> None:
    async with sandbox("quantum") as operator:
        operator.go_wrong(
            FaultRule(fault=Fault.DELAY, ids=("long",), delay_s=3.0), FaultRule(fault=Fault.DELAY, delay_s=0.02)
        )
        async with GatewayProcess(config_with(operator, 0), tmp_path) as gateway:
            enough = asyncio.Event()
            buyers = [asyncio.create_task(buying(gateway, operator, n, enough.is_set)) for n in range(BUYERS)]
            for number in range(1, RELOADS):
                await reloaded(gateway, operator, number)
            long = asyncio.create_task(call(gateway, operator, WalletCall.WITHDRAW, "long"))
            await until(lambda: bool(operator.sent(WalletCall.WITHDRAW, "long")))
            await reloaded(gateway, operator, RELOADS)
            assert not long.done()
            enough.set()
            statuses = sum(await asyncio.gather(*buyers), Counter())
            assert await long == 200
            assert statuses.keys() == {200}
            assert {hold.state for hold in operator.ledger.holds.values()} == {HoldState.CONFIRMED, HoldState.HELD}
            withdraws = len(operator.sent(WalletCall.WITHDRAW))
            assert withdraws == len(operator.ledger.holds) > RELOADS * BUYERS
            assert f'mm_gateway_config_reloads_total{{result="ok"}} {RELOADS}.0' in await gateway.metrics()
            assert await gateway.stop() == 0


def config_with(operator: Sandbox, number: int) -> dict[str, Any]:
    """A configuration that differs from that of any other number, in what makes a new operator."""
    settings = operator.settings(timeout=f"{5 + number}s", limits={"concurrency": 64 + number})
    return {"operators": {"acme": settings}, "abandoned_after": f"{1 + number}h"}


async def reloaded(gateway: GatewayProcess, operator: Sandbox, number: int) -> None:
    """Takes up that configuration once the buyers have bought some more."""
    before = len(operator.sent(WalletCall.WITHDRAW))
    await until(lambda: len(operator.sent(WalletCall.WITHDRAW)) >= before + BUYERS)
    gateway.configure(config_with(operator, number))
    await gateway.reload()


async def buying(gateway: GatewayProcess, operator: Sandbox, buyer: int, enough: Callable[[], bool]) -> Counter[int]:
    """Withdraws and confirms, again and again; counts the statuses of the answers."""
    statuses: Counter[int] = Counter()
    number = 0
    while not enough():
        number += 1
        for each in (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL):
            statuses[await call(gateway, operator, each, f"{buyer}-{number}")] += 1
    return statuses
