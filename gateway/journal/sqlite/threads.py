"""The threads around a SQLite journal: one writes, others read, and the loop waits for neither.

Each is fed through a queue that never blocks the loop, and wakes the loop once for all that it has done, since waking
costs more than most of the work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

import structlog

from gateway.clock import Clock
from gateway.crashpoints import crash_point
from gateway.journal.group_commit import BATCH_LIMIT, Batch, GroupCommit
from gateway.journal.interface import JournalUnavailable
from gateway.journal.sqlite.store import SqliteStore

P = ParamSpec("P")
T = TypeVar("T")
Read = tuple[asyncio.Future[Any], Callable[..., Any], tuple[Any, ...]]
Result = tuple[asyncio.Future[Any], Any, Exception | None]

log = structlog.get_logger(__name__)


class WritingThread:
    """Commits batches, joining those that wait into one transaction. Lives until `stop`, whatever fails."""

    def __init__(self, name: str, store: SqliteStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._run, name=f"journal-{name}-write", daemon=True)
        self.send = self._queue.put

    def start(self, group: GroupCommit) -> None:
        self._group = group
        self._thread.start()

    async def stop(self) -> None:
        """Commits what was sent, then ends the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            self._commit(batch)
            if self._store.checkpoint_due:
                self._checkpoint()

    def _next(self) -> Batch | None:
        batch = self._queue.get()
        while batch is not None and len(batch) < BATCH_LIMIT:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            batch.extend(following)
        return batch

    def _commit(self, batch: Batch) -> None:
        began = self._clock.monotonic()
        try:
            answers = self._store.apply(batch.writes)
        except JournalUnavailable as error:
            _tell(self._loop, self._group.fail, batch, error)
        except Exception as error:
            log.exception("writing to the journal failed")
            _tell(self._loop, self._group.fail, batch, JournalUnavailable(f"writing failed: {type(error).__name__}"))
        else:
            crash_point("sqlite.committed")
            _tell(self._loop, self._group.settle, batch, answers, self._clock.monotonic() - began)

    def _checkpoint(self) -> None:
        try:
            self._store.checkpoint()
        except JournalUnavailable as error:
            log.warning("the journal's log was not checkpointed", error=str(error))


class ReadingThread:
    """Runs reads one after another, away from the loop; those asked for in one of its turns go and come together."""

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[list[Read] | None] = SimpleQueue()
        self._next: list[Read] = []
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `read` returns or raises."""
        assert not kwargs
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._next:
            self._loop.call_soon(self._flush)
        self._next.append((future, read, args))
        return await future

    async def stop(self) -> None:
        """Finishes what was asked, then ends the thread."""
        self._flush()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _flush(self) -> None:
        if self._next:
            self._queue.put(self._next)
            self._next = []

    def _run(self) -> None:
        while (reads := self._queue.get()) is not None:
            _tell(self._loop, _settle, [_result(*read) for read in reads])


def _result(future: asyncio.Future[Any], read: Callable[..., Any], args: tuple[Any, ...]) -> Result:
    try:
        return future, read(*args), None
    except Exception as error:  # noqa: BLE001 - it is raised where the read was asked for
        return future, None, error


def _settle(results: list[Result]) -> None:
    for future, value, error in results:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def _tell(loop: asyncio.AbstractEventLoop, tell: Callable[..., None], *args: Any) -> None:
    """Wakes the loop with an outcome. A loop that is closed has nobody left who waits for one."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(tell, *args)
