"""What a move of operators reads and writes in a SQLite journal besides their rows, as a synchronous object."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from gateway.journal.rows import of_key
from gateway.journal.sqlite.connection import transaction, translate_errors
from gateway.journal.sqlite.statements import SQL
from gateway.records import Instance, Key, Leases, MovedOperator


class SqliteMoving:
    """The marks of moved operators, the leases of instances, and the removal of rows. Every method raises
    `JournalUnavailable` when the file cannot be read or written."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def operators(self) -> list[str]:
        with translate_errors("reading"):
            return [operator for (operator,) in self._connection.execute(SQL["operators"])]

    def leases(self) -> Leases:
        with translate_errors("reading"):
            return Leases(instances=self._instances(), now=self._connection.execute("SELECT unixepoch('subsec')").get)

    def mark(self, marks: Sequence[MovedOperator], instances: tuple[Instance, ...] | None) -> bool:
        rows = [(mark.operator, mark.journal, mark.at, mark.arriving) for mark in marks]
        with translate_errors("marking"), transaction(self._connection):
            if instances is not None and self._instances() != instances:
                return False
            self._connection.executemany(SQL["mark_moved"], rows)
            return True

    def unmark(self, operators: Sequence[str]) -> None:
        with translate_errors("marking"), transaction(self._connection):
            self._connection.executemany(SQL["unmark_moved"], [(operator,) for operator in operators])

    def discard(self, key: Key) -> None:
        with translate_errors("removing"), transaction(self._connection):
            row_id = self._connection.execute(SQL["find_row_id"], of_key(key)).get
            for statement in (SQL["prune_attempts"], SQL["prune_reasons"], SQL["prune_transfer"]):
                self._connection.execute(statement, (row_id,))

    def _instances(self) -> tuple[Instance, ...]:
        return tuple(
            Instance(id=id_, started_at=started_at, lease_until=lease_until)
            for id_, started_at, lease_until in self._connection.execute(SQL["leases"])
        )
