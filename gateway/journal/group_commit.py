"""Group commit: writes of a few turns of the event loop are committed together, and their callers wake together.

A store passes `send` to `GroupCommit`, and settles or fails each batch that it was sent. It may commit in a thread
(SQLite) or in a task (PostgreSQL), but reports the outcome on the loop's thread.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import structlog

from gateway.crashpoints import crash_point
from gateway.journal import audit_lines
from gateway.journal.interface import JournalUnavailable, JournalUsage
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
from gateway.telemetry import audit
from gateway.telemetry.call_context import CALL, CallContext
from gateway.telemetry.metrics import Metrics

WAITING_LIMIT: Final = 8192
"""Writes that may wait to become durable. More are refused at once, instead of filling the memory while the store is
slow."""

BATCH_LIMIT: Final = 512
"""Writes in one batch. With more, each waits longer, and none becomes durable sooner."""

GATHER_TURNS: Final = 3
"""Turns of the loop during which writes are gathered. A commit costs as much as a whole call. A turn costs nothing:
while other calls are busy it brings their writes, and without other calls it ends at once. Measured in
docs/decisions/011-group-commit.md."""


log = structlog.get_logger(__name__)


class Batch:
    """Writes to be made durable together, in this order, and beside each the future of its caller."""

    __slots__ = ("waiters", "writes")

    def __init__(self) -> None:
        self.writes: list[Write] = []
        self.waiters: list[asyncio.Future[Any]] = []

    def extend(self, other: Batch) -> None:
        """Appends the writes of another batch, which is not used again."""
        self.writes += other.writes
        self.waiters += other.waiters

    def __len__(self) -> int:
        return len(self.writes)


class GroupCommit:
    """Gathers writes, sends them in batches, and gives each caller the answer to its write.

    `send` is called on the loop's thread with at most `BATCH_LIMIT` writes. For every batch, or for several joined by
    `extend`, `settle` or `fail` must then be called exactly once, on the loop's thread. `name` is the journal's, for
    metrics and errors. Must be made on the loop's thread.
    """

    def __init__(
        self, name: str, send: Callable[[Batch], None], metrics: Metrics, waiting_limit: int = WAITING_LIMIT
    ) -> None:
        self._name = name
        self._send = send
        self._metrics = metrics
        self._waiting_limit = waiting_limit
        self._loop = asyncio.get_running_loop()
        # A batch holds the writes of several calls: what is logged of it must not name the first of them
        # (test_what_is_logged_of_a_batch_names_no_call).
        self._context = contextvars.copy_context()
        self._call_soon = partial(self._loop.call_soon, context=self._context)
        self._next = Batch()
        self._waiting_count = 0
        self._callers: dict[asyncio.Future[Any], CallContext | None] = {}  # for the audit stream, while it is on
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def write(self, write: Write) -> asyncio.Future[Any]:
        """The answer to `write`, as a future that is done once the write is durable or has failed.

        Raises `JournalUnavailable` when too many writes wait, or the journal is closed.
        """
        if self._waiting_count >= self._waiting_limit or self._closed:
            self._metrics.journal_refused(self._name)
            raise self._refusal()
        waiter: asyncio.Future[Any] = self._loop.create_future()
        if audit.stream.is_on:
            self._callers[waiter] = CALL.get()
        batch = self._next
        if not batch.writes:
            self._call_soon(self._gather, GATHER_TURNS - 1)
        batch.writes.append(write)
        batch.waiters.append(waiter)
        self._waiting_count += 1
        if len(batch.writes) == BATCH_LIMIT:
            self._context.copy().run(self._flush)  # a copy: the original may be the one that runs
        return waiter

    def settle(self, batch: Batch, answers: Sequence[Any], took_s: float) -> None:
        """The batch is durable; `answers` are in the order of its writes. `took_s` is how long its transaction took."""
        crash_point("journal.durable")
        self._metrics.commit(self._name, len(answers), took_s)
        for waiter, answer in zip(batch.waiters, answers, strict=True):
            # A caller that was cancelled meanwhile gets no answer, and the others do.
            if not waiter.done():
                waiter.set_result(answer)
        self._subtract_waiting(len(answers))
        if self._callers:
            self._audit(batch, answers)

    def fail(self, batch: Batch, error: JournalUnavailable) -> None:
        """None of the batch is known to be durable. (After a lost connection it may be: see `JournalUnavailable`.)"""
        self._metrics.commit_failed(self._name)
        for waiter in batch.waiters:
            self._callers.pop(waiter, None)
            if not waiter.done():
                # One for each caller: an exception collects the frames of every place that raises it.
                waiter.set_exception(JournalUnavailable(str(error)))
        self._subtract_waiting(len(batch))

    def usage(self) -> JournalUsage:
        """How many writes wait, and how many may."""
        return JournalUsage(writes_waiting=self._waiting_count, writes_limit=self._waiting_limit)

    async def close(self) -> None:
        """Refuses further writes, and returns once all earlier ones are settled or have failed."""
        self._closed = True
        self._flush()
        await self._idle.wait()

    def _audit(self, batch: Batch, answers: Sequence[Any]) -> None:
        # Here, not where the caller goes on: a caller that was cancelled has changed the transfer all the same.
        for write, waiter, answer in zip(batch.writes, batch.waiters, answers, strict=True):
            if waiter in self._callers:
                call = self._callers.pop(waiter)
                try:
                    audit_lines.audit(audit.stream, write, answer, call)
                except Exception:
                    # What is durable must go on, whatever is wrong with telling of it.
                    log.exception("an audit line could not be made", journal=self._name)

    def _gather(self, turns: int) -> None:
        if turns:
            self._call_soon(self._gather, turns - 1)
        else:
            self._flush()

    def _flush(self) -> None:
        batch = self._next
        if batch.writes:
            # Before `send`, which may settle the batch at once: an inline store does.
            self._next = Batch()
            self._idle.clear()
            self._send(batch)
            crash_point("journal.handed_over")

    def _subtract_waiting(self, count: int) -> None:
        self._waiting_count -= count
        if not self._waiting_count:
            self._idle.set()

    def _refusal(self) -> JournalUnavailable:
        if self._closed:
            return JournalUnavailable(f"the journal {self._name} is closed")
        return JournalUnavailable(f"the journal {self._name} already has {self._waiting_count} writes waiting")


class GroupedWrites:
    """The writing methods of `Journal` (documented there), for a store that commits in groups."""

    def __init__(self, group: GroupCommit) -> None:
        self._group = group

    def usage(self) -> JournalUsage:
        return self._group.usage()

    async def insert(self, transfer: Transfer, reason: Reason | None = None) -> Inserted:
        inserted: Inserted = await self._group.write(Insert(transfer=transfer, reason=reason))
        return inserted

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
        inserted: Inserted = await self._group.write(Import(timeline))
        return inserted

    async def renew_lease(self, instance: Instance) -> None:
        await self._group.write(RenewLease(instance=instance))

    async def release_orphans(self, now: float) -> int:
        released: int = await self._group.write(ReleaseOrphans(now=now))
        return released

    async def prune(self, before: float, limit: int) -> int:
        pruned: int = await self._group.write(Prune(before=before, limit=limit))
        return pruned
