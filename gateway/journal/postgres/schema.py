"""The version of a database's tables: checking it, and bringing it to this program's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic
from typing import Any, Final

import asyncpg

from gateway.journal.interface import JournalUnavailable
from gateway.journal.leases import require_silence
from gateway.journal.migrations import Migration, Schema, migrations_of, require_schema
from gateway.journal.postgres.statements import SQL
from gateway.records import Instance, Leases

_Step = Callable[[asyncpg.Connection], Awaitable[None]]

MIGRATIONS: Final = migrations_of("gateway.journal.postgres")

ADVISORY_LOCK: Final = 0x6D6D6777
"""The number ("mmgw" in ASCII) of the advisory lock that a migration holds."""

LONGEST_S: Final = 300.0
"""Seconds for which a migration waits for another one, or tries again to get the lock of a table that is in use."""

LOCK_TIMEOUT: Final = "500ms"
"""How long one such try waits. Calls of a serving gateway queue behind it, so it is well below their time limit."""

PAUSE_S: Final = 1.0
"""Seconds between two tries, in which what has queued behind the first is served."""

LOOK_S: Final = 0.1
"""Seconds between two looks whether another migration has ended."""

_CREATE_RECORD: Final = """
CREATE TABLE IF NOT EXISTS journal_migrations (
    number        integer PRIMARY KEY,
    name          text NOT NULL,
    applied_at    timestamptz NOT NULL DEFAULT now(),
    readable_from integer
)"""
# Not `ADD COLUMN IF NOT EXISTS` each time: that would wait for a backup, whose locks last as long as it does.
_HAS_READABLE_FROM: Final = """
SELECT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = 'journal_migrations'::regclass AND attname = 'readable_from'
)"""
_ADD_READABLE_FROM: Final = "ALTER TABLE journal_migrations ADD COLUMN readable_from integer"
# By way of JSON, since the column is not there before a migration by a version that knows it.
_FIND_SCHEMA: Final = """
SELECT coalesce(max(number), 0), coalesce(max(coalesce((to_jsonb(one) ->> 'readable_from')::integer, number)), 0)
FROM journal_migrations one"""
_RECORD: Final = "INSERT INTO journal_migrations (number, name, readable_from) VALUES ($1, $2, $3)"


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
    """Raises `SchemaMismatch` unless the database holds a journal that this program may serve on."""
    try:
        schema = await _find_schema(connection)
    except asyncpg.UndefinedTableError:
        schema = Schema()
    require_schema(name, schema, MIGRATIONS)


async def require_unused(connection: asyncpg.Connection, name: str) -> None:
    """Raises `JournalInUse` while a gateway's lease on the journal is live."""
    instances = instances_of(await connection.fetch(SQL["leases"]))
    require_silence(name, Leases(instances=instances, now=await connection.fetchval(SQL["now"])), "a migration")


def instances_of(rows: list[Any]) -> tuple[Instance, ...]:
    """The rows of the statement `leases` as records."""
    return tuple(
        Instance(id=id_, started_at=started_at, lease_until=lease_until) for id_, started_at, lease_until in rows
    )


async def migrate(
    connection: asyncpg.Connection, lock_holder: asyncpg.Connection, name: str, *, forced: bool = False
) -> list[Migration]:
    """Applies the missing migrations, each in a transaction of its own, and returns them. Those that were applied
    before one failed stay.

    `lock_holder` is another connection to the same database. It holds the lock that keeps other migrations away: any
    number of machines may do this at the same time, one migrates, the others wait for it and find nothing to do.

    Raises `SchemaMismatch`, `JournalInUse` while gateways use the journal and a migration needs them stopped, unless
    `forced`, or `JournalUnavailable` where a table, or another migration, is in the way for too long.
    """
    async with _alone(lock_holder):
        await _in_short_transaction(connection, _prepare_record)
        version = (await _find_schema(connection)).number
        missing = MIGRATIONS[version:]
        for migration in missing:
            stopped = version > 0 and not forced and not migration.expands
            await _apply(connection, migration, partial(_require_stopped, name=name) if stopped else _require_nothing)
        # Also where nothing was missing: what a dump restores has the rights that the database gives by default.
        await _in_short_transaction(connection, _secure)
        await require_journal(connection, name)
    return missing


async def _find_schema(connection: asyncpg.Connection) -> Schema:
    return Schema(*await connection.fetchrow(_FIND_SCHEMA))


@asynccontextmanager
async def _alone(lock_holder: asyncpg.Connection) -> AsyncIterator[None]:
    # The lock is the transaction's, not the session's: a pooler may give the session to somebody else. It is asked for
    # again and again, each time in a new transaction: one that waits for it has a snapshot, and CREATE INDEX
    # CONCURRENTLY waits for the end of every transaction that has one.
    deadline = monotonic() + LONGEST_S
    while True:
        async with lock_holder.transaction(isolation="read_committed"):
            if await lock_holder.fetchval(f"SELECT pg_try_advisory_xact_lock({ADVISORY_LOCK})"):
                # Also ends the portal of the question, and with it the snapshot.
                await lock_holder.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
                yield
                return
        if monotonic() > deadline:
            raise JournalUnavailable(f"another `mm-gateway migrate` is under way for over {LONGEST_S:.0f} seconds")
        await asyncio.sleep(LOOK_S)


async def _apply(connection: asyncpg.Connection, migration: Migration, require_allowed: _Step) -> None:
    """`require_allowed` raises where gateways that serve are in the way."""
    if not migration.in_transaction:
        await _in_short_transaction(connection, require_allowed)
        for statement in migration.statements:
            await connection.execute(statement)

    async def apply_and_record(connection: asyncpg.Connection) -> None:
        await require_allowed(connection)
        if migration.in_transaction:
            await connection.execute(migration.sql)
        await connection.execute(_RECORD, migration.number, migration.name, migration.readable_from)
        # At once: a function that was replaced is called by gateways that serve.
        await _secure(connection)

    await _in_short_transaction(connection, apply_and_record)


async def _require_stopped(connection: asyncpg.Connection, name: str) -> None:
    # Until the end of the transaction: a gateway that starts meanwhile waits with its lease, and then finds a schema
    # that it may not serve on.
    await connection.execute("LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE")
    await require_unused(connection, name)


async def _require_nothing(_: asyncpg.Connection) -> None:
    """For what gateways may serve beside."""


async def _prepare_record(connection: asyncpg.Connection) -> None:
    await connection.execute(_CREATE_RECORD)
    if not await connection.fetchval(_HAS_READABLE_FROM):
        await connection.execute(_ADD_READABLE_FROM)


async def _secure(connection: asyncpg.Connection) -> None:
    await connection.execute(_SECURE)


async def _in_short_transaction(connection: asyncpg.Connection, step: _Step) -> None:
    """Makes the step in one transaction that waits for no lock longer than `LOCK_TIMEOUT`: once that is over, all of it
    is rolled back and tried again."""
    deadline = monotonic() + LONGEST_S
    while True:
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'")
                await step(connection)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if monotonic() > deadline:
                raise JournalUnavailable(
                    f"a table was in use for over {LONGEST_S:.0f} seconds, by a backup or a long query: migrate again "
                    "once that has ended"
                ) from error
            await asyncio.sleep(PAUSE_S)
        else:
            return
