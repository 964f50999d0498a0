"""Two games post the same withdraw at once: it goes out once, and both get the same answer."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.sandbox.faults import Fault, FaultRule
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.sandbox import Sandbox, sandbox
from tests.support.doors import Answered, request
from tests.support.gateway_process import GatewayProcess
from tests.support.wallet_client import body, connect

TIMES = 100


async def by_two_games(gateway: GatewayProcess, operator: Sandbox, id: str) -> tuple[Answered, Answered]:
    """Both have a connection before either sends."""
    clients = [await connect(gateway.wallet_url) for _ in range(2)]
    withdraw = request("/wallet/withdraw", body(WalletCall.WITHDRAW, id), operator.credentials)
    one, other = await asyncio.gather(*(client.asked(withdraw) for client in clients))
    for client in clients:
        await client.close()
    return one, other


@pytest.mark.parametrize("protocol", ["hub88", "quantum"])
async def test_both_get_the_receipt_of_the_one_withdraw(tmp_path: Path, protocol: str) -> None:
    async with sandbox(protocol) as operator:
        config = {"operators": {"acme": operator.settings()}}
        async with GatewayProcess(config, tmp_path) as gateway:
            for number in range(TIMES):
                one, other = await by_two_games(gateway, operator, f"id-{number}")
                assert (one.status, one.body) == (200, other.body)
                assert json.loads(one.body)["balance"]["amount"] == 1_000_000 - 10 * (number + 1)
            assert [len(operator.sent(WalletCall.WITHDRAW, f"id-{n}")) for n in range(TIMES)] == [1] * TIMES
            assert await gateway.stop() == 0


@pytest.mark.parametrize("protocol", ["hub88", "quantum"])
async def test_both_get_the_error_of_the_one_withdraw(tmp_path: Path, protocol: str) -> None:
    async with sandbox(protocol) as operator:
        operator.go_wrong(FaultRule(fault=Fault.HANG_AFTER, calls=(WalletCall.WITHDRAW,)))
        config = {"operators": {"acme": operator.settings(timeout="1s", limits={"concurrency": TIMES})}}
        async with GatewayProcess(config, tmp_path) as gateway:
            pairs = await asyncio.gather(*(by_two_games(gateway, operator, f"id-{n}") for n in range(TIMES)))
            assert {(one.status, one.error_code) for one, _ in pairs} == {(500, 121)}
            assert [one.body for one, _ in pairs] == [other.body for _, other in pairs]
            assert [len(operator.sent(WalletCall.WITHDRAW, f"id-{n}")) for n in range(TIMES)] == [1] * TIMES
            assert await gateway.stop() == 0
