"""Many instances that start at once on an empty database."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, configuration, gateways, operator
from tests.support.postgres import PostgresServer
from tests.support.runtimes import FarOperator

INSTANCES = 10


async def test_ten_migrate_at_once_and_serve(tmp_path: Path, far: FarOperator, journal_url: str) -> None:
    content = configuration(journal_url, {"acme": operator(far)})
    content["journal"]["connections"] = 2
    folders = [tmp_path / str(number) for number in range(INSTANCES)]
    for folder in folders:
        folder.mkdir()
    instances = [GatewayProcess(content, folder) for folder in folders]
    migrations = await asyncio.gather(*(instance.command("migrate") for instance in instances))
    assert {status for status, _ in migrations} == {0}
    assert sorted(said.partition(" 0001")[0] for _, said in migrations) == sorted(
        ["default: applied", *["default: up to date\n"] * (INSTANCES - 1)]
    )
    async with AsyncExitStack() as stack:
        await asyncio.gather(*(stack.enter_async_context(instance) for instance in instances))
        answers = await asyncio.gather(
            *(call(instance, WalletCall.WITHDRAW, str(number)) for number, instance in enumerate(instances))
        )
        assert {answered.status for answered in answers} == {200}
        assert [await instance.stop() for instance in instances] == [0] * INSTANCES


async def test_an_older_postgresql_serves_as_well(tmp_path: Path, far: FarOperator) -> None:
    server = await asyncio.to_thread(partial(PostgresServer.start, tmp_path, version=16))
    try:
        async with gateways(tmp_path, configuration(server.url, {"acme": operator(far)})) as (first, second):
            assert (await call(first, WalletCall.WITHDRAW)).status == 200
            assert (await call(second, WalletCall.CONFIRM_WITHDRAWAL)).status == 200
            assert far.state_of("1") is HoldState.CONFIRMED
    finally:
        server.remove()
