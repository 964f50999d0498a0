"""Group commit: what is written within a few turns of the loop is committed together, and wakes its callers together.

A store gives `GroupCommit` a `send` and settles each batch it was sent; it may do so from a thread of its own
(SQLite) or from a task (PostgreSQL), but hands the outcome back on the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import (
    AddReason,
    Change,
    Changed,
    Claim,
    Import,
    Insert,
    Inserted,
    Prune,
    ReleaseOrphans,
    RenewLease,
    SaveSession,
    Write,
)
from gateway.records import Instance, Key, Reason, Session, Timeline, Transfer
from gateway.telemetry.metrics import Metrics

WAITING_LIMIT: Final = 8192
"""Writes that may wait for durability at once; more are refused, since memory is no journal."""

BATCH_LIMIT: Final = 512
"""Writes in one transaction: beyond this, more of them make each wait longer and nothing faster."""

GATHERED_TURNS: Final = 3
"""Turns of the loop in which writes are gathered. A commit costs as much as a whole call; a turn costs nothing while
others are busy, and brings their writes, and is over at once when nobody is."""


class Batch:
    """Writes to be made durable together, in this order, and who waits for the answer to each."""

    __slots__ = ("waiters", "writes")

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.waiters: list[asyncio.Future[Any]] = []

    def extend(self, other: Batch) -> None:
        self.writes += other.writes
        self.waiters += other.waiters

    def __len__(self) -> int:
        return len(self.writes)


class GroupCommit:
    """Gathers writes, sends them on in batches, and answers their callers.

    `send` is called on the loop's thread with at most `BATCH_LIMIT` writes, and must see to it that `settle` or `fail`
    is called exactly once, on the loop's thread, for every batch (or for several that were joined by `extend`).
    `name` is the journal's, for metrics and errors.
    """

    def __init__(
        self, name: str, send: Callable[[Batch], None], metrics: Metrics, waiting_limit: int = WAITING_LIMIT
    ) -> None:
        self._name = name
        self._send = send
        self._metrics = metrics
        self._waiting_limit = waiting_limit
        self._loop = asyncio.get_running_loop()
        self._next = Batch()
        self._waiting = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def write(self, write: Write) -> asyncio.Future[Any]:
        """The future answer to `write`, there once it is durable. Raises `JournalUnavailable` when too many wait."""
        if self._waiting >= self._waiting_limit or self._closed:
            raise self._refusal()
        waiter: asyncio.Future[Any] = self._loop.create_future()
        batch = self._next
        if not batch.writes:
            self._loop.call_soon(self._gather, GATHERED_TURNS - 1)
        batch.writes.append(write)
        batch.waiters.append(waiter)
        self._waiting += 1
        if len(batch.writes) == BATCH_LIMIT:
            self._flush()
        return waiter

    def settle(self, batch: Batch, answers: Sequence[Any], took_s: float) -> None:
        """The batch is durable. `took_s` is how long its transaction took."""
        crash_point("journal.durable")
        self._metrics.commit(self._name, len(answers), took_s)
        for waiter, answer in zip(batch.waiters, answers, strict=True):
            if not waiter.done():
                waiter.set_result(answer)
        self._left(len(answers))

    def fail(self, batch: Batch, error: JournalUnavailable) -> None:
        """Nothing of the batch is known to be durable."""
        self._metrics.commit_failed(self._name)
        for waiter in batch.waiters:
            if not waiter.done():
                waiter.set_exception(JournalUnavailable(str(error)))  # each its own: a raised one collects frames
        self._left(len(batch))

    async def close(self) -> None:
        """Refuses further writes, and returns once all that were sent are settled or have failed."""
        self._closed = True
        self._flush()
        await self._idle.wait()

    def _gather(self, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._gather, turns - 1)
        else:
            self._flush()

    def _flush(self) -> None:
        batch = self._next
        if batch.writes:
            self._next = Batch()
            self._idle.clear()
            self._send(batch)
            crash_point("journal.handed_over")

    def _left(self, count: int) -> None:
        self._waiting -= count
        if not self._waiting:
            self._idle.set()

    def _refusal(self) -> JournalUnavailable:
        if self._closed:
            return JournalUnavailable(f"the journal {self._name} is closed")
        return JournalUnavailable(f"the journal {self._name} has {self._waiting} writes waiting already")


class GroupedWrites:
    """The writing half of `Journal`, for a store that commits in groups."""

    def __init__(self, group: GroupCommit) -> None:
        self._group = group

    async def insert(self, transfer: Transfer, reason: Reason | None = None) -> Inserted:
        opened: Inserted = await self._group.write(Insert(transfer=transfer, reason=reason))
        return opened

    async def change(self, change: Change) -> Changed:
        changed: Changed = await self._group.write(change)
        return changed

    async def add_reason(self, key: Key, reason: Reason) -> None:
        await self._group.write(AddReason(key=key, reason=reason))

    async def save_session(self, session: Session, at: float) -> None:
        await self._group.write(SaveSession(session=session, at=at))

    async def claim(self, claim: Claim) -> list[Transfer]:
        claimed: list[Transfer] = await self._group.write(claim)
        return claimed

    async def import_timeline(self, timeline: Timeline) -> Inserted:
        opened: Inserted = await self._group.write(Import(timeline))
        return opened

    async def renew_lease(self, instance: Instance) -> None:
        await self._group.write(RenewLease(instance=instance))

    async def release_orphans(self, now: float) -> int:
        inherited: int = await self._group.write(ReleaseOrphans(now=now))
        return inherited

    async def prune(self, before: float, limit: int) -> int:
        pruned: int = await self._group.write(Prune(before=before, limit=limit))
        return pruned
