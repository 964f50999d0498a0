"""Migrations of PostgreSQL while gateways serve: what they wait for, and what never waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from time import monotonic

import asyncpg
import pytest

from gateway.journal import migrate_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import JournalUnavailable
from gateway.journal.migrations import Migration
from gateway.journal.postgres import schema
from tests.support.journals import Journals, a_transfer
from tests.support.versions import following_postgres

COLUMN, INDEX = following_postgres()[-2:]
INDEX_IS_VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('transfers_by_writer')"
PATIENCE_S = 30.0
LONGEST_CALL_S = 2.0
"""A try's wait for a lock, and a busy machine."""


@asynccontextmanager
async def connected(journals: Journals) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(journals.shelf.url)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def a_backup(journals: Journals) -> AsyncIterator[asyncpg.Connection]:
    """Reads `transfers` in a transaction that stays open, as pg_dump does for as long as it runs."""
    async with connected(journals) as connection, connection.transaction(isolation="repeatable_read"):
        await connection.fetch("SELECT id FROM transfers")
        yield connection


async def serving(journals: Journals) -> CopyableJournal:
    """A journal of this version, whose connections have found its schema: it keeps them whatever `expand` does."""
    journal = await journals.open()
    await journal.insert(a_transfer("first"))
    return journal


def expand(patch: pytest.MonkeyPatch, *added: Migration) -> None:
    patch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, *added])


async def until_waiting(connection: asyncpg.Connection, statement: str) -> None:
    """Returns once a session of this database waits for a lock with a statement that begins so."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND starts_with(query, $1)"
    async with asyncio.timeout(PATIENCE_S):
        while not await connection.fetchval(waiting, statement):
            await asyncio.sleep(0.01)


async def took(writing: Awaitable[object]) -> float:
    begun_at = monotonic()
    await writing
    return monotonic() - begun_at


async def test_no_call_queues_for_long_behind_a_migration_that_waits_for_a_backup(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await serving(journals)
    expand(monkeypatch, COLUMN)
    async with a_backup(journals) as backup, connected(journals) as looking:
        migrating = asyncio.create_task(migrate_journal(journals.settings()))
        longest = 0.0
        for number in range(3):
            await until_waiting(looking, "-- readable from")
            longest = max(longest, await took(journal.insert(a_transfer(f"{number}"))))
        assert not migrating.done()
        assert backup.is_in_transaction()
    assert await migrating == [COLUMN.name]
    assert longest < LONGEST_CALL_S


async def test_a_migration_that_waits_in_vain_says_for_what(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    expand(monkeypatch, COLUMN)
    monkeypatch.setattr(schema, "LONGEST_S", 0.0)
    async with a_backup(journals):
        with pytest.raises(JournalUnavailable, match="in use for over 0 seconds, by a backup or a long query"):
            await migrate_journal(journals.settings())
    assert await migrate_journal(journals.settings()) == [COLUMN.name]


async def test_a_backup_does_not_hold_up_a_migration_that_has_nothing_to_do(journals: Journals) -> None:
    async with a_backup(journals) as connection:
        await connection.fetch("SELECT * FROM journal_migrations")
        assert await migrate_journal(journals.settings()) == []


async def test_an_index_is_made_beside_writes_that_do_not_wait_for_it(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await serving(journals)
    expand(monkeypatch, COLUMN)
    await migrate_journal(journals.settings())
    expand(monkeypatch, INDEX)
    async with connected(journals) as looking:
        async with a_backup(journals):
            # Two at once: the one that waits for the other must not keep it from ending.
            migrating = [asyncio.create_task(migrate_journal(journals.settings())) for _ in range(2)]
            await until_waiting(looking, "CREATE INDEX CONCURRENTLY")
            assert (await journal.insert(a_transfer())).created
            assert not any(task.done() for task in migrating)
        assert sorted(await asyncio.gather(*migrating)) == [[], [INDEX.name]]
        assert await looking.fetchval(INDEX_IS_VALID) is True


async def test_an_index_that_was_stopped_half_way_is_made_anew(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    expand(monkeypatch, COLUMN)
    await migrate_journal(journals.settings())
    expand(monkeypatch, INDEX)
    async with connected(journals) as looking:
        async with a_backup(journals):
            migrating = asyncio.create_task(migrate_journal(journals.settings()))
            await until_waiting(looking, "CREATE INDEX CONCURRENTLY")
            await looking.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE starts_with(query, 'CREATE INDEX CONC')"
            )
            with pytest.raises(JournalUnavailable):
                await migrating
            assert await looking.fetchval(INDEX_IS_VALID) is False
        assert await migrate_journal(journals.settings()) == [INDEX.name]
        assert await looking.fetchval(INDEX_IS_VALID) is True


async def test_a_migration_waits_for_another_and_says_so_in_the_end(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LONGEST_S", 0.0)
    async with connected(journals) as other, other.transaction():
        await other.execute(f"SELECT pg_advisory_xact_lock({schema.ADVISORY_LOCK})")
        with pytest.raises(JournalUnavailable, match="another `mm-gateway migrate` is under way"):
            await migrate_journal(journals.settings())


async def test_a_journal_whose_record_says_nothing_of_readers_yet_is_served_and_migrated(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(journals) as connection:
        await connection.execute("ALTER TABLE journal_migrations DROP COLUMN readable_from")
    assert (await (await journals.open()).insert(a_transfer())).created
    expand(monkeypatch, COLUMN)
    assert await migrate_journal(journals.settings()) == [COLUMN.name]
    async with connected(journals) as connection:
        recorded = await connection.fetch("SELECT number, readable_from FROM journal_migrations ORDER BY number")
    assert [tuple(row) for row in recorded][-2:] == [
        (COLUMN.number - 1, None),
        (COLUMN.number, COLUMN.number - 1),
    ]
