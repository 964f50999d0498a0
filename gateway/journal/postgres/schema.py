"""The version of a database's tables: checking it, and bringing it to this program's."""

from __future__ import annotations

from typing import Final

import asyncpg

from gateway.journal.migrations import Migration, migrations_of, require_schema

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


async def migrate(connection: asyncpg.Connection, name: str) -> list[Migration]:
    """Applies the missing migrations in one transaction. Returns them.

    Any number of machines may do this at the same time: one migrates, the others wait for it and find nothing to do.
    """
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        # Of the transaction, not of the session: a pooler may give the session to somebody else.
        await connection.execute(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        await connection.execute(_CREATE_RECORD)
        missing = MIGRATIONS[await connection.fetchval(_FIND_VERSION) :]
        for migration in missing:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO journal_migrations (number, name) VALUES ($1, $2)", migration.number, migration.name
            )
        # Also where nothing was missing: what a dump restores has the rights that the database gives by default.
        await connection.execute(_SECURE)
        await require_journal(connection, name)
    return missing
