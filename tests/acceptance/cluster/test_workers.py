"""One gateway of two worker processes: real processes, a real PostgreSQL, and games that buy meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.records import State
from gateway.runtime.workers.parent import FIRST_PAUSE_S
from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.support.doors import Answered, Client, request
from tests.support.gateway_process import DiedAtStart, GatewayProcess
from tests.support.instances import (
    LOOK_S,
    PATIENCE_S,
    configuration,
    journal_at,
    key,
    migrated,
    operator,
    page,
    until_ready,
    until_state,
    until_status,
)
from tests.support.runtimes import FarOperator, message

WORKERS = 2
OK = 200
GAMES = 8
"""Connections of games: half of them at each worker."""

WITHDRAWN = 'mm_gateway_call_seconds_count{call="withdraw",operator="acme",outcome="ok"}'
CONFIRMED = 'mm_gateway_transfers_ended_total{direction="withdraw",operator="acme",state="confirmed"}'
REPLACED = "mm_gateway_workers_replaced_total"


def content(journal_url: str, far: FarOperator, **other: Any) -> dict[str, Any]:
    return configuration(journal_url, {"acme": operator(far)}, workers=WORKERS, **other)


def audit_file(folder: Path) -> Path:
    return folder / "audit.log"


@pytest.fixture
async def gateway(tmp_path: Path, far: FarOperator, journal_url: str) -> AsyncIterator[GatewayProcess]:
    """A gateway of two workers, which write one audit file."""
    made = GatewayProcess(content(journal_url, far, log={"audit": str(audit_file(tmp_path))}), tmp_path)
    await migrated(made)
    async with made:
        yield made


class Games:
    """Games that buy over connections which they keep. What was cut is repeated over a new one, as the contract says:
    a withdraw by its rollback, a confirm by itself."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.answered: Counter[tuple[WalletCall, int]] = Counter()
        self.connected: list[Client] = []
        self.cut: list[int] = []
        """The places in `connected` of connections that ended before the answer to a call."""
        self.failed: list[tuple[WalletCall, int]] = []
        """Calls that were not answered with 200. Not those about a transfer that was cut off before: whoever repeats
        its end may be told to wait, as long as the lease of the dead lasts."""
        self._cut_off: set[str] = set()
        self._gateway = gateway
        self._stop = asyncio.Event()
        self._bought = asyncio.Condition()

    @property
    def withdrawn(self) -> int:
        return self.answered[WalletCall.WITHDRAW, OK]

    @property
    def confirmed(self) -> int:
        return self.answered[WalletCall.CONFIRM_WITHDRAWAL, OK]

    async def buy(self, count: int) -> None:
        """Returns once so many more purchases have been confirmed."""
        total = self.confirmed + count
        async with asyncio.timeout(PATIENCE_S), self._bought:
            await self._bought.wait_for(lambda: self.confirmed >= total)

    def stop(self) -> None:
        self._stop.set()

    async def play(self, game: int) -> None:
        """One game, from its first connection until all have stopped."""
        client = await self._connect()
        for number in count(1):
            id = f"{game}-{number}"
            answered = await self._ask(client, WalletCall.WITHDRAW, id)
            if answered is None:
                client = await self._repeat(client, WalletCall.ROLLBACK_WITHDRAWAL, id)
            elif answered.status == OK:
                client = await self._repeat(client, WalletCall.CONFIRM_WITHDRAWAL, id)
            if self._stop.is_set():
                break
        await client.close()

    async def _repeat(self, client: Client, call: WalletCall, id: str) -> Client:
        """Sends an end until it is acknowledged. Returns the connection that is open then."""
        while True:
            answered = await self._ask(client, call, id)
            if answered is None:
                client = await self._connect()
            elif answered.status == OK:
                async with self._bought:
                    self._bought.notify_all()
                return client

    async def _ask(self, client: Client, call: WalletCall, id: str) -> Answered | None:
        """The answer; None if there was none."""
        try:
            answered = await client.asked(wallet_request(call, id))
        except (ConnectionError, asyncio.IncompleteReadError):
            if id not in self._cut_off:
                self.cut.append(self.connected.index(client))
                self._cut_off.add(id)
            await client.close()
            return None
        self.answered[call, answered.status] += 1
        if answered.status != OK and id not in self._cut_off:
            self.failed.append((call, answered.status))
        return answered

    async def _connect(self) -> Client:
        client = await connect(self._gateway)
        self.connected.append(client)
        return client


def wallet_request(call: WalletCall, id: str) -> bytes:
    return request(f"/wallet/{call}", message(call, id, amount={"amount": 0.01, "currencyCode": "XAG"}))


async def connect(gateway: GatewayProcess) -> Client:
    where = urlsplit(gateway.wallet_url)
    return Client(*await asyncio.open_connection(where.hostname, where.port))


@asynccontextmanager
async def playing(gateway: GatewayProcess) -> AsyncIterator[Games]:
    """Games that play until the end of the block, and have ended all their purchases then."""
    games = Games(gateway)
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        for game in range(GAMES):
            group.create_task(games.play(game))
        yield games
        games.stop()


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until_gone(*pids: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while any(map(is_there, pids)):
            await asyncio.sleep(LOOK_S)


async def until_serving(gateway: GatewayProcess, events: int) -> None:
    """Returns once so many workers have said that they serve, over all its life."""
    async with asyncio.timeout(PATIENCE_S):
        while len(gateway.logged("serving")) < events:
            await asyncio.sleep(LOOK_S)


def numbers(page: str) -> dict[str, float]:
    """The page's numbers by series."""
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {series: float(number) for series, _, number in lines}


def config_info(metrics: dict[str, float]) -> set[str]:
    return {series for series in metrics if series.startswith("mm_gateway_config_info{")}


def counters(page: str) -> dict[str, float]:
    """The page's numbers that only grow."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE))
    return {series: number for series, number in numbers(page).items() if kinds.get(_family(series)) != "gauge"}


def _family(series: str) -> str:
    return series.partition("{")[0]


async def unfinished(journal_url: str) -> int:
    async with journal_at(journal_url) as journal:
        return sum(row.count for row in await journal.count_unfinished(0.0))


async def test_all_workers_take_part_and_the_page_says_what_games_counted(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    async with playing(gateway) as games:
        await games.buy(100)
    assert not games.failed
    page = numbers(await gateway.metrics())
    assert page[WITHDRAWN] == games.withdrawn
    assert page[CONFIRMED] == games.confirmed
    # Each worker has a line for each call.
    lines = Counter(line["instance"] for line in gateway.logged("call"))
    assert len(lines) == WORKERS
    assert min(lines.values()) > sum(lines.values()) / WORKERS / 2
    assert page['mm_gateway_connections_limit{listener="wallet"}'] == WORKERS * 10_000
    assert page["mm_gateway_workers"] == WORKERS
    # One file for all of them, in whole lines: opened, held, confirmed.
    assert await gateway.stop() == 0
    audited = Counter(json.loads(line)["instance"] for line in audit_file(tmp_path).read_text().splitlines())
    assert audited.keys() == lines.keys()
    assert sum(audited.values()) >= 3 * games.withdrawn


async def test_killing_a_worker_fails_no_call_of_another_and_every_purchase_ends(
    gateway: GatewayProcess, far: FarOperator, journal_url: str
) -> None:
    async with playing(gateway) as games:
        await games.buy(50)
        before = counters(await gateway.metrics())
        killed, other = gateway.worker_pids()
        made_before = len(games.connected)
        os.kill(killed, signal.SIGKILL)
        await games.buy(50)
        assert (await page(gateway, "/readyz")).status == OK
        after = counters(await gateway.metrics())
        await until_serving(gateway, WORKERS + 1)
        await games.buy(50)
    last = counters(await gateway.metrics())
    assert not games.failed
    # Only connections to the one that was killed, each once; none that was made while it was already dead.
    assert 0 < len(set(games.cut)) == len(games.cut) < GAMES
    assert max(games.cut) < made_before
    assert [each for each in before if after[each] < before[each]] == []
    assert [each for each in after if last[each] < after[each]] == []
    assert last[REPLACED] == 1
    assert other in gateway.worker_pids()
    assert killed not in gateway.worker_pids()
    async with asyncio.timeout(PATIENCE_S):
        while await unfinished(journal_url):
            await asyncio.sleep(LOOK_S)
    assert far.seen(WalletCall.WITHDRAW) <= games.withdrawn + len(games.cut)


async def test_reloads_under_load_fail_no_call(gateway: GatewayProcess, far: FarOperator, journal_url: str) -> None:
    async with playing(gateway) as games:
        for level in ("debug", "info", "debug"):
            await games.buy(20)
            gateway.configure(content(journal_url, far, log={"level": level}))
            await gateway.reload()
        await games.buy(20)
        metrics = numbers(await gateway.metrics())
    assert (games.failed, games.cut) == ([], [])
    assert metrics['mm_gateway_config_reloads_total{result="ok"}'] == 3
    assert len(config_info(metrics)) == 1
    assert metrics[REPLACED] == 0


async def test_a_reload_that_one_worker_refuses_changes_nothing_anywhere(
    gateway: GatewayProcess, far: FarOperator, journal_url: str
) -> None:
    before = numbers(await gateway.metrics())
    # The operator's settings are read, but nothing can be built of them.
    broken = operator(far, adapter="puppet-that-does-not-exist")
    gateway.configure(configuration(journal_url, {"acme": broken}, workers=WORKERS))
    await gateway.reload(refused=True)
    gateway.configure({**content(journal_url, far), "workers": WORKERS + 1, "server": {"request_timeout": "11s"}})
    await gateway.reload(refused=True)
    after = numbers(await gateway.metrics())
    assert config_info(after) == config_info(before)
    assert after["mm_gateway_config_reload_ok"] == 0
    assert after['mm_gateway_config_reloads_total{result="failed"}'] == 2
    for setting in ("workers", "server.request_timeout"):
        assert f"{setting}: cannot be changed by a reload" in gateway.log


async def test_a_worker_that_is_replaced_starts_with_the_configuration_in_force_not_with_the_file(
    gateway: GatewayProcess,
) -> None:
    gateway.config_file.write_text("nobody: has judged this")
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    await until_serving(gateway, WORKERS + 1)
    assert len(gateway.worker_pids()) == WORKERS


async def test_a_stop_lets_the_calls_of_all_workers_finish(gateway: GatewayProcess, far: FarOperator) -> None:
    clients = [await connect(gateway) for _ in range(2 * WORKERS)]
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=1.0)
    calls = [
        asyncio.create_task(client.asked(wallet_request(WalletCall.WITHDRAW, str(number))))
        for number, client in enumerate(clients)
    ]
    await far.until_seen(WalletCall.WITHDRAW, len(clients))
    assert await gateway.stop() == 0
    assert [answered.status for answered in await asyncio.gather(*calls)] == [OK] * len(clients)
    for client in clients:
        await client.close()
    assert len(gateway.logged("worker did not stop as asked")) == 0


async def test_told_twice_to_stop_it_ends_at_once_with_its_workers(gateway: GatewayProcess, far: FarOperator) -> None:
    pids = gateway.worker_pids()
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=1.0)
    client = await connect(gateway)
    await client.send(wallet_request(WalletCall.WITHDRAW, "1"))
    await far.until_seen(WalletCall.WITHDRAW)
    gateway.send_signal(signal.SIGTERM)
    async with asyncio.timeout(PATIENCE_S):
        while not gateway.logged("stopping"):
            await asyncio.sleep(LOOK_S)
    gateway.send_signal(signal.SIGTERM)
    assert await gateway.ended() == 130
    await until_gone(*pids)
    await client.close()


async def test_without_their_parent_workers_finish_their_calls_and_end_and_another_start_has_the_address(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    gateway = GatewayProcess(content(journal_url, far), tmp_path)
    await migrated(gateway)
    await gateway.start()
    pids = gateway.worker_pids()
    port = urlsplit(gateway.wallet_url).port
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=1.0)
    client = await connect(gateway)
    call = asyncio.create_task(client.asked(wallet_request(WalletCall.WITHDRAW, "1")))
    await far.until_seen(WalletCall.WITHDRAW)
    os.kill(gateway.pid, signal.SIGKILL)
    assert (await call).status == OK
    await client.close()
    await until_gone(*pids)
    assert await gateway.ended() == -signal.SIGKILL
    far.behave()
    gateway.configure(content(journal_url, far, server={"port": port}))
    async with gateway:
        client = await connect(gateway)
        assert (await client.asked(wallet_request(WalletCall.CONFIRM_WITHDRAWAL, "1"))).status == OK
        await client.close()
        async with journal_at(journal_url) as journal:
            await until_state(journal, key("1"), State.CONFIRMED)


async def test_workers_that_die_of_a_reload_are_replaced_by_such_as_start_with_it(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    gateway = GatewayProcess(content(journal_url, far), tmp_path)
    await migrated(gateway)
    await gateway.start(crash_at="reload.swapped")
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_exit(gateway)
        before = config_info(numbers(await gateway.metrics()))
        gateway.configure(content(journal_url, far, abandoned_after="7m"))
        await gateway.reload()
        await until_serving(gateway, 2 * WORKERS)
        metrics = numbers(await gateway.metrics())
        assert config_info(metrics).isdisjoint(before)
        assert len(config_info(metrics)) == 1
        assert metrics[REPLACED] == WORKERS


async def test_a_worker_that_cannot_start_is_tried_until_it_can_while_the_others_serve(
    gateway: GatewayProcess, tmp_path: Path
) -> None:
    audit = audit_file(tmp_path)
    audit.unlink()
    audit.mkdir()
    os.kill(gateway.worker_pids()[0], signal.SIGKILL)
    async with asyncio.timeout(PATIENCE_S):
        while len(gateway.logged("worker not started")) < 2:
            await asyncio.sleep(LOOK_S)
    assert (await page(gateway, "/readyz")).status == OK
    client = await connect(gateway)
    assert (await client.asked(wallet_request(WalletCall.WITHDRAW, "1"))).status == OK
    await client.close()
    assert numbers(await gateway.metrics())["mm_gateway_workers"] == WORKERS - 1
    audit.rmdir()
    await until_serving(gateway, WORKERS + 1)
    times = [datetime.fromisoformat(entry["timestamp"]) for entry in gateway.logged("worker not started")]
    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert all(pause >= FIRST_PAUSE_S for pause in pauses)


async def test_connections_that_a_dead_worker_had_not_taken_go_to_another(gateway: GatewayProcess) -> None:
    asleep, _ = gateway.worker_pids()
    os.kill(asleep, signal.SIGSTOP)
    # Before anybody has noticed: half of them are handed to the one that sleeps.
    clients = [await connect(gateway) for _ in range(2 * WORKERS)]
    answers = [
        asyncio.create_task(client.asked(wallet_request(WalletCall.WITHDRAW, str(number))))
        for number, client in enumerate(clients)
    ]
    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    os.kill(asleep, signal.SIGKILL)
    assert [answered.status for answered in await asyncio.gather(*answers)] == [OK] * len(clients)
    for client in clients:
        await client.close()


async def test_the_service_manager_hears_of_the_service_from_the_parent_alone(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.setblocking(False)
        gateway = GatewayProcess(content(journal_url, far), tmp_path, {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        await migrated(gateway)
        async with gateway:
            await gateway.reload()
            assert await gateway.stop() == 0
        told = []
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(manager.recv(1024).decode().partition("=")[0])
    assert told == ["READY", "RELOADING", "READY", "STOPPING"]


async def test_a_worker_that_sleeps_gets_no_connections_and_makes_the_gateway_unready(gateway: GatewayProcess) -> None:
    asleep, _ = gateway.worker_pids()
    os.kill(asleep, signal.SIGSTOP)
    await until_status(gateway, 503)
    clients = [await connect(gateway) for _ in range(2 * WORKERS)]
    for number, client in enumerate(clients):
        assert (await client.asked(wallet_request(WalletCall.WITHDRAW, str(number)))).status == OK
        await client.close()
    os.kill(asleep, signal.SIGCONT)
    await until_ready(gateway)


async def test_where_workers_cannot_start_it_says_so_once(tmp_path: Path, far: FarOperator) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    gateway = GatewayProcess(content(nowhere, far), tmp_path)
    with pytest.raises(DiedAtStart) as died:
        await gateway.start()
    assert died.value.status == 1
    assert len([line for line in gateway.log.splitlines() if line.startswith("mm-gateway: ")]) == 1


async def test_workers_on_sqlite_are_refused_with_the_reason(tmp_path: Path, far: FarOperator) -> None:
    gateway = GatewayProcess({"operators": {"acme": operator(far)}, "workers": WORKERS}, tmp_path)
    for command in ("check", "serve"):
        status, said = await gateway.command(command)
        assert status == 2
        assert "workers: is 2, but one process alone may write to the SQLite file of journal default" in said
        assert "postgresql://" in said
