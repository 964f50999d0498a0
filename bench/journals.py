"""The gateway's journals: filled with more rows than calls could make, and checked after a run."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import asyncpg

from bench.load.flows import transfer_id
from bench.processes import BenchError
from bench.results import GameRun

ENDS: Final = {"rollback": ("rolled_back", 1), "purchase": ("confirmed", 2)}
"""The state in which a flow leaves its transfer, and how many tries at the operator that takes."""

_CACHE_KIB: Final = 1 << 20

Find = Callable[[str], tuple[str, int] | None]
"""A transfer's state and its number of tries, by its id."""


def new_path(home: Path, name: str) -> Path:
    """The path for a new journal. An older journal of that name is deleted."""
    path = home / f"{name}.db"
    for file in home.glob(f"{path.name}*"):
        file.unlink()
    return path


def url(path: Path) -> str:
    """The journal's URL in the gateway's configuration."""
    return f"sqlite:///{path}"


def check(journal: str, runs: Iterable[GameRun]) -> int:
    """Checks that every transfer of these runs is in the journal, with its end and its tries. Returns their number.

    Raises `BenchError` at the first that is not.
    """
    if journal.startswith("sqlite:"):
        with closing(sqlite3.connect(journal.removeprefix("sqlite:///"))) as connection:
            return _check_runs(_sqlite_finder(connection), runs)
    return asyncio.run(_check_postgres(journal, list(runs)))


def clone(path: Path, count: int, changes: dict[str, str]) -> None:
    """Adds `count` copies of the newest transfer, with its tries and its reasons, under random ids.

    `changes` gives an SQL expression for each column that differs; `copy` in it is the copy's number.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA synchronous = OFF")  # filling is not measured
        (newest,) = connection.execute("SELECT max(number) FROM transfers").fetchone()
        changes = {"number": f"{newest} + copy", "id": "lower(hex(randomblob(8)))", **changes}
        with _without_indexes(connection):
            connection.execute("BEGIN")
            _copy(connection, "transfers", changes, f"number = {newest}", count)
            for table in ("attempts", "rollback_reasons"):
                renamed = {"number": "NULL", "transfer": changes["number"]}
                _copy(connection, table, renamed, f"transfer = {newest}", count)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copy(connection: sqlite3.Connection, table: str, changes: dict[str, str], which: str, count: int) -> None:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = ", ".join(changes.get(column, f"model.{column}") for column in columns)
    connection.execute(
        f"WITH RECURSIVE copies(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM copies WHERE copy < {count}) "  # noqa: S608 - names from the schema
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM copies, "
        f"(SELECT * FROM {table} WHERE {which}) AS model"
    )


@contextmanager
def _without_indexes(connection: sqlite3.Connection) -> Iterator[None]:
    """Drops the indexes, and builds them again after the block: that takes a tenth of the time."""
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    yield
    for _, sql in indexes:
        connection.execute(sql)


def _check_runs(find: Find, runs: Iterable[GameRun]) -> int:
    count = 0
    for run in runs:
        if run.flow not in ENDS:
            continue
        for number in range(run.begun):
            id = transfer_id(run.run, number).decode()
            if find(id) != ENDS[run.flow]:
                raise BenchError(f"the journal should have {id} as {ENDS[run.flow]}, but has {find(id)}")
        count += run.begun
    return count


def _sqlite_finder(connection: sqlite3.Connection) -> Find:
    statement = (
        "SELECT state, (SELECT count(*) FROM attempts WHERE transfer = transfers.number) FROM transfers WHERE id = ?"
    )

    def find(id: str) -> tuple[str, int] | None:
        return connection.execute(statement, (id,)).fetchone()  # type: ignore[no-any-return]  # by its columns

    return find


async def _check_postgres(journal: str, runs: list[GameRun]) -> int:
    connection = await asyncpg.connect(journal)
    try:
        rows = await connection.fetch(
            "SELECT id, state, count(*) FROM transfers JOIN attempts ON transfer = transfers.number GROUP BY id, state"
        )
    finally:
        await connection.close()
    found = {id: (state, tries) for id, state, tries in rows}
    return _check_runs(found.get, runs)
