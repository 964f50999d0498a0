"""The version of a database's tables: checking it, and bringing it to this program's."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from gateway.journal.leases import require_silence
from gateway.journal.migrations import Migration, migrations_of, require_schema
from gateway.journal.postgres.statements import SQL
from gateway.records import Instance, Leases

MIGRATIONS: Final = migrations_of("gateway.journal.postgres")

ADVISORY_LOCK: Final = 0x6D6D6777
"""The number ("mmgw" in ASCII) of the advisory lock that a migration holds."""

LOCK_TIMEOUT: Final = "5min"
"""How long a migration may wait for another one, or for a table that is in use."""

_CREATE_RECORD: Final = """
CREATE TABLE IF NOT EXISTS journal_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""
_FIND_VERSION: Final = "SELECT coalesce(max(number), 0) FROM journal_migrations"


# Functions run with the caller's rights, and find tables in the journal's schema alone, whatever the caller's search
# path is. Which migrations were applied is written by the owner alone, also where default privileges say otherwise.
_SECURE: Final = """
DO $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT oid::regprocedure AS name FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND starts_with(proname, 'journal_')
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY INVOKER SET search_path = %I, pg_temp', one.name, current_schema());
    END LOOP;
    FOR one IN
        SELECT DISTINCT grantee::regrole AS name FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'journal_migrations'::regclass AND grantee NOT IN (0, relowner)
    LOOP
        EXECUTE format('REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON journal_migrations FROM %s', one.name);
    END LOOP;
END
$$"""


async def require_journal(connection: asyncpg.Connection, name: str) -> None:
    """Raises `SchemaMismatch` unless the database holds a journal of this program's version."""
    try:
        version = await connection.fetchval(_FIND_VERSION)
    except asyncpg.UndefinedTableError:
        version = 0
    require_schema(name, version, MIGRATIONS)


async def require_unused(connection: asyncpg.Connection, name: str) -> None:
    """Raises `JournalInUse` while a gateway's lease on the journal is live."""
    instances = instances_of(await connection.fetch(SQL["leases"]))
    require_silence(name, Leases(instances=instances, now=await connection.fetchval(SQL["now"])), "a migration")


def instances_of(rows: list[Any]) -> tuple[Instance, ...]:
    """The rows of the statement `leases` as records."""
    return tuple(
        Instance(id=id_, started_at=started_at, lease_until=lease_until) for id_, started_at, lease_until in rows
    )


async def migrate(connection: asyncpg.Connection, name: str, *, forced: bool = False) -> list[Migration]:
    """Applies the missing migrations in one transaction. Returns them.

    Raises `JournalInUse` while gateways use the journal, if one of these migrations needs it unused, unless `forced`.
    Any number of machines may do this at the same time: one migrates, the others wait for it and find nothing to do.
    """
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        # Of the transaction, not of the session: a pooler may give the session to somebody else.
        await connection.execute(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        await connection.execute(_CREATE_RECORD)
        version = await connection.fetchval(_FIND_VERSION)
        missing = MIGRATIONS[version:]
        if version and not forced and any(migration.needs_silence for migration in missing):
            # Until the end of the transaction: a gateway that starts meanwhile waits with its lease.
            await connection.execute("LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE")
            await require_unused(connection, name)
        for migration in missing:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO journal_migrations (number, name) VALUES ($1, $2)", migration.number, migration.name
            )
        # Also where nothing was missing: what a dump restores has the rights that the database gives by default.
        await connection.execute(_SECURE)
        await require_journal(connection, name)
    return missing
