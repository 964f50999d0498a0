"""The memory of the gateway: finds the store that a journal's URL names."""

from __future__ import annotations

from typing import Final

from gateway.clock import Clock
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import JournalMisconfigured
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.opening import migrate_sqlite, open_sqlite
from gateway.settings import JournalSettings, key_bytes
from gateway.telemetry.metrics import Metrics

__all__ = ["migrate_journal", "open_journal", "sealer_of"]

_POSTGRES: Final = ("postgresql:", "postgres:")


async def open_journal(
    name: str, settings: JournalSettings, metrics: Metrics, clock: Clock, *, beside: bool = False
) -> CopyableJournal:
    """Opens the journal called `name` in the configuration; an empty SQLite file becomes one.

    `beside` is for a command that looks into the journal of a running gateway: a SQLite file is else opened by one
    process only. Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """
    if settings.url.startswith("sqlite:"):
        return await open_sqlite(name, settings, sealer_of(settings), metrics, clock, beside=beside)
    if settings.url.startswith(_POSTGRES):
        from gateway.journal.postgres.journal import open_postgres  # noqa: PLC0415 - a third of a start without it

        return await open_postgres(name, settings, sealer_of(settings), metrics, clock)
    raise _no_store(settings)


async def migrate_journal(settings: JournalSettings) -> list[str]:
    """Brings the journal's schema to this program's version. Returns the names of the migrations applied.

    Raises `JournalUnavailable`, `JournalMisconfigured`, or `SchemaMismatch` if the schema is newer than the program.
    """
    if settings.url.startswith("sqlite:"):
        return await migrate_sqlite(settings)
    if settings.url.startswith(_POSTGRES):
        from gateway.journal.postgres.journal import migrate_postgres  # noqa: PLC0415 - as above

        return await migrate_postgres(settings)
    raise _no_store(settings)


def sealer_of(settings: JournalSettings) -> Sealer:
    """What keeps the journal's session tokens secret."""
    keys = (settings.encryption_key, *settings.former_encryption_keys)
    return Sealer([key_bytes(key.get_secret_value()) for key in keys if key is not None])


def _no_store(settings: JournalSettings) -> JournalMisconfigured:
    scheme = settings.url.partition(":")[0]  # the rest may hold a password
    return JournalMisconfigured(f"no journal has the URL {scheme}:…: write sqlite:///FILE or postgresql://…")
