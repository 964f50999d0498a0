"""No journal, no sending: what happens while the journal's disk takes no writes, and once it does again."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.sandbox import Sandbox, sandbox, until
from tests.support.doors import Answered
from tests.support.gateway_process import COMMAND, GatewayProcess
from tests.support.wallet_client import body, post

UNAVAILABLE = 123
ON_FAILING_DISK = (sys.executable, "-m", "tests.support.gateway_on_failing_disk")


class FullDisk:
    """The kernel lets none of the process's files grow: a full disk, without having to fill one."""

    command = COMMAND

    def __init__(self, gateway: GatewayProcess) -> None:
        self._pid = gateway.pid
        self._log = gateway.journal.with_name("journal.db-wal")

    def fail(self) -> None:
        self._limit(self._log.stat().st_size)

    def mend(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def _limit(self, size: int) -> None:
        resource.prlimit(self._pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


class ReadOnlyDisk:
    """Writing to the journal's files fails as on a file system that was remounted read-only."""

    command = ON_FAILING_DISK

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway

    def fail(self) -> None:
        self._gateway.send_signal(signal.SIGUSR1)

    def mend(self) -> None:
        self._gateway.send_signal(signal.SIGUSR2)


async def call(gateway: GatewayProcess, operator: Sandbox, call: WalletCall, id: str) -> Answered:
    return await post(gateway.wallet_url, call, body(call, id), operator.credentials)


async def ready(gateway: GatewayProcess) -> bool:
    async with aiohttp.ClientSession() as client, client.get(f"{gateway.admin_url}/readyz") as answer:
        return answer.status == 200


async def until_ready(gateway: GatewayProcess, *, expected: bool) -> None:
    async with asyncio.timeout(20):
        while await ready(gateway) is not expected:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("disk_of", [FullDisk, ReadOnlyDisk])
async def test_nothing_goes_out_until_it_can_be_written_down_again(
    tmp_path: Path, disk_of: type[FullDisk | ReadOnlyDisk]
) -> None:
    async with sandbox("quantum") as operator:
        operator.go_wrong(FaultRule(fault=Fault.DELAY, ids=("overtaken",), delay_s=1.0))
        config = {"operators": {"acme": operator.settings(timeout="5s")}}
        env = {"PYTHONPATH": str(Path.cwd())}
        async with GatewayProcess(config, tmp_path, env, command=disk_of.command) as gateway:
            assert (await call(gateway, operator, WalletCall.WITHDRAW, "held")).status == 200
            overtaken = asyncio.create_task(call(gateway, operator, WalletCall.WITHDRAW, "overtaken"))
            await until(lambda: bool(operator.sent(WalletCall.WITHDRAW, "overtaken")))
            disk = disk_of(gateway)
            disk.fail()
            await until_ready(gateway, expected=False)

            refused = [await call(gateway, operator, WalletCall.WITHDRAW, f"refused-{number}") for number in range(20)]
            assert {(each.status, each.error_code) for each in refused} == {(500, UNAVAILABLE)}
            confirm = await call(gateway, operator, WalletCall.CONFIRM_WITHDRAWAL, "held")
            assert (confirm.status, confirm.error_code) == (500, UNAVAILABLE)
            await until(lambda: "rollback waits for the journal" in gateway.log)
            assert not overtaken.done()
            assert len(operator.sent(WalletCall.WITHDRAW)) == 2
            assert operator.sent(WalletCall.CONFIRM_WITHDRAWAL) == []

            disk.mend()
            answer = await overtaken
            assert (answer.status, answer.error_code) == (500, UNAVAILABLE)
            await until_ready(gateway, expected=True)
            assert (await call(gateway, operator, WalletCall.WITHDRAW, "after")).status == 200
            assert (await call(gateway, operator, WalletCall.CONFIRM_WITHDRAWAL, "held")).status == 200
            await until(lambda: (hold := operator.hold("overtaken")) is not None and hold.state is HoldState.UNDONE)
            assert [len(operator.sent(WalletCall.WITHDRAW, id)) for id in ("held", "overtaken", "after")] == [1, 1, 1]
            assert len(operator.sent(WalletCall.WITHDRAW)) == 3
            assert await gateway.stop() == 0
            assert "Traceback" not in gateway.log
