"""The journal in a SQLite file: one gateway, on one machine, with nothing to install."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple, Self

from gateway.clock import Clock
from gateway.journal.group_commit import GroupCommit, GroupedWrites
from gateway.journal.interface import JournalMeasures, JournalMisconfigured, Position, ReasonFilter, TransferFilter
from gateway.journal.rows import Rows
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile, connect
from gateway.journal.sqlite.lock import hold_lock
from gateway.journal.sqlite.moving import SqliteMoving
from gateway.journal.sqlite.reads import SqliteReads
from gateway.journal.sqlite.store import SqliteStore
from gateway.journal.sqlite.threads import ReadingThread, WritingThread
from gateway.journal.writes import CheckWritable, NamePlayer
from gateway.records import (
    Instance,
    Key,
    KeyedReason,
    Leases,
    MovedOperator,
    ReasonTotal,
    Recipient,
    RowCounts,
    Session,
    StoredSession,
    Timeline,
    Transfer,
    UnfinishedCount,
)
from gateway.telemetry.metrics import Metrics


class _OpenFile(NamedTuple):
    """The connections to one file: `store` writes, `short` reads for calls, `long` reads lists, and `moving` uses the
    same one as `long`. Closing `resources` closes all three, and unlocks the file."""

    store: SqliteStore
    short: SqliteReads
    long: SqliteReads
    moving: SqliteMoving
    resources: ExitStack


class SqliteJournal(GroupedWrites):
    """`Journal` in one file. Writes go through one thread; short reads and long ones have a thread each, so that a list
    over millions of rows delays no call."""

    @classmethod
    async def open_at(
        cls, name: str, file: SqliteFile, sealer: Sealer, metrics: Metrics, clock: Clock, *, beside: bool = False
    ) -> Self:
        """Opens the file and locks it; with `beside` it does not lock it, since a gateway may have it open.

        Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
        """
        open_file = await asyncio.to_thread(_open, file, sealer, beside=beside)
        return cls(name, open_file, metrics, clock, exclusive=not beside)

    def __init__(self, name: str, open_file: _OpenFile, metrics: Metrics, clock: Clock, *, exclusive: bool) -> None:
        self.exclusive = exclusive
        self._resources = open_file.resources
        self._write_thread = WritingThread(name, open_file.store, clock)
        super().__init__(GroupCommit(name, self._write_thread.send, metrics))
        self._write_thread.start(self._group)
        self._short = open_file.short
        self._long = open_file.long
        self._moving = open_file.moving
        self._short_thread = ReadingThread(f"journal-{name}-read")
        self._long_thread = ReadingThread(f"journal-{name}-list")

    async def find(self, key: Key) -> Transfer | None:
        return await self._short_thread.call(self._short.find, key)

    async def find_session(self, operator: str, token: str) -> Session | None:
        return await self._short_thread.call(self._short.find_session, operator, token)

    async def next_due(self, operator: str, recipient: Recipient = Recipient.OPERATOR) -> float | None:
        return await self._short_thread.call(self._short.next_due, operator, recipient)

    async def timeline(self, key: Key) -> Timeline | None:
        return await self._long_thread.call(self._long.timeline, key)

    async def list_transfers(
        self, where: TransferFilter, *, limit: int, after: Position | None = None
    ) -> list[Transfer]:
        return await self._long_thread.call(self._long.list_transfers, where, limit, after)

    async def list_reasons(
        self, where: ReasonFilter, *, limit: int, after: Position | None = None
    ) -> list[KeyedReason]:
        return await self._long_thread.call(self._long.list_reasons, where, limit, after)

    async def count_transfers(self, where: TransferFilter) -> int:
        return await self._long_thread.call(self._long.count_transfers, where)

    async def count_listed_reasons(self, where: ReasonFilter) -> int:
        return await self._long_thread.call(self._long.count_listed_reasons, where)

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        return await self._long_thread.call(self._long.count_reasons, where)

    async def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        return await self._long_thread.call(self._long.count_unfinished, abandoned_before)

    async def count_rows(self, operator: str | None = None) -> RowCounts:
        return await self._long_thread.call(self._long.count_rows, operator)

    async def export_timelines(self, after: Key | None, limit: int, operator: str | None = None) -> list[Timeline]:
        return await self._long_thread.call(self._long.export_timelines, after, limit, operator)

    async def export_sessions(
        self, after: StoredSession | None, limit: int, operator: str | None = None
    ) -> list[StoredSession]:
        return await self._long_thread.call(self._long.export_sessions, after, limit, operator)

    async def operators(self) -> list[str]:
        return await self._long_thread.call(self._moving.operators)

    async def discard(self, key: Key) -> None:
        await self._long_thread.call(self._moving.discard, key)

    async def leases(self) -> Leases:
        return await self._long_thread.call(self._moving.leases)

    async def moved_operators(self) -> list[MovedOperator]:
        return await self._short_thread.call(self._short.moved_operators)

    async def mark(self, marks: Sequence[MovedOperator], instances: tuple[Instance, ...] | None) -> bool:
        return await self._long_thread.call(self._moving.mark, marks, instances)

    async def unmark(self, operators: Sequence[str]) -> None:
        await self._long_thread.call(self._moving.unmark, operators)

    async def last_lease(self) -> float | None:
        return await self._short_thread.call(self._short.last_lease)

    async def instances(self) -> list[Instance]:
        return await self._short_thread.call(self._short.instances)

    async def measure(self) -> JournalMeasures:
        return await self._long_thread.call(self._long.measure)

    async def name_player(self, key: Key, player_id: str) -> None:
        await self._group.write(NamePlayer(key=key, player_id=player_id))

    async def check_writable(self) -> None:
        await self._group.write(CheckWritable())

    async def close(self) -> None:
        # In this order: the group still sends to the thread, and the threads use what is closed last.
        await self._group.close()
        for thread in (self._write_thread, self._short_thread, self._long_thread):
            await thread.stop()
        await asyncio.to_thread(self._resources.close)


def _open(file: SqliteFile, sealer: Sealer, *, beside: bool) -> _OpenFile:
    with ExitStack() as stack:
        if not beside:
            # Before SQLite opens it: the lock also makes the file, with permissions that keep others out.
            stack.enter_context(hold_lock(file.path))
        elif not Path(file.path).exists():
            raise JournalMisconfigured(f"there is no journal at {file.path} yet: the gateway makes it when it starts")
        store = stack.enter_context(closing(SqliteStore(file, sealer)))
        for_calls, for_lists = connect(file), connect(file)
        short, long = (
            stack.enter_context(closing(SqliteReads(connection, Rows(sealer)))) for connection in (for_calls, for_lists)
        )
        return _OpenFile(store, short, long, SqliteMoving(for_lists), stack.pop_all())
