"""Behind a real PgBouncer, and before hosts of which some take no writes: what decides is asked of the server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from gateway.clock import SystemClock
from gateway.journal import migrate_journal, open_journal
from gateway.journal.interface import Journal, JournalMisconfigured, JournalUnavailable
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.journals import a_transfer
from tests.support.pgbouncer import pgbouncer
from tests.support.postgres import PostgresServer

SOON_S = 5.0


@pytest.fixture
async def standby(tmp_path: Path, server: PostgresServer) -> AsyncIterator[PostgresServer]:
    await migrate_journal(JournalSettings(url=server.url))
    standby = await asyncio.to_thread(PostgresServer.start_standby, tmp_path, server)
    try:
        yield standby
    finally:
        standby.remove()


async def opened(url: str, connect_timeout: float = 5.0) -> Journal:
    settings = JournalSettings(url=url, connect_timeout=connect_timeout)
    return await open_journal("default", settings, Metrics(), SystemClock())


async def open_soon(url: str) -> Journal:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                return await opened(url)
            except JournalUnavailable:
                await asyncio.sleep(0.05)


async def writable_soon(journal: Journal, id_: str) -> None:
    async with asyncio.timeout(SOON_S):
        while True:
            try:
                await journal.insert(a_transfer(id_))
            except JournalUnavailable:
                await asyncio.sleep(0.05)
            else:
                return


@pytest.mark.needs_programs("pgbouncer")
async def test_a_pooler_that_met_a_standby_first_is_believed_once_it_is_promoted(standby: PostgresServer) -> None:
    async with pgbouncer(standby.port) as pooler:
        url = standby.url_of("postgres", pooler.port)
        greeted = await asyncpg.connect(url, statement_cache_size=0)
        with pytest.raises(JournalUnavailable, match="is a standby"):
            await opened(url)
        await asyncio.to_thread(standby.promote)
        journal = await open_soon(url)
        # The pooler still says what it heard from the first server that it met.
        assert getattr(greeted.get_settings(), "in_hot_standby", "on") == "on"
        greeted.terminate()
        assert (await journal.insert(a_transfer("1"))).created
        await journal.close()


@pytest.mark.needs_programs("pgbouncer")
async def test_a_pooler_that_moves_to_a_promoted_standby_takes_an_open_journal_along(
    server: PostgresServer, standby: PostgresServer
) -> None:
    async with pgbouncer(server.port) as pooler:
        journal = await opened(server.url_of("postgres", pooler.port))
        await journal.insert(a_transfer("before"))
        pooler.point_to(standby.port)
        server.kill()
        try:
            with pytest.raises(JournalUnavailable):
                await journal.insert(a_transfer("between"))
            await asyncio.to_thread(standby.promote)
            await writable_soon(journal, "after")
            await journal.close()
        finally:
            server.start_again()


async def test_a_server_that_is_set_to_take_no_writes_says_so(server: PostgresServer) -> None:
    await migrate_journal(JournalSettings(url=server.url))
    connection = await asyncpg.connect(server.url)
    await connection.execute("ALTER DATABASE postgres SET default_transaction_read_only = on")
    try:
        with pytest.raises(JournalUnavailable, match="default_transaction_read_only is on"):
            await opened(server.url)
    finally:
        await connection.execute("SET transaction_read_only = off")
        await connection.execute("ALTER DATABASE postgres RESET default_transaction_read_only")
        await connection.close()
    await (await opened(server.url)).close()


async def test_a_host_that_does_not_answer_keeps_nobody_from_the_next(server: PostgresServer) -> None:
    """A machine that is gone, or drops packets, says nothing. Here nobody answers the greeting."""
    await migrate_journal(JournalSettings(url=server.url))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = f"127.0.0.1:{silent.getsockname()[1]},127.0.0.1:{server.port}"
        journal = await opened(server.url.replace(f"127.0.0.1:{server.port}", hosts), connect_timeout=2.0)
        assert (await journal.insert(a_transfer("somewhere"))).created
        await journal.close()


async def test_a_standby_that_is_named_first_is_passed_over(server: PostgresServer, standby: PostgresServer) -> None:
    hosts = f"127.0.0.1:{standby.port},127.0.0.1:{server.port}"
    journal = await opened(server.url.replace(f"127.0.0.1:{server.port}", hosts))
    assert (await journal.insert(a_transfer("at the primary"))).created
    await journal.close()


@pytest.mark.needs_programs("pgbouncer")
async def test_a_pooler_that_gives_each_statement_another_connection_is_refused(server: PostgresServer) -> None:
    await migrate_journal(JournalSettings(url=server.url))
    async with pgbouncer(server.port, "statement") as pooler:
        with pytest.raises(JournalMisconfigured, match="takes no transactions; set pool_mode = transaction"):
            await opened(server.url_of("postgres", pooler.port))
