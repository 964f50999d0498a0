"""Troubles of the database of the journal `ASIDE`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncpg

from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.monitoring.fleet import ASIDE, Fleet
from tests.monitoring.making import Make, in_background

SLOW_COMMIT_S: Final = 0.2
LOOK_S: Final = 0.02
WAITING: Final = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
CUT: Final = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' LIMIT 1"
SLOW_ANSWER_S: Final = 0.8
CUT_OFF_WITH: Final = 12
BURST: Final = 240
"""Calls at the same moment: more than three gateways let wait (`odd_gateway.WRITES_WAITING_LIMIT`)."""


@asynccontextmanager
async def slow(fleet: Fleet) -> AsyncIterator[None]:
    """Another session of the database locks the table again and again."""
    async with in_background(_lock_again_and_again(fleet.databases[ASIDE].url)):
        yield


async def _lock_again_and_again(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        while True:
            async with connection.transaction():
                await connection.execute("LOCK TABLE transfers IN EXCLUSIVE MODE")
                await connection.execute("SELECT pg_sleep($1)", SLOW_COMMIT_S)
    finally:
        await connection.close()


@asynccontextmanager
async def cut_once(fleet: Fleet) -> AsyncIterator[None]:
    """One connection ends in the middle of a commit."""
    url = fleet.databases[ASIDE].url
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE transfers IN EXCLUSIVE MODE")
            await _until_some_wait(connection)
            await connection.execute(CUT)
    finally:
        await connection.close()
    yield


async def _until_some_wait(connection: asyncpg.Connection) -> None:
    """For the lock, in the middle of their commits."""
    while not await connection.fetchval(WAITING):
        await asyncio.sleep(LOOK_S)


@asynccontextmanager
async def queue_full(fleet: Fleet) -> AsyncIterator[None]:
    """The database hangs, and more writes come than may wait."""
    await fleet.databases[ASIDE].pause()
    try:
        async with in_background(_burst(fleet)):
            yield
    finally:
        fleet.databases[ASIDE].unpause()


async def _burst(fleet: Fleet) -> None:
    """Of withdraws, since they begin with a write."""
    for first in itertools.count(0, BURST):
        await fleet.shoppers[ASIDE].hold(f"burst-{first + each}" for each in range(BURST))


@asynccontextmanager
async def stopped(fleet: Fleet) -> AsyncIterator[None]:
    database = fleet.databases[ASIDE]
    await asyncio.to_thread(database.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(database.start_again)


def unreachable(operator: str) -> Make:
    """The network between one gateway and its database is silent while withdraws are under way, until other gateways
    have rolled those back. It is mended before the end."""

    @asynccontextmanager
    async def cut_off(fleet: Fleet) -> AsyncIterator[None]:
        far = fleet.operators[operator]
        far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=SLOW_ANSWER_S)
        ids = [f"cut-off-{number}" for number in range(CUT_OFF_WITH)]
        async with in_background(fleet.shoppers[operator].hold(ids, fleet.gateways[2].wallet_url)):
            await far.until_seen(WalletCall.WITHDRAW, ids)
            fleet.proxy.go_silent()
            fleet.rest(fleet.gateways[2])
            await far.until_seen(WalletCall.ROLLBACK_WITHDRAWAL, ids)
            fleet.proxy.heal()
            fleet.proxy.cut()
            far.behave()
            yield

    return cut_off


@asynccontextmanager
async def first_stopped(fleet: Fleet) -> AsyncIterator[None]:
    """The database of nearly all operators."""
    database = fleet.databases["default"]
    await asyncio.to_thread(database.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(database.start_again)
