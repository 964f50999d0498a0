"""What goes over the wire when an operator fails: one withdraw, then a rollback, without the game asking."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal
from gateway.reasons import Source
from gateway.records import Direction, Key, State, Timeline, Verdict
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.acceptance.wire.failures import FAILURES, WITHDRAW, endless_body, endless_head, failing, heard, huge, well
from tests.support.doors import Answered
from tests.support.gateway_process import GatewayProcess
from tests.support.rude_operator import RESET, RudeOperator, rude_operator
from tests.support.wallet_client import body, post

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "1234abcd"
UNCLEAR, NOT_SENT, ROLLED_BACK = 121, 122, 111
ENDED = (State.CONFIRMED, State.ROLLED_BACK, State.PARKED)
CASES = [(name, kept) for name in FAILURES for kept in (False, True)]


class Wire:
    """A gateway before one operator for each case. `sockets` are of operators that do not serve yet."""

    def __init__(self, gateway: GatewayProcess, operators: dict[str, RudeOperator]) -> None:
        self.gateway = gateway
        self.operators = operators
        self.sockets: dict[str, socket.socket] = {}
        self.journal: Journal

    async def call(self, operator: str, call: WalletCall) -> Answered:
        return await post(self.gateway.wallet_url, call, body(call, ID), f"{operator}:near-password")

    async def ended(self, operator: str) -> Timeline:
        """The transfer, once it has come to its end."""
        async with asyncio.timeout(20):
            while (timeline := await self._timeline(operator)).transfer.state not in ENDED:
                await asyncio.sleep(0.01)
        return timeline

    async def _timeline(self, operator: str) -> Timeline:
        timeline = await self.journal.timeline(Key(operator, Direction.WITHDRAW, ID))
        assert timeline is not None
        return timeline


def operator_at(name: str, port: int) -> dict[str, Any]:
    return {
        "adapter": "quantum",
        "settings": {"base_url": f"http://127.0.0.1:{port}/wallet/", "username": "u", "password": "p"},
        "credentials": [{"username": name, "password": "near-password"}],
        "timeout": "500ms",
        "delivery": {"schedule": ["0s", "50ms"], "then_every": "50ms", "jitter": 0.0},
    }


def named(failure: str, *, kept: bool) -> str:
    return f"case-{list(FAILURES).index(failure)}-{'kept' if kept else 'new'}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def wire(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wire]:
    """One gateway for all cases: they do not meet, since each has an operator of its own."""
    folder: Path = tmp_path_factory.mktemp("wire")
    async with AsyncExitStack() as stack:
        operators = {
            named(failure, kept=kept): await stack.enter_async_context(rude_operator(failing(FAILURES[failure])))
            for failure, kept in CASES
        }
        sockets = {}
        for name in ("silent", "unread"):
            sockets[name] = stack.enter_context(socket.socket())
            sockets[name].bind(("127.0.0.1", 0))
        ports = {name: operator.port for name, operator in operators.items()}
        ports |= {name: sock.getsockname()[1] for name, sock in sockets.items()}
        config = {"operators": {name: operator_at(name, port) for name, port in ports.items()}}
        gateway = await stack.enter_async_context(GatewayProcess(config, folder))
        found = Wire(gateway, operators)
        found.sockets = sockets
        settings = JournalSettings(url=f"sqlite:///{gateway.journal}")
        found.journal = await open_journal("default", settings, Metrics(), SystemClock(), beside=True)
        stack.push_async_callback(found.journal.close)
        yield found
        assert await gateway.stop() == 0
        assert "Traceback" not in gateway.log


def proved_undone(timeline: Timeline, verdict: Verdict) -> None:
    """One withdraw with this verdict, then its rollback, which the gateway has decided by itself."""
    hold, *ends = timeline.attempts
    assert (hold.call, hold.verdict) == (WalletCall.WITHDRAW, verdict)
    assert {end.call for end in ends} == {WalletCall.ROLLBACK_WITHDRAWAL}
    assert ends[-1].verdict is Verdict.SUCCESS
    assert [reason.source for reason in timeline.reasons] == [Source.GATEWAY]
    assert timeline.transfer.state is State.ROLLED_BACK


@pytest.mark.parametrize("kept", [False, True], ids=["on a new connection", "on a kept connection"])
@pytest.mark.parametrize("failure", FAILURES)
async def test_a_withdraw_that_fails_is_sent_once_and_rolled_back(wire: Wire, failure: str, kept: bool) -> None:
    name = named(failure, kept=kept)
    operator = wire.operators[name]
    if kept:
        assert (await wire.call(name, WalletCall.GET_BALANCE)).status == 200
    failed = await wire.call(name, WalletCall.WITHDRAW)
    assert (failed.status, failed.error_code) == (500, UNCLEAR)
    proved_undone(await wire.ended(name), Verdict.UNKNOWN)
    assert (heard(operator, "withdraw"), heard(operator, "rollbackWithdrawal")) == (1, 1)
    again = await wire.call(name, WalletCall.WITHDRAW)
    assert (again.status, again.error_code) == (500, ROLLED_BACK)
    assert heard(operator, "withdraw") == 1
    assert heard(operator, "elsewhere") == 0


async def test_a_withdraw_that_finds_nobody_has_ended_and_nobody_is_told_later(wire: Wire) -> None:
    failed = await wire.call("silent", WalletCall.WITHDRAW)
    assert (failed.status, failed.error_code) == (500, NOT_SENT)
    async with rude_operator(failing(well), sock=wire.sockets["silent"]) as operator:
        timeline = await wire.ended("silent")
        assert [attempt.verdict for attempt in timeline.attempts] == [Verdict.UNSENT]
        assert timeline.transfer.state is State.ROLLED_BACK
        assert (await wire.call("silent", WalletCall.ROLLBACK_WITHDRAWAL)).status == 200
        assert (heard(operator, "withdraw"), heard(operator, "rollbackWithdrawal")) == (0, 0)


async def test_a_withdraw_that_was_reset_unread_is_not_sent_again(wire: Wire) -> None:
    listener = wire.sockets["unread"]
    listener.listen()
    listener.setblocking(False)
    resetting = asyncio.create_task(reset_unread(listener))
    failed = await wire.call("unread", WalletCall.WITHDRAW)
    assert (failed.status, failed.error_code) == (500, UNCLEAR)
    assert (await resetting).startswith(WITHDRAW)
    async with rude_operator(failing(well), sock=listener) as operator:
        proved_undone(await wire.ended("unread"), Verdict.UNKNOWN)
        assert (heard(operator, "withdraw"), heard(operator, "rollbackWithdrawal")) == (0, 1)


async def reset_unread(listener: socket.socket) -> bytes:
    """Resets the first connection as soon as a request waits there; returns what waited, which nobody has read."""
    loop = asyncio.get_running_loop()
    connection, _ = await loop.sock_accept(listener)
    arrived = asyncio.Event()
    loop.add_reader(connection, arrived.set)
    await arrived.wait()
    loop.remove_reader(connection)
    waiting = connection.recv(1000, socket.MSG_PEEK)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    connection.close()
    return waiting


async def test_answers_without_end_fill_no_memory(tmp_path: Path) -> None:
    """Forty at once, of 64 MiB or endless: what is held of each is bounded by `max_answer`."""
    async with AsyncExitStack() as stack:
        operators = {
            name: await stack.enter_async_context(rude_operator(failing(react)))
            for name, react in (("huge", huge), ("body", endless_body), ("head", endless_head))
        }
        config = {"operators": {name: operator_at(name, operator.port) for name, operator in operators.items()}}
        async with GatewayProcess(config, tmp_path) as gateway:
            first = await asyncio.gather(*(withdrawn(gateway, name, "first") for name in operators))
            before = peak_memory(gateway.pid)
            rest = [withdrawn(gateway, name, f"id-{number}") for number in range(13) for name in operators]
            assert {*first, *await asyncio.gather(*rest)} == {UNCLEAR}
            assert peak_memory(gateway.pid) - before < 32 * 1024 * 1024
            assert [heard(operator, "withdraw") for operator in operators.values()] == [14] * 3
            assert await gateway.stop() == 0


async def withdrawn(gateway: GatewayProcess, operator: str, id: str) -> int:
    """The error code of the answer."""
    content = body(WalletCall.WITHDRAW, id)
    return (await post(gateway.wallet_url, WalletCall.WITHDRAW, content, f"{operator}:near-password")).error_code


def peak_memory(pid: int) -> int:
    """The most bytes that the process has had in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
