"""The primary is gone and a standby takes its place: the journal finds it alone, and nothing acknowledged is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from gateway.journal.interface import Journal, JournalUnavailable
from tests.support.journals import Journals, a_transfer, key_of
from tests.support.postgres import PostgresServer

SYNCHRONOUS = ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
FOLLOWED = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"


@pytest.fixture
async def standby(tmp_path: Path, server: PostgresServer) -> AsyncIterator[PostgresServer]:
    """Follows the module's server, which waits for it at every commit."""
    standby = await asyncio.to_thread(PostgresServer.start_standby, tmp_path, server)
    connection = await asyncpg.connect(server.url)
    for statement in SYNCHRONOUS:
        await connection.execute(statement)
    while not await connection.fetchval(FOLLOWED):
        await asyncio.sleep(0.02)
    await connection.close()
    try:
        yield standby
    finally:
        standby.remove()


async def write(journal: Journal, first: int) -> list[str]:
    """Writes until the journal is not available. Returns what it acknowledged."""
    acknowledged = []
    for number in range(first, first + 100_000):
        try:
            await journal.insert(a_transfer(str(number)))
        except JournalUnavailable:
            break
        acknowledged.append(str(number))
    return acknowledged


async def written_after(journal: Journal) -> str:
    for number in range(1000):
        try:
            await journal.insert(a_transfer(f"after {number}"))
        except JournalUnavailable:
            await asyncio.sleep(0.02)
        else:
            return f"after {number}"
    raise AssertionError("never available again")


async def test_a_standby_takes_over(standby: PostgresServer, server: PostgresServer, own_journals: Journals) -> None:
    hosts = f"127.0.0.1:{server.port},127.0.0.1:{standby.port}"
    own_journals.shelf.url = own_journals.shelf.url.replace(f"127.0.0.1:{server.port}", hosts)
    journal = await own_journals.open()
    writing = asyncio.create_task(write(journal, 0))
    while await journal.find(key_of("200")) is None:
        await asyncio.sleep(0.01)
    server.kill()
    acknowledged = await writing
    assert len(acknowledged) > 200
    await asyncio.to_thread(standby.promote)
    acknowledged.append(await written_after(journal))
    assert [id_ for id_ in acknowledged if await journal.find(key_of(id_)) is None] == []
    await own_journals.close()
    own_journals.shelf.url = own_journals.shelf.url.replace(hosts, f"127.0.0.1:{standby.port}")
