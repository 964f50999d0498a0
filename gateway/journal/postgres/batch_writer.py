"""Sends batches to the database, a few side by side, each in one round trip and one transaction.

No two batches under way hold writes about the same transfer, so those keep their order. Writes about different
transfers have none to keep: nobody has been answered yet.
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
from gateway.journal.postgres.batch_encoding import Arguments, answers, key_of
from gateway.journal.postgres.errors import Conflict, Unstorable
from gateway.journal.postgres.pool import PostgresPool
from gateway.journal.rows import Rows
from gateway.journal.writes import Write
from gateway.records import Key

LARGEST: Final = 256
"""Writes in one transaction. More would hold their rows' locks for longer and cost each no less."""

TRIES: Final = 5
"""How often a batch is sent that others' transactions make fail; each time nothing of it was done."""

LOCK_SHARE: Final = 0.8
"""Of the time for a statement, how much it may wait for a lock: the server then gives up before we do."""

log = structlog.get_logger(__name__)


class _Shipment(NamedTuple):
    """A task's work: what is still to be sent, and the transfers that nobody else may write about meanwhile."""

    parts: list[Batch]
    keys: list[Key]


class BatchWriter:
    """Sends what `GroupCommit` hands over, at most `abreast` batches at a time; what waits meanwhile goes together."""

    def __init__(
        self, connections: PostgresPool, rows: Rows, clock: Clock, statement_timeout_s: float, abreast: int
    ) -> None:
        self._connections = connections
        self._rows = rows
        self._clock = clock
        self._timeout_s = statement_timeout_s
        self._lock_timeout = f"{int(statement_timeout_s * LOCK_SHARE * 1000)}ms"
        self._abreast = abreast
        self._waiting = Batch()
        self._busy: set[Key] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, group: GroupCommit) -> None:
        self._group = group

    def send(self, batch: Batch) -> None:
        """For `GroupCommit`."""
        self._waiting.extend(batch)
        self._depart()

    def _depart(self) -> None:
        while len(self._tasks) < self._abreast and self._waiting.writes:
            flight = self._next()
            if not flight.parts[0].writes:
                return
            task = asyncio.create_task(self._fly(flight))
            self._tasks.add(task)
            task.add_done_callback(partial(self._landed, flight))

    def _next(self) -> _Shipment:
        """What can go now: at most one write about each transfer, and none about one that is on its way."""
        waiting, going, staying, keys = self._waiting, Batch(), Batch(), []
        for write, waiter in zip(waiting.writes, waiting.waiters, strict=True):
            key = key_of(write)
            goes = len(going) < LARGEST and key not in self._busy
            batch = going if goes else staying
            batch.writes.append(write)
            batch.waiters.append(waiter)
            if goes and key is not None:
                self._busy.add(key)
                keys.append(key)
        self._waiting = staying
        return _Shipment([going], keys)

    async def _fly(self, flight: _Shipment) -> None:
        """Settles or fails part after part; a part is left in the flight until that is done."""
        while flight.parts:
            part = flight.parts[-1]
            began = self._clock.monotonic()
            try:
                answered = await self._durably(part.writes)
            except Unstorable as error:
                flight.parts[-1:] = self._halves(part, error)
                continue
            except JournalUnavailable as error:
                self._group.fail(part, error)
            else:
                self._group.settle(part, answered, self._clock.monotonic() - began)
            flight.parts.pop()

    def _landed(self, flight: _Shipment, task: asyncio.Task[None]) -> None:
        """However the task ended, even cancelled before it began: nobody is left waiting, and the next may go."""
        if flight.parts:
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            log.error("writing to the journal failed", exc_info=error)
            for part in flight.parts:
                self._group.fail(part, JournalUnavailable(f"writing failed: {type(error).__name__}"))
        self._busy.difference_update(flight.keys)
        self._tasks.discard(task)
        self._depart()

    def _halves(self, batch: Batch, error: Unstorable) -> list[Batch]:
        """One write that the database will not take must not fail the others: they go in ever smaller batches."""
        if len(batch) == 1:
            log.error("the journal cannot store a write", write=type(batch.writes[0]).__name__, error=str(error))
            self._group.fail(batch, error)
            return []
        middle = len(batch) // 2
        first, second = Batch(), Batch()
        first.writes, first.waiters = batch.writes[:middle], batch.waiters[:middle]
        second.writes, second.waiters = batch.writes[middle:], batch.waiters[middle:]
        return [second, first]

    async def _durably(self, writes: list[Write]) -> list[Any]:
        """The answers, once all of it is committed."""
        arguments = Arguments(self._rows, writes).values()
        for _ in range(TRIES - 1):
            try:
                return await self._once(writes, arguments)
            except Conflict as error:
                log.info("writing to the journal again", error=str(error))
                await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - apart from whoever it collided with
        return await self._once(writes, arguments)

    async def _once(self, writes: list[Write], arguments: list[str | None]) -> list[Any]:
        async with self._connections.one() as line:
            crash_point("postgres.sending")
            crash_point_once_written("postgres.sent")
            records = await line.write(self._lock_timeout, *arguments, timeout_s=self._timeout_s)
            crash_point("postgres.answered")
        return answers(self._rows, writes, records)
