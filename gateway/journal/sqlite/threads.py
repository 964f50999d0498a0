"""The threads of a SQLite journal: one writes, others read, and the event loop waits for none of them.

The way of a write: `GroupCommit` gathers writes on the loop → `WritingThread.send` queues the batch → the thread joins
what is queued, commits it, and wakes the loop once → `GroupCommit.settle` gives each caller its answer → the thread
makes a checkpoint if one is due, and takes the next batch.

One wake-up serves a whole batch: waking the loop costs more than most of the work (docs/decisions/011-group-commit.md).
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
    """Commits batches, joining those that wait into one transaction. Runs until `stop`, whatever fails."""

    def __init__(self, name: str, store: SqliteStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._run, name=f"journal-{name}-write", daemon=True)
        self.send = self._queue.put

    def start(self, group: GroupCommit) -> None:
        """Starts the thread. `group` gets the outcomes."""
        self._group = group
        self._thread.start()

    async def stop(self) -> None:
        """Commits what has been sent, then ends the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while (batch := self._take_batch()) is not None:
            self._commit(batch)
            # The callers have their answers by now: they do not wait for it (docs/decisions/014-checkpoints.md).
            if self._store.checkpoint_due:
                self._checkpoint()

    def _take_batch(self) -> Batch | None:
        """All that is queued, as one batch: while one commits, the next ones gather. None when the thread is to end."""
        batch = self._queue.get()
        while batch is not None and len(batch) < BATCH_LIMIT:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                # Commit first, end with the next call: nothing follows the None in the queue.
                self._queue.put(None)
                break
            batch.extend(following)
        return batch

    def _commit(self, batch: Batch) -> None:
        begun_at = self._clock.monotonic()
        try:
            answers = self._store.apply(batch.writes)
        except JournalUnavailable as error:
            _call_on_loop(self._loop, self._group.fail, batch, error)
        except Exception as error:
            # A bug of ours, in this batch alone: a thread that ended with it would leave every later caller waiting
            # (tests/integration/journal/sqlite/test_failures.py).
            log.exception("writing to the journal failed")
            _call_on_loop(
                self._loop, self._group.fail, batch, JournalUnavailable(f"writing failed: {type(error).__name__}")
            )
        else:
            crash_point("sqlite.committed")
            _call_on_loop(self._loop, self._group.settle, batch, answers, self._clock.monotonic() - begun_at)

    def _checkpoint(self) -> None:
        try:
            self._store.checkpoint()
        except JournalUnavailable as error:
            log.warning("the journal's log was not checkpointed", error=str(error))


class ReadingThread:
    """Runs reads one after another in a thread. Those asked for within one turn of the loop are queued and answered
    together."""

    def __init__(self, name: str) -> None:
        self._queue: SimpleQueue[list[Read] | None] = SimpleQueue()
        self._next: list[Read] = []
        self._loop = asyncio.get_running_loop()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `read` in the thread, and returns or raises what it does."""
        assert not kwargs
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._next:
            self._loop.call_soon(self._flush)
        self._next.append((future, read, args))
        return await future

    async def stop(self) -> None:
        """Runs the reads that were asked for, then ends the thread."""
        self._flush()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _flush(self) -> None:
        if self._next:
            self._queue.put(self._next)
            self._next = []

    def _run(self) -> None:
        while (reads := self._queue.get()) is not None:
            _call_on_loop(self._loop, _settle, [_run_read(*read) for read in reads])


def _run_read(future: asyncio.Future[Any], read: Callable[..., Any], args: tuple[Any, ...]) -> Result:
    try:
        return future, read(*args), None
    except Exception as error:  # noqa: BLE001 - it is raised in the caller
        return future, None, error


def _settle(results: list[Result]) -> None:
    for future, value, error in results:
        if future.done():  # its caller was cancelled meanwhile
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)


def _call_on_loop(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: Any) -> None:
    # On a loop that is closed nobody waits any more, and `call_soon_threadsafe` would raise.
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback, *args)
