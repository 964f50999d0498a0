"""The journal in a PostgreSQL database, for any number of gateways: opening it, and putting its parts together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
import msgspec

from gateway.clock import Clock
from gateway.journal.group_commit import GroupCommit, GroupedWrites
from gateway.journal.interface import JournalMeasures, JournalUsage
from gateway.journal.postgres.advice import advice_of
from gateway.journal.postgres.batch_writer import BatchWriter
from gateway.journal.postgres.errors import translate_connect_errors
from gateway.journal.postgres.moving import PostgresMoving
from gateway.journal.postgres.pool import PooledConnection, PostgresPool, Server, close, connect, connect_unchecked
from gateway.journal.postgres.rights import excess_of
from gateway.journal.postgres.schema import migrate
from gateway.journal.postgres.statements import SQL
from gateway.journal.rows import Rows, of_key
from gateway.journal.sealing import Sealer
from gateway.journal.text_escaping import escape
from gateway.journal.writes import CheckWritable
from gateway.records import Key
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics

CONCURRENCY: Final = 2
"""Batches under way at the same time: while one waits for the disk, the server works on the next. With more of them
each would be smaller, and so cost more."""


class PostgresJournal(GroupedWrites, PostgresMoving):
    """`Journal` in one database. Writing has connections of its own, so that no list delays a call."""

    exclusive = False

    def __init__(
        self,
        server: Server,
        first: PooledConnection,
        connections: int,
        sealer: Sealer,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        concurrency = min(CONCURRENCY, connections - 1)
        read_limit = connections - concurrency
        rows = Rows(sealer)
        self._clock = clock
        self._write_pool = PostgresPool(server, concurrency, clock)
        self._read_pool = PostgresPool(server, read_limit, clock)
        self._read_pool.put_back(first)
        writer = BatchWriter(self._write_pool, rows, clock, server.statement_timeout_s, concurrency)
        PostgresMoving.__init__(self, self._read_pool, rows, server.statement_timeout_s, (read_limit + 1) // 2)
        GroupedWrites.__init__(self, GroupCommit(server.name, writer.send, metrics))
        writer.start(self._group)

    def usage(self) -> JournalUsage:
        pools = (self._write_pool, self._read_pool)
        return msgspec.structs.replace(
            super().usage(),
            connections_in_use=sum(pool.in_use for pool in pools),
            connections_idle=sum(pool.idle for pool in pools),
            connections_limit=sum(pool.limit for pool in pools),
        )

    async def measure(self) -> JournalMeasures:
        asked_at = self._clock.now()
        schema, transfers, sessions, size, database_now = await self.measured()
        # The database read its clock somewhere between the question and the answer: half of that is the error.
        here_now = (asked_at + self._clock.now()) / 2
        return JournalMeasures(
            schema=schema,
            transfers=transfers,
            sessions=sessions,
            data_bytes=size,
            clock_offset_s=here_now - database_now,
        )

    async def name_player(self, key: Key, player_id: str) -> None:
        # Not in a batch: no call waits for it, and what is lost of it is done again.
        await self._fetch(SQL["name_player"], *of_key(key), escape(player_id))

    async def check_writable(self) -> None:
        await self._group.write(CheckWritable())

    async def close(self) -> None:
        await self._group.close()
        await self._write_pool.close()
        await self._read_pool.close()


async def open_postgres(
    name: str, settings: JournalSettings, sealer: Sealer, metrics: Metrics, clock: Clock
) -> PostgresJournal:
    """Opens the journal in the database at the settings' URL, with one connection made and checked.

    Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """
    server = _server_of(name, settings)
    first = await connect(server, clock)
    journal = PostgresJournal(server, first, settings.connections, sealer, metrics, clock)
    try:
        # A lost key is found now, not at the first call that needs an old session.
        await journal.require_key()
    except BaseException:
        await journal.close()
        raise
    return journal


async def migrate_postgres(name: str, settings: JournalSettings, *, forced: bool = False) -> list[str]:
    """Applies the missing migrations. Returns their names.

    Raises `JournalUnavailable`, `JournalMisconfigured`, `JournalInUse` while gateways use it unless `forced`, or
    `SchemaMismatch` if the schema is newer than the program.
    """
    server = _server_of(name, settings)
    connection = await connect_unchecked(server)
    try:
        lock_holder = await connect_unchecked(server)
        try:
            with translate_connect_errors("migrating", "; run migrate with the URL of the role that owns the tables"):
                applied = await migrate(connection, lock_holder, name, forced=forced)
                return [migration.name for migration in applied]
        finally:
            await close(lock_holder, server)
    finally:
        await close(connection, server)


async def postgres_excess(name: str, settings: JournalSettings) -> list[str]:
    """What the role in the URL may do beyond serving. Raises `JournalUnavailable` or `JournalMisconfigured`."""
    return await _asked(name, settings, excess_of)


async def postgres_advice(name: str, settings: JournalSettings) -> list[str]:
    """What of the server's settings looks like a mistake. Raises `JournalUnavailable` or `JournalMisconfigured`."""
    return await _asked(name, settings, lambda connection: advice_of(connection, settings))


async def _asked(
    name: str, settings: JournalSettings, ask: Callable[[asyncpg.Connection], Awaitable[list[str]]]
) -> list[str]:
    server = _server_of(name, settings)
    connection = await connect_unchecked(server)
    try:
        with translate_connect_errors():
            async with asyncio.timeout(server.connect_timeout_s):
                return await ask(connection)
    finally:
        await close(connection, server)


def _server_of(name: str, settings: JournalSettings) -> Server:
    return Server(
        name=name,
        url=settings.url,
        connect_timeout_s=settings.connect_timeout,
        statement_timeout_s=settings.statement_timeout,
    )
