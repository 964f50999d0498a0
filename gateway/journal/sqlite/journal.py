"""The journal in a SQLite file: one gateway, on one machine, with nothing to install."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple, Self

from gateway.clock import Clock
from gateway.journal.group_commit import GroupCommit, GroupedWrites
from gateway.journal.interface import JournalMisconfigured, ReasonFilter, TransferFilter
from gateway.journal.rows import Rows
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile, connect
from gateway.journal.sqlite.lock import locked
from gateway.journal.sqlite.reads import SqliteReads
from gateway.journal.sqlite.store import SqliteStore
from gateway.journal.sqlite.threads import ReadingThread, WritingThread
from gateway.journal.writes import CheckWritable
from gateway.records import (
    Key,
    KeyedReason,
    ReasonTotal,
    RowCounts,
    Session,
    StoredSession,
    Timeline,
    Transfer,
    UnfinishedCount,
)
from gateway.telemetry.metrics import Metrics


class _Opened(NamedTuple):
    """What a journal holds open; leaving `held` lets go of all of it."""

    store: SqliteStore
    short: SqliteReads
    long: SqliteReads
    held: ExitStack


class SqliteJournal(GroupedWrites):
    """`Journal` over one file. Writes go through one thread; short reads and long ones have a thread each, so that
    a list over millions of rows delays no call."""

    @classmethod
    async def open_at(
        cls, name: str, place: SqliteFile, sealer: Sealer, metrics: Metrics, clock: Clock, *, beside: bool = False
    ) -> Self:
        """Opens the file, and locks it unless this is to look in `beside` the gateway that has it.

        Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
        """
        opened = await asyncio.to_thread(_opened, place, sealer, beside=beside)
        return cls(name, opened, metrics, clock, exclusive=not beside)

    def __init__(self, name: str, opened: _Opened, metrics: Metrics, clock: Clock, *, exclusive: bool) -> None:
        self.exclusive = exclusive
        self._held = opened.held
        self._writing = WritingThread(name, opened.store, clock)
        super().__init__(GroupCommit(name, self._writing.send, metrics))
        self._writing.start(self._group)
        self._short = opened.short
        self._long = opened.long
        self._short_thread = ReadingThread(f"journal-{name}-read")
        self._long_thread = ReadingThread(f"journal-{name}-list")

    async def find(self, key: Key) -> Transfer | None:
        return await self._short_thread.call(self._short.find, key)

    async def find_session(self, operator: str, token: str) -> Session | None:
        return await self._short_thread.call(self._short.find_session, operator, token)

    async def next_due(self, operator: str) -> float | None:
        return await self._short_thread.call(self._short.next_due, operator)

    async def timeline(self, key: Key) -> Timeline | None:
        return await self._long_thread.call(self._long.timeline, key)

    async def list_transfers(self, where: TransferFilter, *, limit: int, offset: int = 0) -> list[Transfer]:
        return await self._long_thread.call(self._long.list_transfers, where, limit, offset)

    async def list_reasons(self, where: ReasonFilter, *, limit: int, offset: int = 0) -> list[KeyedReason]:
        return await self._long_thread.call(self._long.list_reasons, where, limit, offset)

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        return await self._long_thread.call(self._long.count_reasons, where)

    async def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        return await self._long_thread.call(self._long.count_unfinished, abandoned_before)

    async def count_rows(self) -> RowCounts:
        return await self._long_thread.call(self._long.count_rows)

    async def export_timelines(self, after: Key | None, limit: int) -> list[Timeline]:
        return await self._long_thread.call(self._long.export_timelines, after, limit)

    async def export_sessions(self, after: StoredSession | None, limit: int) -> list[StoredSession]:
        return await self._long_thread.call(self._long.export_sessions, after, limit)

    async def check_writable(self) -> None:
        await self._group.write(CheckWritable())

    async def close(self) -> None:
        await self._group.close()
        for thread in (self._writing, self._short_thread, self._long_thread):
            await thread.stop()
        await asyncio.to_thread(self._held.close)


def _opened(place: SqliteFile, sealer: Sealer, *, beside: bool) -> _Opened:
    with ExitStack() as stack:
        if not beside:
            stack.enter_context(locked(place.path))
        elif not Path(place.path).exists():
            raise JournalMisconfigured(f"there is no journal at {place.path} yet: the gateway makes it when it starts")
        store = stack.enter_context(closing(SqliteStore(place, sealer)))
        short, long = (
            stack.enter_context(closing(SqliteReads(connect(place), Rows(sealer)))) for _ in ("short", "long")
        )
        return _Opened(store, short, long, stack.pop_all())
