"""Schemas, and servers that a journal must not be kept on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from structlog.testing import capture_logs

from gateway.clock import SystemClock
from gateway.journal import excess_rights, migrate_journal, open_journal, server_advice
from gateway.journal.interface import JournalMisconfigured, JournalUnavailable, SchemaMismatch
from gateway.journal.postgres import pool
from gateway.journal.postgres.schema import MIGRATIONS
from gateway.journal.rows import TRANSFER_COLUMNS
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.journals import Journals, a_transfer
from tests.support.postgres import PostgresServer, create_schema, drop_schema
from tests.support.postgres_shelf import server_url

NEWEST = [migration.name for migration in MIGRATIONS]


@pytest.fixture
async def empty() -> str:
    return await create_schema(server_url())


async def value(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_ten_that_migrate_at_once_migrate_once(empty: str) -> None:
    settings = JournalSettings(url=empty)
    applied = await asyncio.gather(*(migrate_journal(settings) for _ in range(10)))
    assert sorted(applied) == [[]] * 9 + [NEWEST]
    assert await value(empty, "SELECT count(*) FROM journal_migrations") == len(NEWEST)
    await drop_schema(empty)


async def test_a_database_without_tables_is_refused_with_the_remedy(empty: str, journals: Journals) -> None:
    journals.shelf.url, prepared = empty, journals.shelf.url
    with pytest.raises(SchemaMismatch, match="mm-gateway migrate"):
        await journals.open()
    journals.shelf.url = prepared
    await drop_schema(empty)


async def test_a_newer_schema_is_refused_by_gateway_and_migration(journals: Journals) -> None:
    await value(journals.shelf.url, "INSERT INTO journal_migrations (number, name) VALUES (999, 'later')")
    with pytest.raises(SchemaMismatch, match="newer"):
        await journals.open()
    with pytest.raises(SchemaMismatch, match="newer"):
        await migrate_journal(journals.settings())


async def test_a_schema_that_changes_under_a_gateway_stops_its_next_connection(journals: Journals) -> None:
    journal = await journals.open()
    await journal.check_writable()
    await value(journals.shelf.url, "INSERT INTO journal_migrations (number, name) VALUES (999, 'later')")
    await value(
        journals.shelf.url,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'",
    )
    with pytest.raises(JournalUnavailable):
        await journal.check_writable()
    with pytest.raises(JournalUnavailable, match="newer"):
        await journal.insert(a_transfer())


async def test_a_gateway_of_the_former_version_writes_nothing_once_the_function_is_replaced(journals: Journals) -> None:
    journal = await journals.open()
    await journal.check_writable()
    await value(journals.shelf.url, "DROP FUNCTION journal_write")
    await value(journals.shelf.url, "INSERT INTO journal_migrations (number, name) VALUES (999, 'later')")
    with pytest.raises(JournalUnavailable, match=r"journal_write|function"):
        await journal.insert(a_transfer())
    with pytest.raises(JournalUnavailable, match="newer"):
        await journal.insert(a_transfer())


async def test_the_tables_have_the_columns_that_are_written(journals: Journals) -> None:
    columns = "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute WHERE attnum > 0 AND attrelid = {}"
    table = await value(journals.shelf.url, columns.format("'transfers'::regclass"))
    answer = await value(
        journals.shelf.url, columns.format("(SELECT typrelid FROM pg_type WHERE oid = 'journal_answer'::regtype)")
    )
    assert isinstance(table, list)
    assert set(table) == {*TRANSFER_COLUMNS, "number"}
    assert answer == ["place", "outcome", *TRANSFER_COLUMNS]


async def test_a_server_without_fsync_is_refused(tmp_path: Path, journals: Journals) -> None:
    server = PostgresServer.start(tmp_path, settings={"fsync": "off"})
    try:
        await migrate_journal(JournalSettings(url=server.url))
        journals.shelf.url, prepared = server.url, journals.shelf.url
        with pytest.raises(JournalMisconfigured, match="set fsync = on"):
            await journals.open()
        journals.shelf.url = prepared
    finally:
        server.remove()


async def test_another_default_isolation_is_refused(journals: Journals) -> None:
    journals.shelf.url += "&default_transaction_isolation=serializable"
    with pytest.raises(JournalMisconfigured, match="read committed"):
        await journals.open()
    journals.shelf.url = journals.shelf.url.partition("&")[0]


async def test_a_database_that_is_not_there_is_named(journals: Journals) -> None:
    journals.shelf.url, prepared = journals.shelf.url.replace("/postgres?", "/nowhere?"), journals.shelf.url
    with pytest.raises(JournalMisconfigured, match="nowhere"):
        await journals.open()
    with pytest.raises(JournalMisconfigured, match="nowhere"):
        await migrate_journal(journals.settings())
    journals.shelf.url = prepared


async def test_a_server_that_is_not_there_is_unavailable_and_its_password_unsaid(journals: Journals) -> None:
    prepared = journals.shelf.url
    journals.shelf.url = "postgresql://gateway:sesame@127.0.0.1:1/journal"
    with pytest.raises(JournalUnavailable) as refusal:
        await journals.open()
    assert "sesame" not in str(refusal.value)
    journals.shelf.url = prepared


class WrongClock(SystemClock):
    def now(self) -> float:
        return super().now() + 30


@pytest.mark.parametrize("clock, warnings", [(SystemClock(), 0), (WrongClock(), 1)])
async def test_a_clock_that_differs_from_the_database_s_is_said(
    clock: SystemClock, warnings: int, journals: Journals
) -> None:
    with capture_logs() as logs:
        journal = await open_journal("default", journals.settings(), journals.metrics, clock)
    await journal.close()
    assert [log["event"] for log in logs] == ["clock differs from the database's"] * warnings


ROLE = """
CREATE ROLE {role} LOGIN {attributes};
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} TO {role};
{more}"""


@pytest.mark.parametrize(
    "attributes, more, rights",
    [
        ("", "", []),
        ("SUPERUSER", "", ["is a superuser"]),
        ("CREATEROLE CREATEDB REPLICATION", "",
         ["may make roles", "may make databases", "may copy the whole server (replication)"]),
        ("", "GRANT CREATE ON SCHEMA {schema} TO {role}", ["may make tables and functions"]),
        ("", "GRANT TRUNCATE ON {schema}.transfers TO {role}", ["may empty the tables"]),
        ("", "GRANT pg_execute_server_program TO {role}", ["may reach the server's files"]),
        ("NOINHERIT", "ALTER TABLE {schema}.transfers OWNER TO {role}_owner; GRANT {role}_owner TO {role}",
         ["owns the tables"]),
    ],
)  # fmt: skip
async def test_what_a_role_may_do_beyond_serving_is_found(
    own_journals: Journals, attributes: str, more: str, rights: list[str]
) -> None:
    journals = own_journals  # roles are the whole server's
    schema = journals.shelf.url.rpartition("=")[2]
    role = f"role_{schema}"
    connection = await asyncpg.connect(journals.shelf.url)
    try:
        await connection.execute(f"CREATE ROLE {role}_owner")
        statement = ROLE.format(role=role, schema=schema, attributes=attributes, more=more)
        await connection.execute(statement.format(role=role, schema=schema))
        settings = journals.settings()
        theirs = settings.model_copy(update={"url": settings.url.replace("//postgres@", f"//{role}@")})
        assert await excess_rights("default", theirs) == rights
    finally:
        for each in (role, f"{role}_owner"):
            await connection.execute(f"DROP OWNED BY {each}; DROP ROLE {each}")
        await connection.close()


async def test_what_default_privileges_give_of_the_list_of_migrations_is_taken_back(server: PostgresServer) -> None:
    empty = await create_schema(server.url)
    schema = empty.rpartition("=")[2]
    role = f"role_{schema}"
    connection = await asyncpg.connect(empty)
    try:
        await connection.execute(
            f"CREATE ROLE {role}; ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}"
        )
        await migrate_journal(JournalSettings(url=empty))
        may = {
            table: await connection.fetchval(
                "SELECT has_table_privilege($1, $2, 'INSERT, UPDATE, DELETE')", role, table
            )
            for table in ("transfers", "journal_migrations")
        }
        assert may == {"transfers": True, "journal_migrations": False}
        assert await connection.fetchval("SELECT has_table_privilege($1, 'journal_migrations', 'SELECT')", role)
        bound = "SELECT proconfig FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
        assert f"search_path={schema}, pg_temp" in await connection.fetchval(bound)
    finally:
        await connection.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        await connection.close()


async def test_what_is_committed_is_on_disk_even_where_the_server_would_not_wait_for_it(journals: Journals) -> None:
    connection = await asyncpg.connect(f"{journals.shelf.url}&synchronous_commit=off")
    try:
        async with connection.transaction():
            nothing = [None] * 10
            await connection.fetch(
                "SELECT * FROM journal_write('1s', $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '[]')", *nothing
            )
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "off"
    finally:
        await connection.close()


async def test_a_server_older_than_any_that_is_tested_is_refused(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "OLDEST_MAJOR", 19)
    settings = JournalSettings(url=server.url)
    for open_it in (migrate_journal(settings), open_journal("default", settings, Metrics(), SystemClock())):
        with pytest.raises(JournalMisconfigured, match=r"the server is PostgreSQL 18\S*: tested are 19 to 18; upgrade"):
            await open_it


async def test_the_oldest_server_that_is_accepted_serves(tmp_path: Path) -> None:
    oldest = PostgresServer.start(tmp_path, version=pool.OLDEST_MAJOR)
    try:
        settings = JournalSettings(url=oldest.url)
        await migrate_journal(settings)
        journal = await open_journal("default", settings, Metrics(), SystemClock())
        await journal.check_writable()
        await journal.close()
        assert await server_advice("default", settings) == []
    finally:
        oldest.remove()


@pytest.mark.parametrize(
    "statement, connections, advice",
    [
        ("ALTER ROLE {role} SET statement_timeout = '1s'", 8, "its statement_timeout of 1s ends writes before"),
        ("ALTER ROLE {role} SET transaction_timeout = '900ms'", 8, "its transaction_timeout of 900ms ends writes"),
        ("ALTER ROLE {role} CONNECTION LIMIT 5", 8, "its role allows 5 connections, and each gateway opens up to 8"),
        ("SELECT 1", 100, "the server allows 57 connections, and each gateway opens up to 100"),
        ("SELECT 1", 8, ""),
        ("ALTER ROLE {role} SET statement_timeout = '5s'", 8, ""),
    ],
)
async def test_limits_of_the_server_below_the_gateway_s_own_are_advised_of(
    server: PostgresServer, statement: str, connections: int, advice: str
) -> None:
    await value(server.url, "CREATE ROLE narrow LOGIN")
    await value(server.url, statement.format(role="narrow"))
    url = server.url.replace("postgres@", "narrow@")
    try:
        told = await server_advice("default", JournalSettings(url=url, connections=connections))
        assert [text[: len(advice)] for text in told] == ([advice] if advice else [])
    finally:
        await value(server.url, "DROP ROLE narrow")
