"""Journals for tests in PostgreSQL: each test its own schema, all of a process on one server.

`PG_URL` names a server to use instead of one that is started here: its user must be allowed to create schemas.
"""

from __future__ import annotations

import atexit
import io
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import asyncpg

from gateway.journal import migrate_journal
from gateway.settings import JournalSettings
from tests.support.postgres import PostgresServer, create_schema, drop_schema

ENVIRONMENT: Final = "PG_URL"
TABLES: Final = (
    "transfers",
    "attempts",
    "rollback_reasons",
    "sessions",
    "instances",
    "moved_operators",
    "journal_migrations",
)


@cache
def shared_server() -> PostgresServer:
    """This process's own server, started by the first who asks and gone with the process."""
    server = PostgresServer.start(Path(tempfile.gettempdir()))
    atexit.register(server.remove)
    return server


def server_url() -> str:
    """Of a database on the server that tests share."""
    return os.environ.get(ENVIRONMENT) or shared_server().url


class PostgresShelf:
    """A schema of one test's own."""

    def __init__(self, tmp_path: Path, server: str | None = None) -> None:
        """In the database at the URL `server`, or on the server that tests share."""
        self.url = ""
        self._server = server

    async def prepare(self) -> None:
        self.url = await create_schema(self._server or server_url())
        await migrate_journal(JournalSettings(url=self.url))

    async def contents(self) -> bytes:
        copy = io.BytesIO()
        connection = await asyncpg.connect(self.url)
        try:
            for table in TABLES:
                await connection.copy_from_table(table, output=copy, format="binary")
        finally:
            await connection.close()
        return copy.getvalue()

    async def query(self, statement: str) -> list[Any]:
        connection = await asyncpg.connect(self.url)
        try:
            return [tuple(record) for record in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def discard(self) -> None:
        await drop_schema(self.url)
