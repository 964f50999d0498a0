"""Migrations: numbered SQL files `0001_first.sql`, `0002_next.sql`, … in the folder `migrations` of a store's package.

A file that has been released is never changed: journals exist that were made with it. The comments at its head may say

    -- readable from: 5
    -- transaction: none

The first: gateways that know the schema up to 5 may serve on this one, so no gateway has to be stopped for it
(docs/decisions/141-expand-and-contract.md). Without the line only gateways that have this file may. The journal
records it, since an older gateway does not have the file. The second, of PostgreSQL alone: the statements run one by
one outside of a transaction, as CREATE INDEX CONCURRENTLY must; they may stop anywhere, and all are then run again.
"""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import takewhile
from typing import Final

import msgspec

from gateway.journal.interface import SchemaMismatch

_REMEDY_OLD: Final = "run `mm-gateway migrate`; CHANGELOG.md says whether gateways are stopped for it"
_REMEDY_NEW: Final = "upgrade this gateway, or point it at a journal of its own version"

_READABLE_FROM: Final = re.compile(r"-- readable from: (\d+)")
_NO_TRANSACTION: Final = "-- transaction: none"


class Schema(msgspec.Struct, frozen=True):
    """The version of a journal's tables as the journal tells it: its number, and the oldest version that a gateway may
    know to serve on it. `Schema()` is a store without tables."""

    number: int = 0
    readable_from: int = 0


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema: applied once, in the order of its number (the first is 1)."""

    number: int
    name: str
    sql: str

    @property
    def readable_from(self) -> int:
        """The oldest schema that a gateway may know to serve on the one that this makes."""
        found = [_READABLE_FROM.fullmatch(line) for line in self._head]
        return next((int(match[1]) for match in found if match), self.number)

    @property
    def expands(self) -> bool:
        """Whether gateways of the schema before may serve while this is applied, and after it."""
        return self.readable_from < self.number

    @property
    def in_transaction(self) -> bool:
        """Whether all of it is one transaction."""
        return _NO_TRANSACTION not in self._head

    @property
    def statements(self) -> list[str]:
        """One by one, for what runs outside of a transaction: none of them holds a semicolon at the end of a line."""
        code = "\n".join(line for line in self.sql.splitlines() if not line.startswith("--"))
        return [statement for part in code.split(";\n") if (statement := part.strip().removesuffix(";"))]

    @property
    def _head(self) -> list[str]:
        return list(takewhile(lambda line: line.startswith("--"), self.sql.splitlines()))


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


def require_schema(journal: str, found: Schema, known: list[Migration]) -> None:
    """Raises `SchemaMismatch` unless a gateway that has the migrations `known` may serve on the schema of `journal`."""
    newest = len(known)
    if found.number < newest:
        raise SchemaMismatch(
            f"the schema of the journal {journal} is version {found.number}, older than this gateway's {newest}: "
            f"{_REMEDY_OLD}"
        )
    if found.readable_from > newest:
        raise SchemaMismatch(
            f"the schema of the journal {journal} is version {found.number}, newer than this gateway's {newest}: "
            f"{_REMEDY_NEW}"
        )
