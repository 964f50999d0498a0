"""The journal: the gateway's durable memory. Which store it is, its URL says; its users see `interface.Journal` alone.

`interface` is what a journal offers and raises, `writes` each write as data, with the rule of a change. `group_commit`
gathers writes into batches, `audit_lines` tells of those that changed a transfer. `rows`, `sealing` and `text_escaping`
say how rows are kept, `statements` and `migrations` read the stores' SQL. `sqlite` and `postgres` are the two stores,
`copy` takes rows from one to the other, `moving` makes those the true ones, `leases` refuses it while gateways serve.
"""

from __future__ import annotations

from typing import Final

from gateway.clock import Clock
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import JournalMisconfigured
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.opening import migrate_sqlite, open_sqlite
from gateway.settings import JournalSettings, key_bytes
from gateway.telemetry.metrics import Metrics

__all__ = ["excess_rights", "migrate_journal", "open_journal", "sealer_of", "server_advice"]

_POSTGRES: Final = ("postgresql:", "postgres:")


async def open_journal(
    name: str, settings: JournalSettings, metrics: Metrics, clock: Clock, *, beside: bool = False
) -> CopyableJournal:
    """Opens the journal that the configuration calls `name`. An empty or missing SQLite file becomes a journal.

    `beside` is for a command, while a gateway may be running: otherwise one process alone may open a SQLite file.
    Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """
    if settings.sqlite_path is not None:
        return await open_sqlite(name, settings, sealer_of(settings), metrics, clock, beside=beside)
    if settings.url.startswith(_POSTGRES):
        from gateway.journal.postgres.journal import open_postgres  # noqa: PLC0415 - asyncpg takes a third of a start

        return await open_postgres(name, settings, sealer_of(settings), metrics, clock)
    raise _unknown_scheme(settings)


async def migrate_journal(settings: JournalSettings, name: str = "to migrate", *, forced: bool = False) -> list[str]:
    """Brings the schema of the journal that the configuration calls `name` to this program's version. Returns the names
    of the migrations applied.

    Raises `JournalUnavailable`, `JournalMisconfigured`, `JournalInUse` while gateways use the journal and a migration
    needs it unused, unless `forced`, or `SchemaMismatch` if the schema is newer than the program.
    """
    if settings.sqlite_path is not None:
        return await migrate_sqlite(settings)
    if settings.url.startswith(_POSTGRES):
        from gateway.journal.postgres.journal import migrate_postgres  # noqa: PLC0415 - as above

        return await migrate_postgres(name, settings, forced=forced)
    raise _unknown_scheme(settings)


async def excess_rights(name: str, settings: JournalSettings) -> list[str]:
    """What a gateway's role in PostgreSQL may do beyond what serving needs; empty for SQLite.

    Raises `JournalUnavailable` or `JournalMisconfigured`.
    """
    if settings.sqlite_path is not None:
        return []
    from gateway.journal.postgres.journal import postgres_excess  # noqa: PLC0415 - as above

    return await postgres_excess(name, settings)


def sealer_of(settings: JournalSettings) -> Sealer:
    """What encrypts the journal's session tokens: with `encryption_key`; the former keys only decrypt."""
    keys = (settings.encryption_key, *settings.former_encryption_keys)
    given = [key_bytes(key.get_secret_value()) for key in keys if key is not None]
    return Sealer(given, opens_plain=settings.read_unencrypted)


async def server_advice(name: str, settings: JournalSettings) -> list[str]:
    """What of the PostgreSQL server's settings looks like a mistake; empty for SQLite.

    Raises `JournalUnavailable` or `JournalMisconfigured`.
    """
    if settings.sqlite_path is not None:
        return []
    from gateway.journal.postgres.journal import postgres_advice  # noqa: PLC0415 - as above

    return await postgres_advice(name, settings)


def _unknown_scheme(settings: JournalSettings) -> JournalMisconfigured:
    scheme = settings.url.partition(":")[0]  # the rest may hold a password
    return JournalMisconfigured(f"no journal can have the URL {scheme}:…: write sqlite:///FILE or postgresql://…")
