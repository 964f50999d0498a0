"""The journal in a PostgreSQL database, for any number of gateways, and how one comes to be open."""

from __future__ import annotations

from typing import Final

from gateway.clock import Clock
from gateway.journal.group_commit import GroupCommit, GroupedWrites
from gateway.journal.postgres.batch_writer import BatchWriter
from gateway.journal.postgres.errors import named_refusals
from gateway.journal.postgres.pool import PooledConnection, PostgresPool, Server, close, connect, connect_unchecked
from gateway.journal.postgres.reads import PostgresReads
from gateway.journal.postgres.schema import migrate
from gateway.journal.rows import Rows
from gateway.journal.sealing import Sealer
from gateway.journal.writes import CheckWritable
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics

ABREAST: Final = 2
"""Batches under way at once: while one waits for the disk, the next is worked on. More would only be smaller."""


class PostgresJournal(GroupedWrites, PostgresReads):
    """`Journal` over one database. Some of its connections are kept for writing, so that no list delays a call."""

    exclusive = False

    def __init__(
        self, server: Server, first: PooledConnection, connections: int, sealer: Sealer, metrics: Metrics, clock: Clock
    ) -> None:
        abreast = min(ABREAST, connections - 1)
        reading = connections - abreast
        rows = Rows(sealer)
        self._writing_connections = PostgresPool(server, abreast, clock)
        self._reading_connections = PostgresPool(server, reading, clock)
        self._reading_connections.keep(first)
        writing = BatchWriter(self._writing_connections, rows, clock, server.statement_timeout_s, abreast)
        PostgresReads.__init__(self, self._reading_connections, rows, server.statement_timeout_s, (reading + 1) // 2)
        GroupedWrites.__init__(self, GroupCommit(server.name, writing.send, metrics))
        writing.start(self._group)

    async def check_writable(self) -> None:
        await self._group.write(CheckWritable())

    async def close(self) -> None:
        await self._group.close()
        await self._writing_connections.close()
        await self._reading_connections.close()


async def open_postgres(
    name: str, settings: JournalSettings, sealer: Sealer, metrics: Metrics, clock: Clock
) -> PostgresJournal:
    """A journal in the database at the settings' URL, which has been tried once.

    Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """
    server = _server_of(name, settings)
    line = await connect(server, clock)
    journal = PostgresJournal(server, line, settings.connections, sealer, metrics, clock)
    try:
        await journal.require_key()
    except BaseException:
        await journal.close()
        raise
    return journal


async def migrate_postgres(settings: JournalSettings) -> list[str]:
    """Applies what is missing. Returns the names of the migrations applied.

    Raises `JournalUnavailable`, `JournalMisconfigured`, or `SchemaMismatch` if the schema is newer than the program.
    """
    server = _server_of("to migrate", settings)
    connection = await connect_unchecked(server)
    try:
        with named_refusals():
            return [migration.name for migration in await migrate(connection, server.name)]
    finally:
        await close(connection, server)


def _server_of(name: str, settings: JournalSettings) -> Server:
    return Server(
        name=name,
        url=settings.url,
        connect_timeout_s=settings.connect_timeout,
        statement_timeout_s=settings.statement_timeout,
    )
