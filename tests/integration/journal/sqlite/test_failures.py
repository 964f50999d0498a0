"""A disk that fails: the batch is refused whole, nothing else breaks, and it passes by itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import apsw
import pytest

from gateway.clock import SystemClock
from gateway.journal.group_commit import Batch, GroupCommit
from gateway.journal.interface import JournalUnavailable
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile
from gateway.journal.sqlite.journal import SqliteJournal
from gateway.journal.sqlite.store import CHECKPOINT_PAGES, SqliteStore
from gateway.journal.sqlite.threads import WritingThread
from gateway.journal.writes import Insert, Write
from gateway.records import State
from gateway.telemetry.metrics import Metrics
from tests.support.failing_disk import FailingDisk
from tests.support.journals import NOW, a_change, a_transfer, key_of

FAILURES = [
    pytest.param("on_write", apsw.FullError("disk full"), id="disk full"),
    pytest.param("on_write", apsw.ReadOnlyError("read only"), id="read-only"),
    pytest.param("on_write", apsw.IOError("I/O error"), id="write error"),
    pytest.param("on_sync", apsw.IOError("I/O error"), id="sync error"),
]


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def journal(tmp_path: Path, disk: FailingDisk, metrics: Metrics) -> AsyncIterator[SqliteJournal]:
    place = SqliteFile(str(tmp_path / "journal.db"), vfs=disk.name)
    opened = await SqliteJournal.open_at("main", place, Sealer(), metrics, SystemClock())
    yield opened
    disk.on_write = disk.on_sync = None
    await opened.close()


@pytest.mark.parametrize("where, error", FAILURES)
async def test_a_batch_that_cannot_be_made_durable_is_refused_whole_and_the_next_may_succeed(
    journal: SqliteJournal, disk: FailingDisk, metrics: Metrics, where: str, error: apsw.Error
) -> None:
    await journal.insert(a_transfer("before"))
    setattr(disk, where, error)
    ids = [f"failed {number}" for number in range(5)]
    results = await asyncio.gather(*(journal.insert(a_transfer(id_)) for id_ in ids), return_exceptions=True)
    assert [type(result) for result in results] == [JournalUnavailable] * 5
    assert metrics.registry.get_sample_value("mm_gateway_journal_failures_total", {"journal": "main"}) == 1
    with pytest.raises(JournalUnavailable):
        await journal.check_writable()
    assert await journal.find(key_of("before")) == a_transfer("before")
    setattr(disk, where, None)
    await journal.check_writable()
    assert [await journal.find(key_of(id_)) for id_ in ids] == [None] * 5
    assert all([(await journal.insert(a_transfer(id_))).created for id_ in ids])


async def test_a_full_disk_refuses_writes_until_there_is_space_again(tmp_path: Path) -> None:
    """Without root there is no small file system to fill; a limit on file sizes makes the kernel refuse as well."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.journal_limited_child",
        f"sqlite:///{tmp_path}/journal.db",
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await child.communicate()
    assert printed.decode().splitlines() == [
        "before: written",
        *(f"full {number}: refused, not kept" for number in range(3)),
        *(f"after {number}: written" for number in range(3)),
    ]


async def test_a_write_that_is_no_write_fails_its_batch_and_nothing_else(journal: SqliteJournal) -> None:
    nonsense: Any = "nonsense"
    with pytest.raises(JournalUnavailable, match="KeyError"):
        await journal._group.write(nonsense)
    assert (await journal.insert(a_transfer())).created


async def test_a_checkpoint_that_fails_loses_nothing_and_is_tried_again(
    journal: SqliteJournal, disk: FailingDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = asyncio.Event()
    loop = asyncio.get_running_loop()
    store = journal._write_thread._store

    def fail() -> None:
        loop.call_soon_threadsafe(failed.set)
        raise JournalUnavailable("no space")

    monkeypatch.setattr(store, "checkpoint", fail)
    monkeypatch.setattr(store, "_checkpoint_pages", 1)
    await journal.insert(a_transfer("1"))
    await failed.wait()
    assert (await journal.insert(a_transfer("2"))).created
    monkeypatch.undo()
    assert (await journal.insert(a_transfer("3"))).created


def test_the_log_is_emptied_as_soon_as_it_is_long(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    store = SqliteStore(SqliteFile(str(path)), Sealer())
    checkpoints = 0
    for number in range(60):
        store.apply([Insert(transfer=a_transfer(f"{number}-{n}", description="x" * 4096)) for n in range(50)])
        if store.checkpoint_due:
            store.checkpoint()
            checkpoints += 1
    assert checkpoints >= 3
    assert (tmp_path / "journal.db-wal").stat().st_size < 2 * CHECKPOINT_PAGES * 4096
    store.close()


def test_a_long_read_delays_the_emptying_of_the_log_and_is_not_asked_about_after_every_write(tmp_path: Path) -> None:
    store = SqliteStore(SqliteFile(str(tmp_path / "journal.db")), Sealer())
    store.apply([Insert(transfer=a_transfer("1"))])
    reader = apsw.Connection(str(tmp_path / "journal.db"))
    reader.execute("BEGIN; SELECT count(*) FROM transfers").fetchall()
    while not store.checkpoint_due:
        store.apply([Insert(transfer=a_transfer(f"{store._wal_pages}", description="x" * 100_000))])
    store.checkpoint()
    assert not store.checkpoint_due
    store.apply([Insert(transfer=a_transfer("2"))])
    assert not store.checkpoint_due
    reader.close()
    while not store.checkpoint_due:
        store.apply([Insert(transfer=a_transfer(f"{store._wal_pages}", description="x" * 100_000))])
    store.checkpoint()
    store.apply([Insert(transfer=a_transfer("3"))])
    assert store._wal_pages < 100
    store.close()


def test_a_failed_checkpoint_is_tried_again_once_the_log_has_grown(tmp_path: Path, disk: FailingDisk) -> None:
    store = SqliteStore(SqliteFile(str(tmp_path / "journal.db"), vfs=disk.name), Sealer())
    while not store.checkpoint_due:
        store.apply([Insert(transfer=a_transfer(f"{store._wal_pages}", description="x" * 100_000))])
    disk.on_write = apsw.FullError("disk full")
    with pytest.raises(JournalUnavailable, match="checkpointing failed"):
        store.checkpoint()
    disk.on_write = None
    assert not store.checkpoint_due
    store.close()


async def test_every_commit_is_synced_before_its_callers_wake(journal: SqliteJournal, disk: FailingDisk) -> None:
    await journal.insert(a_transfer())
    for number in range(5):
        before = disk.syncs
        await journal.change(a_change(key_of("1234abcd"), State.HELD, at=NOW + number))
        assert disk.syncs > before


async def test_reads_that_fail_say_so(journal: SqliteJournal) -> None:
    for reads in (journal._short, journal._long):
        reads.close()
    for read in (journal.find(key_of("1")), journal.timeline(key_of("1")), journal.count_unfinished(NOW)):
        with pytest.raises(JournalUnavailable, match="reading failed"):
            await read


async def test_a_reader_that_gave_up_is_not_told(journal: SqliteJournal) -> None:
    left = asyncio.create_task(journal.find(key_of("1")))
    await asyncio.sleep(0)
    left.cancel()
    assert await journal.find(key_of("2")) is None
    assert left.cancelled()


async def test_closing_answers_the_reads_that_wait(journal: SqliteJournal) -> None:
    reading = asyncio.create_task(journal._short_thread.call(journal._short.find, key_of("1")))
    await asyncio.sleep(0)
    await journal._short_thread.stop()
    assert await reading is None


def test_a_loop_that_is_gone_is_not_told(tmp_path: Path) -> None:
    async def leave() -> SqliteJournal:
        place = SqliteFile(str(tmp_path / "journal.db"))
        return await SqliteJournal.open_at("main", place, Sealer(), Metrics(), SystemClock())

    journal = asyncio.run(leave())
    journal._write_thread.send(Batch())
    journal._write_thread.send(None)
    journal._write_thread._thread.join()
    journal._resources.close()
    assert not journal._write_thread._thread.is_alive()


async def test_batches_that_wait_are_committed_in_one_transaction(
    journal: SqliteJournal, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, apply = journal._write_thread._store, journal._write_thread._store.apply
    loop, busy, may_commit = asyncio.get_running_loop(), asyncio.Event(), Event()
    sizes: list[int] = []

    def slowly(writes: Sequence[Write]) -> list[Any]:
        sizes.append(len(writes))
        loop.call_soon_threadsafe(busy.set)
        assert may_commit.wait(10)
        return apply(writes)

    monkeypatch.setattr(store, "apply", slowly)
    opening = [asyncio.create_task(journal.insert(a_transfer("0")))]
    await busy.wait()
    for number in range(1, 5):
        opening.append(asyncio.create_task(journal.insert(a_transfer(str(number)))))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    closing = asyncio.create_task(journal.close())
    may_commit.set()
    assert [(await each).created for each in opening] == [True] * 5
    assert sizes == [1, 4]
    await closing


def test_the_writer_commits_what_it_was_sent_before_its_end(tmp_path: Path) -> None:
    async def main() -> bool:
        place = SqliteFile(str(tmp_path / "journal.db"))
        writing = WritingThread("main", SqliteStore(place, Sealer()), SystemClock())
        group = GroupCommit("main", writing.send, Metrics())
        waiter = group.write(Insert(transfer=a_transfer()))
        group._flush()
        writing.send(None)
        writing.start(group)
        return bool((await waiter).created)

    assert asyncio.run(main())
