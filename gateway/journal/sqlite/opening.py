"""Opening and migrating the SQLite journal that the settings name."""

from __future__ import annotations

import asyncio
from contextlib import closing

from gateway.clock import Clock
from gateway.journal.interface import JournalMisconfigured
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile, connect, migrate
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.sqlite.lock import hold_lock
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics


def file_of(settings: JournalSettings) -> SqliteFile:
    """The file that the URL names. Raises `JournalMisconfigured` if it names none."""
    path = settings.sqlite_path
    if not path:
        raise JournalMisconfigured(f"{settings.url!r} names no file: write sqlite:///FILE, or sqlite:////PATH/FILE")
    return SqliteFile(path, wait_limit_s=settings.statement_timeout)


async def open_sqlite(
    name: str, settings: JournalSettings, sealer: Sealer, metrics: Metrics, clock: Clock, *, beside: bool
) -> SqliteJournal:
    """Opens the file. With `beside` it does so without the lock, since a gateway may have it open.

    Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """
    return await SqliteJournal.open_at(name, file_of(settings), sealer, metrics, clock, beside=beside)


async def migrate_sqlite(settings: JournalSettings) -> list[str]:
    """Applies the missing migrations. Returns their names.

    Raises `JournalUnavailable`, `JournalMisconfigured` (also where a gateway has the file open), or `SchemaMismatch` if
    the schema is newer than the program.
    """
    return await asyncio.to_thread(_migrate, file_of(settings))


def _migrate(file: SqliteFile) -> list[str]:
    with hold_lock(file.path), closing(connect(file)) as connection:
        return [migration.name for migration in migrate(connection, file.path)]
