"""Reading a PostgreSQL journal."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any, Final

from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.postgres import filters
from gateway.journal.postgres.errors import named_errors
from gateway.journal.postgres.pool import PostgresPool
from gateway.journal.postgres.statements import SQL
from gateway.journal.rows import Rows, attempt, of_key, reason
from gateway.journal.text_escaping import unescaped
from gateway.reasons import Source
from gateway.records import (
    Attempt,
    Direction,
    Key,
    KeyedReason,
    Reason,
    ReasonTotal,
    RowCounts,
    Session,
    State,
    StoredSession,
    Timeline,
    Transfer,
    UnfinishedCount,
)

LIST_PATIENCE: Final = 6
"""How many times longer than a call's statement one may take that looks through many rows for a person."""


class PostgresReads:
    """What can be asked of the journal. Every method raises `JournalUnavailable` when there is no answer in time."""

    def __init__(self, connections: PostgresPool, rows: Rows, statement_timeout_s: float, lists: int) -> None:
        """At most so many `lists` at once: they must not take the connections of those who wait for one row."""
        self._connections = connections
        self._rows = rows
        self._timeout_s = statement_timeout_s
        self._lists = asyncio.Semaphore(lists)

    async def find(self, key: Key) -> Transfer | None:
        records = await self._all(SQL["find"], *of_key(key))
        return self._rows.transfer(records[0]) if records else None

    async def find_session(self, operator: str, token: str) -> Session | None:
        for digest in self._rows.digests(token):
            for player_id, sealed, seen_at in await self._all(SQL["session"], digest, operator):
                return self._rows.session(operator, player_id, sealed, seen_at)
        return None

    async def next_due(self, operator: str) -> float | None:
        records = await self._all(SQL["next_due"], operator)
        return records[0][0] if records else None

    async def timeline(self, key: Key) -> Timeline | None:
        timelines = await self._timelines(await self._all(SQL["find_numbered"], *of_key(key)))
        return timelines[0] if timelines else None

    async def list_transfers(self, where: TransferFilter, *, limit: int, offset: int = 0) -> list[Transfer]:
        return [self._rows.transfer(record) for record in await self._list(*filters.transfers(where, limit, offset))]

    async def list_reasons(self, where: ReasonFilter, *, limit: int, offset: int = 0) -> list[KeyedReason]:
        return [
            KeyedReason(key=Key(operator, Direction(direction), unescaped(id_)), reason=reason(record))
            for id_, operator, direction, *record in await self._list(*filters.reasons(where, limit, offset))
        ]

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        return [
            ReasonTotal(operator=operator, source=Source(source), category=category, count=count)
            for operator, source, category, count in await self._list(*filters.reason_totals(where))
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
            for operator, direction, state, count, oldest_at, abandoned in await self._list(
                SQL["tallies"], [abandoned_before]
            )
        ]

    async def require_key(self) -> None:
        """Raises `JournalMisconfigured` if the newest session in the journal cannot be opened."""
        for operator, sealed in await self._all(SQL["newest_session"]):
            self._rows.require_key(operator, sealed)

    async def count_rows(self) -> RowCounts:
        return RowCounts(*(await self._list(SQL["extent"], []))[0])

    async def export_timelines(self, after: Key | None, limit: int) -> list[Timeline]:
        if after is None:
            return await self._timelines(await self._all(SQL["first_transfers"], limit))
        return await self._timelines(await self._all(SQL["next_transfers"], *of_key(after), limit))

    async def export_sessions(self, after: StoredSession | None, limit: int) -> list[StoredSession]:
        if after is None:
            records = await self._all(SQL["first_sessions"], limit)
        else:
            records = await self._all(SQL["next_sessions"], after.digest, after.session.operator, limit)
        return [
            StoredSession(
                session=self._rows.session(operator, player_id, sealed, seen_at), seen_at=seen_at, digest=digest
            )
            for digest, operator, player_id, sealed, seen_at in records
        ]

    async def _timelines(self, numbered: list[Any]) -> list[Timeline]:
        """Of rows that are a transfer followed by its number."""
        if not numbered:
            return []
        tried: dict[Any, list[Attempt]] = defaultdict(list)
        reasoned: dict[Any, list[Reason]] = defaultdict(list)
        numbers = [number for *_, number in numbered]
        for number, *row in await self._all(SQL["attempts"], numbers):
            tried[number].append(attempt(row))
        keys = [(row[0], row[1], row[2]) for row in numbered]
        for id_, operator, direction, *row in await self._all(SQL["reasons"], *map(list, zip(*keys, strict=True))):
            reasoned[id_, operator, direction].append(reason(row))
        return [
            Timeline(transfer=self._rows.transfer(row), attempts=tried[number], reasons=reasoned[key])
            for key, (*row, number) in zip(keys, numbered, strict=True)
        ]

    async def _all(self, statement: str, *values: Any) -> list[Any]:
        async with self._connections.one() as line:
            return list(await line.connection.fetch(statement, *values, timeout=self._timeout_s))

    async def _list(self, statement: str, values: list[Any]) -> list[Any]:
        """Within its own time on the server, which stops it there even if nobody listens any more."""
        wait_limit_s = self._timeout_s * LIST_PATIENCE
        with named_errors("waiting for other lists"):
            async with asyncio.timeout(wait_limit_s):
                await self._lists.acquire()
        try:
            async with self._connections.one() as line, line.connection.transaction(readonly=True):
                await line.connection.execute(f"SET LOCAL statement_timeout = {int(wait_limit_s * 1000)}")
                return list(await line.connection.fetch(statement, *values, timeout=wait_limit_s + self._timeout_s))
        finally:
            self._lists.release()
