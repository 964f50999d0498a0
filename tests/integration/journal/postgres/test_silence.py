"""What is refused while gateways use a journal in PostgreSQL: a migration that needs it unused."""

from __future__ import annotations

import asyncpg
import pytest

from gateway.journal import migrate_journal
from gateway.journal.interface import JournalInUse
from gateway.journal.migrations import Migration
from gateway.journal.postgres import schema
from gateway.settings import JournalSettings
from tests.support.journals import Journals
from tests.support.postgres import create_schema
from tests.support.postgres_shelf import server_url

NEXT = len(schema.MIGRATIONS) + 1
LIVE = "INSERT INTO instances VALUES ('host-7-ab', 0, extract(epoch FROM clock_timestamp()) + 15)"
OVER = "UPDATE instances SET lease_until = extract(epoch FROM clock_timestamp()) - 1"


@pytest.fixture
async def used(journals: Journals) -> JournalSettings:
    """A journal that a gateway uses."""
    await journals.shelf.query(LIVE)
    return journals.settings()


def add(monkeypatch: pytest.MonkeyPatch, sql: str) -> str:
    """One more migration; returns its name."""
    name = f"{NEXT:04}_next.sql"
    monkeypatch.setattr(schema, "MIGRATIONS", [*schema.MIGRATIONS, Migration(NEXT, name, sql)])
    return name


async def test_a_migration_is_refused_while_a_gateway_uses_the_journal(
    used: JournalSettings, journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = add(monkeypatch, "CREATE TABLE next ()")
    with pytest.raises(JournalInUse) as refused:
        await migrate_journal(used, "default")
    said = str(refused.value)
    assert said.startswith("a migration is refused while gateways use the journal default: host-7-ab (until 20")
    assert "Stop these gateways, and run it again" in said
    assert await journals.shelf.query("SELECT to_regclass('next')::text") == [(None,)]
    await journals.shelf.query(OVER)
    assert await migrate_journal(used, "default") == [name]


async def test_one_that_is_forced_is_applied_all_the_same(
    used: JournalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = add(monkeypatch, "CREATE TABLE next ()")
    assert await migrate_journal(used, "default", forced=True) == [name]


async def test_one_that_needs_no_silence_is_applied_beside_gateways(
    used: JournalSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = add(monkeypatch, f"-- readable from: {NEXT - 1}\nCREATE TABLE next ()")
    assert await migrate_journal(used, "default") == [name]


async def test_where_nothing_is_missing_nobody_is_looked_for(used: JournalSettings) -> None:
    assert await migrate_journal(used, "default") == []


async def test_an_empty_database_has_no_gateways() -> None:
    url = await create_schema(server_url())
    assert await migrate_journal(JournalSettings(url=url)) == [each.name for each in schema.MIGRATIONS]
    connection = await asyncpg.connect(url)
    assert await connection.fetchval("SELECT count(*) FROM instances") == 0
    await connection.close()
