"""The journal in a SQLite file: one gateway, on one machine, with nothing to install."""

from __future__ import annotations

import asyncio
from typing import Self

from gateway.clock import Clock
from gateway.journal.group_commit import GroupCommit, GroupedWrites
from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.records import Key, KeyedReason, ReasonTotal, Session, Tally, Timeline, Transfer
from gateway.journal.rows import Rows
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import Place, connect
from gateway.journal.sqlite.lock import FileLock
from gateway.journal.sqlite.reads import SqliteReads
from gateway.journal.sqlite.store import SqliteStore
from gateway.journal.sqlite.threads import ReadingThread, WritingThread
from gateway.journal.writes import Check
from gateway.telemetry.metrics import Metrics


class SqliteJournal(GroupedWrites):
    """`Journal` over one file. Writes go through one thread; short reads and long ones have a thread each, so that
    a list over millions of rows delays no call."""

    @classmethod
    async def open_at(
        cls, name: str, place: Place, sealer: Sealer, metrics: Metrics, clock: Clock, *, lock: FileLock | None
    ) -> Self:
        """Opens the file, which `lock` guards; the journal lets go of it when closed."""
        try:
            store = await asyncio.to_thread(SqliteStore, place, sealer)
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return cls(name, place, store, sealer, metrics, clock, lock)

    def __init__(
        self,
        name: str,
        place: Place,
        store: SqliteStore,
        sealer: Sealer,
        metrics: Metrics,
        clock: Clock,
        lock: FileLock | None,
    ) -> None:
        self.exclusive = lock is not None
        self._store = store
        self._lock = lock
        self._writing = WritingThread(name, store, clock)
        super().__init__(GroupCommit(name, self._writing.send, metrics))
        self._writing.start(self._group)
        rows = Rows(sealer)
        self._short = SqliteReads(connect(place), rows)
        self._long = SqliteReads(connect(place), rows)
        self._short_thread = ReadingThread(f"journal-{name}-read")
        self._long_thread = ReadingThread(f"journal-{name}-list")

    async def find(self, key: Key) -> Transfer | None:
        return await self._short_thread.call(self._short.find, key)

    async def session(self, operator: str, token: str) -> Session | None:
        return await self._short_thread.call(self._short.session, operator, token)

    async def next_due(self, operator: str) -> float | None:
        return await self._short_thread.call(self._short.next_due, operator)

    async def timeline(self, key: Key) -> Timeline | None:
        return await self._long_thread.call(self._long.timeline, key)

    async def transfers(self, where: TransferFilter, *, limit: int, offset: int = 0) -> list[Transfer]:
        return await self._long_thread.call(self._long.transfers, where, limit, offset)

    async def reasons(self, where: ReasonFilter, *, limit: int, offset: int = 0) -> list[KeyedReason]:
        return await self._long_thread.call(self._long.reasons, where, limit, offset)

    async def reason_totals(self, where: ReasonFilter) -> list[ReasonTotal]:
        return await self._long_thread.call(self._long.reason_totals, where)

    async def tallies(self, abandoned_before: float) -> list[Tally]:
        return await self._long_thread.call(self._long.tallies, abandoned_before)

    async def check(self) -> None:
        await self._group.write(Check())

    async def close(self) -> None:
        await self._group.close()
        await self._writing.stop()
        for thread, reads in ((self._short_thread, self._short), (self._long_thread, self._long)):
            await thread.stop()
            reads.close()
        self._store.close()
        if self._lock is not None:
            self._lock.release()
