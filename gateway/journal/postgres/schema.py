"""Which version of the tables a database has, and how it comes to this program's."""

from __future__ import annotations

from typing import Final

import asyncpg

from gateway.journal.migrations import Migration, migrations_of, require_schema

MIGRATIONS: Final = migrations_of("gateway.journal.postgres")

LOCK: Final = 0x6D6D6777  # "mmgw": whoever migrates holds the advisory lock of this number
LOCK_TIMEOUT: Final = "5min"

_RECORD: Final = """
CREATE TABLE IF NOT EXISTS journal_migrations (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""
_VERSION: Final = "SELECT coalesce(max(number), 0) FROM journal_migrations"


async def require_journal(connection: asyncpg.Connection, name: str) -> None:
    """Raises `SchemaMismatch` unless the database holds a journal of this program's version."""
    try:
        version = await connection.fetchval(_VERSION)
    except asyncpg.UndefinedTableError:
        version = 0
    require_schema(name, version, MIGRATIONS)


async def migrate(connection: asyncpg.Connection, name: str) -> list[Migration]:
    """Applies the migrations that are missing, all in one transaction. Returns which those were.

    Any number of gateways may do this at once: one migrates, the others wait for it and find nothing left to do.
    """
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
        await connection.execute(f"SELECT pg_advisory_xact_lock({LOCK})")
        await connection.execute(_RECORD)
        missing = MIGRATIONS[await connection.fetchval(_VERSION) :]
        for migration in missing:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO journal_migrations (number, name) VALUES ($1, $2)", migration.number, migration.name
            )
        await require_journal(connection, name)
    return missing
