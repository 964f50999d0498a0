"""Sends batches to the database, a few at the same time, each in one round trip and one transaction.

Two batches that are under way at the same time never hold writes about the same transfer, so writes about one transfer
keep their order. Writes about different transfers have no order to keep: none of their callers has an answer yet.
"""

from __future__ import annotations

import asyncio
import random
from functools import partial
from typing import Any, Final, NamedTuple

import structlog

from gateway.clock import Clock
from gateway.crashpoints import crash_point, crash_point_once_written
from gateway.journal.group_commit import Batch, GroupCommit
from gateway.journal.interface import JournalUnavailable
from gateway.journal.postgres.batch_encoding import Arguments, key_of, read_answers
from gateway.journal.postgres.errors import Conflict, Unstorable
from gateway.journal.postgres.pool import PostgresPool
from gateway.journal.rows import Rows
from gateway.journal.writes import Write
from gateway.records import Key

LARGEST: Final = 256
"""Writes in one transaction. With more, their rows stay locked for longer, and each write costs as much."""

TRIES: Final = 5
"""How many times a batch is sent that fails because of other transactions. Each failure has rolled all of it back."""

LOCK_SHARE: Final = 0.8
"""The part of the statement's time limit that the server may wait for a lock, so that the server gives up first and its
error says why."""

log = structlog.get_logger(__name__)


class _Shipment(NamedTuple):
    """The work of one task: the batches still to be sent, the next one last, and the transfers that they write
    about."""

    batches: list[Batch]
    keys: list[Key]


class BatchWriter:
    """Sends what `GroupCommit` gives to `send`, at most `concurrency` batches at a time. What waits meanwhile is sent
    together."""

    def __init__(
        self, pool: PostgresPool, rows: Rows, clock: Clock, statement_timeout_s: float, concurrency: int
    ) -> None:
        self._pool = pool
        self._rows = rows
        self._clock = clock
        self._timeout_s = statement_timeout_s
        self._lock_timeout = f"{int(statement_timeout_s * LOCK_SHARE * 1000)}ms"
        self._concurrency = concurrency
        self._waiting = Batch()
        self._busy: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, group: GroupCommit) -> None:
        """Must come before the first `send`: `group` gets the outcomes."""
        self._group = group

    def send(self, batch: Batch) -> None:
        """For `GroupCommit`."""
        self._waiting.extend(batch)
        self._start_tasks()

    def _start_tasks(self) -> None:
        while len(self._tasks) < self._concurrency and self._waiting.writes:
            shipment = self._take_shipment()
            if not shipment.batches[0].writes:
                return
            task = asyncio.create_task(self._ship(shipment))
            self._tasks.add(task)
            task.add_done_callback(partial(self._finish, shipment))

    def _take_shipment(self) -> _Shipment:
        """What may be sent now: at most one write about each transfer, and none about a transfer that is under way."""
        # journal_write applies all changes of a batch as one set: a second one of the same row would be lost
        # (tests/integration/journal/postgres/test_contention.py).
        waiting, chosen, rest, keys = self._waiting, Batch(), Batch(), []
        for write, waiter in zip(waiting.writes, waiting.waiters, strict=True):
            key = key_of(write)
            free = len(chosen) < LARGEST and key not in self._busy
            batch = chosen if free else rest
            batch.writes.append(write)
            batch.waiters.append(waiter)
            if free and key is not None:
                self._busy.add(key)
                keys.append(key)
        self._waiting = rest
        return _Shipment([chosen], keys)

    async def _ship(self, shipment: _Shipment) -> None:
        """Settles or fails batch after batch."""
        while shipment.batches:
            # Removed only once it is settled or failed: what is left when the task ends early is for `_finish` to fail.
            batch = shipment.batches[-1]
            begun_at = self._clock.monotonic()
            try:
                answers = await self._write(batch.writes)
            except Unstorable as error:
                shipment.batches[-1:] = self._split(batch, error)
                continue
            except JournalUnavailable as error:
                self._group.fail(batch, error)
            else:
                self._group.settle(batch, answers, self._clock.monotonic() - begun_at)
            shipment.batches.pop()

    def _finish(self, shipment: _Shipment, task: asyncio.Task[None]) -> None:
        """Fails what the task has left, and starts the next."""
        # A callback of the task, not its last lines: a task that is cancelled before its first step runs none of its
        # lines, and its callers would wait for ever (tests/integration/journal/postgres/test_contention.py).
        if shipment.batches:
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            log.error("writing to the journal failed", exc_info=error)
            for batch in shipment.batches:
                self._group.fail(batch, JournalUnavailable(f"writing failed: {type(error).__name__}"))
        self._busy.difference_update(shipment.keys)
        self._tasks.discard(task)
        self._start_tasks()

    def _split(self, batch: Batch, error: Unstorable) -> list[Batch]:
        """The halves of a batch that holds a write which the database rejects. A batch of that write alone fails."""
        if len(batch) == 1:
            log.error("the database rejects a write", write=type(batch.writes[0]).__name__, error=str(error))
            self._group.fail(batch, error)
            return []
        middle = len(batch) // 2
        first, second = Batch(), Batch()
        first.writes, first.waiters = batch.writes[:middle], batch.waiters[:middle]
        second.writes, second.waiters = batch.writes[middle:], batch.waiters[middle:]
        return [second, first]

    async def _write(self, writes: list[Write]) -> list[Any]:
        """The answers, once all of it is committed."""
        arguments = Arguments(self._rows, writes).values()
        for _ in range(TRIES - 1):
            try:
                return await self._write_once(writes, arguments)
            except Conflict as error:
                log.info("writing to the journal again", error=str(error))
                await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - so that the two do not collide again
        return await self._write_once(writes, arguments)

    async def _write_once(self, writes: list[Write], arguments: list[str | None]) -> list[Any]:
        async with self._pool.acquire() as pooled:
            crash_point("postgres.sending")
            crash_point_once_written("postgres.sent")
            records = await pooled.write(self._lock_timeout, *arguments, timeout_s=self._timeout_s)
            crash_point("postgres.answered")
        return read_answers(self._rows, writes, records)
