"""The reading side of a PostgreSQL journal."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, Final

from gateway.journal.interface import Position, ReasonFilter, TransferFilter
from gateway.journal.postgres import filters
from gateway.journal.postgres.errors import translate_errors
from gateway.journal.postgres.pool import PostgresPool
from gateway.journal.postgres.statements import SQL
from gateway.journal.rows import Rows, as_instance, attempt, of_key, reason
from gateway.journal.text_escaping import unescape
from gateway.reasons import Source
from gateway.records import (
    Attempt,
    Direction,
    Instance,
    Key,
    KeyedReason,
    Reason,
    ReasonTotal,
    Recipient,
    RowCounts,
    Session,
    State,
    StoredSession,
    Timeline,
    Transfer,
    UnfinishedCount,
)

LIST_TIME_FACTOR: Final = 6
"""A list that reads many rows, for a person, may take this many times as long as the statement of a call."""


class PostgresReads:
    """The reads of `Journal`. Every method raises `JournalUnavailable` when the server does not answer in time."""

    def __init__(self, pool: PostgresPool, rows: Rows, statement_timeout_s: float, list_limit: int) -> None:
        """At most `list_limit` lists run at once, so that some connections stay free for reads of one row."""
        self._pool = pool
        self._rows = rows
        self._timeout_s = statement_timeout_s
        self._list_slots = asyncio.Semaphore(list_limit)

    async def find(self, key: Key) -> Transfer | None:
        records = await self._fetch(SQL["find"], *of_key(key))
        return self._rows.transfer(records[0]) if records else None

    async def find_session(self, operator: str, token: str) -> Session | None:
        for digest in self._rows.digests(token):
            for player_id, sealed, seen_at in await self._fetch(SQL["find_session"], digest, operator):
                return self._rows.session(operator, player_id, sealed, seen_at)
        return None

    async def next_due(self, operator: str, recipient: Recipient = Recipient.OPERATOR) -> float | None:
        records = await self._fetch(SQL["next_due"], operator, recipient)
        return records[0][0] if records else None

    async def timeline(self, key: Key) -> Timeline | None:
        timelines = await self._timelines(await self._fetch(SQL["find_with_row_id"], *of_key(key)))
        return timelines[0] if timelines else None

    async def list_transfers(
        self, where: TransferFilter, *, limit: int, after: Position | None = None
    ) -> list[Transfer]:
        records = await self._fetch_list(*filters.transfers(where, limit, after))
        return [self._rows.transfer(record) for record in records]

    async def list_reasons(
        self, where: ReasonFilter, *, limit: int, after: Position | None = None
    ) -> list[KeyedReason]:
        records = await self._fetch_list(*filters.reasons(where, limit, after))
        return [
            KeyedReason(key=Key(operator, Direction(direction), unescape(id_)), reason=reason(record), number=number)
            for id_, operator, direction, number, *record in records
        ]

    async def count_transfers(self, where: TransferFilter) -> int:
        return await self._count(*filters.transfer_count(where))

    async def count_listed_reasons(self, where: ReasonFilter) -> int:
        return await self._count(*filters.reason_count(where))

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        return [
            ReasonTotal(operator=operator, source=Source(source), category=category, count=count)
            for operator, source, category, count in await self._fetch_list(*filters.reason_totals(where))
        ]

    async def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        return [
            UnfinishedCount(
                operator=operator,
                direction=Direction(direction),
                state=State(state),
                count=count,
                oldest_at=oldest_at,
                abandoned=abandoned,
            )
            for operator, direction, state, count, oldest_at, abandoned in await self._fetch_list(
                SQL["count_unfinished"], [abandoned_before]
            )
        ]

    async def require_key(self) -> None:
        """Raises `JournalMisconfigured` if a session in the journal cannot be opened: the newest one, or one
        that a transfer may still need and that was never sealed."""
        for operator, sealed in await self._fetch(SQL["sessions_to_open"]):
            self._rows.require_key(operator, sealed)

    async def last_lease(self) -> float | None:
        ends_at: float | None = (await self._fetch(SQL["last_lease"]))[0][0]
        return ends_at

    async def instances(self) -> list[Instance]:
        return [as_instance(row) for row in await self._fetch(SQL["instances"])]

    async def measured(self) -> tuple[int, int, int, int, float]:
        """The version of the tables, transfers, sessions, bytes, and the database's time (Unix seconds)."""
        schema, transfers, sessions, size, now = (await self._fetch(SQL["measure"]))[0]
        return schema, transfers, sessions, size, now

    async def count_rows(self, operator: str | None = None) -> RowCounts:
        return RowCounts(*(await self._fetch_list(SQL["count_rows"], [operator]))[0])

    async def operators(self) -> list[str]:
        return [operator for (operator,) in await self._fetch_list(SQL["operators"], [])]

    async def export_timelines(self, after: Key | None, limit: int, operator: str | None = None) -> list[Timeline]:
        # As lists, which may take longer: the rows of one operator may lie far apart.
        if after is None:
            records = await self._fetch_list(SQL["first_transfers"], [operator, limit])
        else:
            records = await self._fetch_list(SQL["next_transfers"], [operator, *of_key(after), limit])
        return await self._timelines(records)

    async def export_sessions(
        self, after: StoredSession | None, limit: int, operator: str | None = None
    ) -> list[StoredSession]:
        if after is None:
            records = await self._fetch_list(SQL["first_sessions"], [operator, limit])
        else:
            records = await self._fetch_list(
                SQL["next_sessions"], [operator, after.digest, after.session.operator, limit]
            )
        return [
            StoredSession(
                session=self._rows.session(operator, player_id, sealed, seen_at), seen_at=seen_at, digest=digest
            )
            for digest, operator, player_id, sealed, seen_at in records
        ]

    async def _timelines(self, rows_with_id: list[Any]) -> list[Timeline]:
        """Of rows that are a row id followed by a transfer: three round trips, however many there are."""
        if not rows_with_id:
            return []
        attempts: dict[Any, list[Attempt]] = defaultdict(list)
        reasons: dict[Any, list[Reason]] = defaultdict(list)
        row_ids = [row_id for row_id, *_ in rows_with_id]
        for row_id, *row in await self._fetch(SQL["attempts"], row_ids):
            attempts[row_id].append(attempt(row))
        keys = [(row[1], row[2], row[3]) for row in rows_with_id]
        for id_, operator, direction, *row in await self._fetch(SQL["reasons"], *map(list, zip(*keys, strict=True))):
            reasons[id_, operator, direction].append(reason(row))
        return [
            Timeline(transfer=self._rows.transfer(row), attempts=attempts[row_id], reasons=reasons[key])
            for key, (row_id, *row) in zip(keys, rows_with_id, strict=True)
        ]

    async def _count(self, statement: str, values: list[Any]) -> int:
        count: int = (await self._fetch_list(statement, values))[0][0]
        return count

    async def _fetch(self, statement: str, *values: Any) -> list[Any]:
        async with self._pool.acquire() as pooled:
            return list(await pooled.connection.fetch(statement, *values, timeout=self._timeout_s))

    async def _fetch_list(self, statement: str, values: list[Any]) -> list[Any]:
        wait_limit_s = self._timeout_s * LIST_TIME_FACTOR
        with translate_errors("waiting for other lists"):
            async with asyncio.timeout(wait_limit_s):
                await self._list_slots.acquire()
        try:
            async with self._pool.acquire() as pooled, pooled.connection.transaction(readonly=True):
                # The server stops it by itself, also where the command that asked has been killed meanwhile. Its limit
                # comes first, so that its error says what happened.
                await pooled.connection.execute(f"SET LOCAL statement_timeout = {int(wait_limit_s * 1000)}")
                return list(await pooled.connection.fetch(statement, *values, timeout=wait_limit_s + self._timeout_s))
        finally:
            self._list_slots.release()
