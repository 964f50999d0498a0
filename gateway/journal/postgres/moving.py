"""What a move of operators reads and writes in a PostgreSQL journal besides their rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from gateway.journal.postgres.reads import PostgresReads
from gateway.journal.postgres.schema import instances_of
from gateway.journal.postgres.statements import SQL
from gateway.journal.rows import of_key
from gateway.records import Instance, Key, Leases, MovedOperator

_MARK: Final = """
INSERT INTO moved_operators (operator, journal, at, arriving) VALUES ($1, $2, $3, $4)
ON CONFLICT (operator) DO UPDATE
SET journal = excluded.journal, at = excluded.at, arriving = excluded.arriving"""

# As `journal_write` has it: a mark that a power cut took away would bring back what was left behind.
_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
)

# Renewing a lease waits for it: a gateway that starts at this moment reads the marks only after they are there.
_LOCK: Final = "LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE"

_DISCARD: Final = (
    """DELETE FROM attempts WHERE transfer = (
        SELECT number FROM transfers WHERE id = $1 AND operator = $2 AND direction = $3
    )""",
    "DELETE FROM rollback_reasons WHERE id = $1 AND operator = $2 AND direction = $3",
    "DELETE FROM transfers WHERE id = $1 AND operator = $2 AND direction = $3",
)


class PostgresMoving(PostgresReads):
    """The reads, and beside them the marks of moved operators, the leases of instances, and the removal of rows. Every
    method raises `JournalUnavailable` when the server does not answer in time."""

    async def moved_operators(self) -> list[MovedOperator]:
        rows = await self._fetch(SQL["moved_operators"])
        return [
            MovedOperator(operator=operator, journal=journal, at=at, arriving=arriving)
            for operator, journal, at, arriving in rows
        ]

    async def leases(self) -> Leases:
        instances = instances_of(await self._fetch(SQL["leases"]))
        ((now,),) = await self._fetch(SQL["now"])
        return Leases(instances=instances, now=now)

    async def mark(self, marks: Sequence[MovedOperator], instances: tuple[Instance, ...] | None) -> bool:
        rows = [(mark.operator, mark.journal, mark.at, mark.arriving) for mark in marks]
        async with self._pool.acquire() as pooled, pooled.connection.transaction():
            execute = partial(pooled.connection.execute, timeout=self._timeout_s)
            await execute(_DURABLE)
            await execute(_LOCK)
            found = await pooled.connection.fetch(SQL["leases"], timeout=self._timeout_s)
            if instances is not None and instances_of(found) != instances:
                return False
            for row in rows:
                await execute(_MARK, *row)
        return True

    async def unmark(self, operators: Sequence[str]) -> None:
        await self._fetch("DELETE FROM moved_operators WHERE operator = ANY ($1::text[])", list(operators))

    async def discard(self, key: Key) -> None:
        async with self._pool.acquire() as pooled, pooled.connection.transaction():
            for statement in _DISCARD:
                await pooled.connection.execute(statement, *of_key(key), timeout=self._timeout_s)
