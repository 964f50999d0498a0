"""Troubles of gateways themselves: of their processes, their machines and their configuration."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from tests.monitoring.fleet import FENCED, LONE, Fleet, OddGateway
from tests.monitoring.making import in_background
from tests.support.certificates import Authority
from tests.support.doors import basic

CLOCK_AHEAD_S: Final = 60.0
CLOCK_STEP_S: Final = 3.0
"""A step that leaves the clock near enough to that of the others."""

STALL_S: Final = 0.9
RUN_S: Final = 0.3
"""Less than the loop's timer takes, which then fires late at every stall."""

GUESSES: Final = 40
SPARE: Final = 1.1
OTHERS: Final = 24
REFUSALS: Final = 8
LINES: Final = 200
"""Of the log: more than may wait (`odd_gateway.LOG_BYTES_WAITING_LIMIT`)."""


@asynccontextmanager
async def one_killed(fleet: Fleet) -> AsyncIterator[None]:
    await fleet.gateways[1].kill()
    try:
        yield
    finally:
        await fleet.gateways[1].start()


@asynccontextmanager
async def all_killed(fleet: Fleet) -> AsyncIterator[None]:
    await asyncio.gather(*(gateway.kill() for gateway in fleet.every_gateway))
    try:
        yield
    finally:
        await asyncio.gather(*(gateway.start() for gateway in fleet.every_gateway))


@asynccontextmanager
async def clock_ahead(fleet: Fleet) -> AsyncIterator[None]:
    world = fleet.gateways[0].world
    world.set_clock(CLOCK_AHEAD_S)
    try:
        yield
    finally:
        world.set_clock(0)


@asynccontextmanager
async def clock_stepped(fleet: Fleet) -> AsyncIterator[None]:
    world = fleet.gateways[0].world
    world.set_clock(CLOCK_STEP_S)
    yield
    world.set_clock(0)


@asynccontextmanager
async def certificate_ending(fleet: Fleet) -> AsyncIterator[None]:
    """The one that is shown to an operator; at the end it is renewed."""
    await _show_certificate(fleet.lone, timedelta(days=1))
    try:
        yield
    finally:
        await _show_certificate(fleet.lone, timedelta(days=90))


async def _show_certificate(gateway: OddGateway, lasts: timedelta) -> None:
    folder = gateway.config_file.parent
    made = Authority(folder, "authority").certificate("127.0.0.1", valid_until=datetime.now(UTC) + lasts)
    operators = gateway.content["operators"]
    shown = {**operators, LONE: {**operators[LONE], "tls": {"cert_file": str(made)}}}
    gateway.content = {**gateway.content, "operators": shown}
    gateway.configure(gateway.content)
    await gateway.reload()


@asynccontextmanager
async def credentials_guessed(fleet: Fleet) -> AsyncIterator[None]:
    """Goes on beside the watch: guesses are slowed down, and the alert is over soon after the last one."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_guess(fleet))
        yield


async def _guess(fleet: Fleet) -> None:
    async with aiohttp.ClientSession() as client:
        for number in range(GUESSES):
            headers = {"Authorization": basic(f"silent:{number}")}
            url = f"{fleet.gateways[0].wallet_url}/wallet/getBalance"
            async with client.post(url, headers=headers, data=b"{}") as answer:
                assert answer.status == 401


@asynccontextmanager
async def memory_near_limit(fleet: Fleet) -> AsyncIterator[None]:
    """The limit comes down to what the process has: the other way round would take gigabytes."""
    fleet.lone.world.set_memory_limit(int(1.05 * _resident_bytes(fleet.lone.pid)))
    try:
        yield
    finally:
        fleet.lone.world.set_memory_limit(None)


def _resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def reload_refused(fleet: Fleet) -> AsyncIterator[None]:
    """Of the gateway with workers; commands read the configuration of the first one meanwhile."""
    gateway = fleet.gateways[1]
    gateway.configure({**gateway.content, "operators": {}})
    await gateway.reload(refused=True)
    try:
        yield
    finally:
        gateway.configure(gateway.content)
        await gateway.reload()


@asynccontextmanager
async def workers_ended(fleet: Fleet) -> AsyncIterator[None]:
    """Whenever the gateway with workers has one, it is killed."""
    async with in_background(_kill_workers(fleet.gateways[1])):
        yield


async def _kill_workers(gateway: OddGateway) -> None:
    while True:
        for pid in gateway.worker_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(1)


@asynccontextmanager
async def loop_stalled(fleet: Fleet) -> AsyncIterator[None]:
    """The machine gives the process no time, again and again."""
    async with in_background(_pause_again_and_again(fleet.lone)):
        yield


async def _pause_again_and_again(gateway: OddGateway) -> None:
    try:
        while True:
            gateway.send_signal(signal.SIGSTOP)
            await asyncio.sleep(STALL_S)
            gateway.send_signal(signal.SIGCONT)
            await asyncio.sleep(RUN_S)
    finally:
        gateway.send_signal(signal.SIGCONT)


@asynccontextmanager
async def connections_taken(fleet: Fleet) -> AsyncIterator[None]:
    """A client opens one connection after the other, and sends nothing."""
    where = urlsplit(fleet.lone.wallet_url)
    async with AsyncExitStack() as stack, in_background(_connect_again_and_again(where.port or 0, stack)):
        yield


async def _connect_again_and_again(port: int, stack: AsyncExitStack) -> None:
    while True:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        await asyncio.sleep(0.05)


@asynccontextmanager
async def descriptors_near_limit(fleet: Fleet) -> AsyncIterator[None]:
    """The limit comes down to little more than the process has open."""
    pid = fleet.lone.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (int(SPARE * _open_files(pid)), hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))


@asynccontextmanager
async def descriptors_used_up(fleet: Fleet) -> AsyncIterator[None]:
    """The limit comes down to what the process has open, and others connect. Some find the number of a descriptor that
    was closed meanwhile."""
    pid, where = fleet.lone.pid, urlsplit(fleet.lone.wallet_url)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (_open_files(pid), hard))
    connections = [await asyncio.open_connection(where.hostname, where.port) for _ in range(OTHERS)]
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        for _, writer in connections:
            writer.close()


def _open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@asynccontextmanager
async def callers_refused(fleet: Fleet) -> AsyncIterator[None]:
    """They call from an address that is on no allow list, and get no answer."""
    headers = {"Authorization": basic(f"{FENCED}:secret")}
    async with aiohttp.ClientSession() as client:
        for _ in range(REFUSALS):
            with suppress(aiohttp.ClientError):
                await client.post(f"{fleet.lone.wallet_url}/wallet/getBalance", headers=headers, data=b"{}")
    yield


@asynccontextmanager
async def log_stands_still(fleet: Fleet) -> AsyncIterator[None]:
    """Whoever reads the log of the gateway does not, for a while."""
    fleet.lone.log_pipe.stop_reading()
    try:
        await fleet.shoppers[LONE].look(LINES)
        yield
    finally:
        fleet.lone.log_pipe.read_on()
