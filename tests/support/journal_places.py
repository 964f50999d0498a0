"""Where a gateway under test keeps its journal, on both stores: a URL, a look inside, and a way to stop its writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import apsw
import asyncpg

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.copy import CopyableJournal
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.postgres_shelf import PostgresShelf

LOCK_MS: Final = 5000

OLDER: Final = """
UPDATE transfers SET changed_at = changed_at - {by_s}
WHERE state IN ('confirmed', 'rolled_back') AND changed_at < {before} AND changed_at > {before} - {by_s}"""


class SqliteFile:
    """A journal in a file."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "journal.db"
        self.url = f"sqlite:///{self._path}"

    async def prepare(self) -> None:
        """The gateway makes the file."""

    async def discard(self) -> None:
        """The folder goes as a whole."""

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        connection = await asyncio.to_thread(self._lock)
        try:
            yield
        finally:
            connection.execute("ROLLBACK")
            connection.close()

    async def age(self, by_s: float, before: float) -> None:
        """What ended before that time (Unix seconds), but not so long before, ended `by_s` seconds earlier."""
        await asyncio.to_thread(self._age, by_s, before)

    def _age(self, by_s: float, before: float) -> None:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(LOCK_MS)
        connection.execute(OLDER.format(by_s=by_s, before=before))
        connection.close()

    def _lock(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        connection.set_busy_timeout(LOCK_MS)
        connection.execute("BEGIN IMMEDIATE")
        return connection


class PostgresSchema(PostgresShelf):
    """A journal in a schema of its own."""

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        connection = await asyncpg.connect(self.url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE transfers IN SHARE ROW EXCLUSIVE MODE")
                yield
        finally:
            await connection.close()

    async def age(self, by_s: float, before: float) -> None:
        """As for a file."""
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(OLDER.format(by_s=by_s, before=before))
        finally:
            await connection.close()


STORES: Final[dict[str, type[SqliteFile | PostgresSchema]]] = {"sqlite": SqliteFile, "postgres": PostgresSchema}


@asynccontextmanager
async def looked_into(store: SqliteFile | PostgresSchema) -> AsyncIterator[CopyableJournal]:
    """The journal of a gateway that is running."""
    settings = JournalSettings(url=store.url)
    journal = await open_journal("audited", settings, Metrics(), SystemClock(), beside=True)
    try:
        yield journal
    finally:
        await journal.close()
