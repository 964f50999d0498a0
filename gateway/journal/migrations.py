"""Migrations: numbered SQL files `0001_first.sql`, `0002_next.sql`, … in the folder `migrations` of a store's package.

A file that has been released is never changed: journals exist that were made with it.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

import msgspec

from gateway.journal.interface import SchemaMismatch

WHILE_SERVING: Final = "-- Gateways of the version before may serve meanwhile, and afterwards."
"""The first line of a migration that needs no gateway stopped."""

_REMEDY_OLD: Final = "run `mm-gateway migrate` with every gateway of this journal stopped or of the new version"
_REMEDY_NEW: Final = "upgrade this gateway, or point it at a journal of its own version"


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema: applied once, in one transaction, in the order of its number (the first is 1)."""

    number: int
    name: str
    sql: str

    @property
    def needs_silence(self) -> bool:
        """Whether no gateway may use the journal meanwhile: yes, unless the file begins with `WHILE_SERVING`."""
        return not self.sql.startswith(WHILE_SERVING)


def migrations_of(package: str) -> list[Migration]:
    """The migrations in the package of a store, in order."""
    found = [
        Migration(int(file.name.partition("_")[0]), file.name, file.read_text(encoding="utf-8"))
        for file in files(package).joinpath("migrations").iterdir()
        if file.name.endswith(".sql")
    ]
    found.sort(key=lambda migration: migration.number)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    return found


def require_schema(journal: str, found: int, known: list[Migration]) -> None:
    """Raises `SchemaMismatch` unless `found`, the version of the schema of `journal`, is the newest of `known`."""
    newest = len(known)
    if found < newest:
        raise SchemaMismatch(
            f"the schema of the journal {journal} is version {found}, older than this gateway's {newest}: {_REMEDY_OLD}"
        )
    if found > newest:
        raise SchemaMismatch(
            f"the schema of the journal {journal} is version {found}, newer than this gateway's {newest}: {_REMEDY_NEW}"
        )
