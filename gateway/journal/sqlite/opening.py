"""From a URL to an open SQLite journal."""

from __future__ import annotations

import asyncio
from contextlib import closing
from typing import Final

from gateway.clock import Clock
from gateway.journal.interface import JournalMisconfigured
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile, connect, migrate
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.sqlite.lock import locked
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics

_PREFIX: Final = "sqlite:///"


def place_of(settings: JournalSettings) -> SqliteFile:
    """`sqlite:///journal.db` lies in the working directory, `sqlite:////var/lib/journal.db` where it says."""
    path = settings.url.removeprefix(_PREFIX)
    if not settings.url.startswith(_PREFIX) or not path:
        raise JournalMisconfigured(f"{settings.url!r} names no file: write sqlite:///FILE, or sqlite:////PATH/FILE")
    return SqliteFile(path, wait_limit_s=settings.statement_timeout)


async def open_sqlite(
    name: str, settings: JournalSettings, sealer: Sealer, metrics: Metrics, clock: Clock, *, beside: bool
) -> SqliteJournal:
    """Opens the file; `beside` a gateway that has it open already, without its lock."""
    place = place_of(settings)
    return await SqliteJournal.open_at(name, place, sealer, metrics, clock, beside=beside)


async def migrate_sqlite(settings: JournalSettings) -> list[str]:
    """Applies what is missing, with no gateway running. Returns the names of the migrations applied."""
    return await asyncio.to_thread(_migrate, place_of(settings))


def _migrate(place: SqliteFile) -> list[str]:
    with locked(place.path), closing(connect(place)) as connection:
        return [migration.name for migration in migrate(connection, place.path)]
