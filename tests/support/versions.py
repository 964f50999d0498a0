"""The whole program as the version before it, or the next one, knows its journals: what a rolling upgrade needs two of.

    python -m tests.support.versions released serve --config FILE

`released` is this program with the schemas of the last release, whose files `released_migrations.sha256` lists; `next`
has one migration more in SQLite and two in PostgreSQL: a new column that a new function writes, beside the old one, and
an index that is made while calls go on.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Final

from gateway.cli import main
from gateway.journal.migrations import Migration
from gateway.journal.postgres import pool
from gateway.journal.postgres import schema as postgres
from gateway.journal.sqlite import connection as sqlite
from tests.tidy.tree import ROOT

RELEASED: Final = ROOT / "tests" / "supply" / "released_migrations.sha256"
NEXT_FUNCTION: Final = "journal_write_next"

_COLUMN: Final = "-- readable from: {before}\nALTER TABLE transfers ADD COLUMN written_by text;\n"
_FUNCTION: Final = """
DO $$
BEGIN
    EXECUTE (
        SELECT format('CREATE TYPE journal_answer_next AS (%s)', string_agg(
            format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum
        ))
        FROM pg_attribute
        WHERE attrelid = (SELECT typrelid FROM pg_type WHERE oid = 'journal_answer'::regtype) AND attnum > 0
    );
END
$$;
CREATE """
_INDEX: Final = """\
-- readable from: {before}
-- transaction: none
DROP INDEX CONCURRENTLY IF EXISTS transfers_by_writer;
CREATE INDEX CONCURRENTLY transfers_by_writer ON transfers (written_by, opened_at);
"""
_RENAMED: Final = (
    ("journal_write(", f"{NEXT_FUNCTION}("),
    ("journal_answer", "journal_answer_next"),
    ("INSERT INTO transfers (\n            id,", "INSERT INTO transfers (\n            written_by, id,"),
    (
        "SELECT\n            id, operator, direction, state,",
        "SELECT\n            'next', id, operator, direction, state,",
    ),
)


def released_count(store: str) -> int:
    """How many migrations of `postgres` or `sqlite` the last release has."""
    listed = [Path(line.split()[1]) for line in RELEASED.read_text(encoding="utf-8").splitlines()]
    return Counter(path.parts[0] for path in listed)[store]


def following_sqlite() -> list[Migration]:
    """SQLite's migrations in the next version."""
    return [*sqlite.MIGRATIONS, _after(sqlite.MIGRATIONS, 1, "column", _COLUMN)]


def following_postgres() -> list[Migration]:
    """PostgreSQL's migrations in the next version."""
    known = postgres.MIGRATIONS
    column = _after(known, 1, "column", _COLUMN)
    return [
        *known,
        Migration(column.number, column.name, column.sql + _FUNCTION + next_function(known)),
        _after(known, 2, "index", _INDEX),
    ]


def next_function(known: list[Migration]) -> str:
    """The newest function that writes, under another name, with answers of a type of its own. It also says who opened a
    transfer."""
    source = "\n".join(migration.sql for migration in known)
    start = source.rindex("FUNCTION journal_write(")
    text = source[start : source.index("\n$$;\n", start)] + "\n$$;\n"
    for old, new in _RENAMED:
        assert old in text
        text = text.replace(old, new)
    return text


def become(version: str) -> None:
    """Makes this process one of that version."""
    match version:
        case "released":
            chosen = sqlite.MIGRATIONS[: released_count("sqlite")], postgres.MIGRATIONS[: released_count("postgres")]
        case "next":
            chosen = following_sqlite(), following_postgres()
            vars(pool)["WRITE"] = pool.WRITE.replace("journal_write", NEXT_FUNCTION)
        case _:
            raise ValueError(version)
    vars(sqlite)["MIGRATIONS"], vars(postgres)["MIGRATIONS"] = chosen


def _after(known: list[Migration], steps: int, name: str, sql: str) -> Migration:
    number = len(known) + steps
    return Migration(number, f"{number:04}_{name}.sql", sql.format(before=len(known)))


if __name__ == "__main__":
    become(sys.argv.pop(1))
    main()
