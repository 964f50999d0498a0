"""The simulated disk, and what the journal makes of one that lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Insert
from gateway.records import State
from tests.simulation.database import Database
from tests.simulation.dice import Dice
from tests.simulation.disk import SECTOR, Disk, File
from tests.support.transfers import a_transfer

SEEDS = range(40)


@contextmanager
def database(seed: int) -> Iterator[Database]:
    opened = Database(Disk("tested", Dice(seed, "disk")), lambda: 0.0)
    try:
        yield opened
    finally:
        opened.close()


def write(journal: Database, id: str) -> None:
    journal.apply([Insert(transfer=a_transfer(State.SENDING, id=id))], "gateway")


def ids(journal: Database) -> list[str]:
    return [row["id"] for row in journal.rows()]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_committed_outlives_the_power(seed: int) -> None:
    with database(seed) as journal:
        for number in range(5):
            write(journal, f"{number}")
            journal.crash(power=True)
        assert ids(journal) == ["0", "1", "2", "3", "4"]
        assert journal.lost == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_commit_that_was_not_synced_counts_for_nothing_and_spoils_nothing(seed: int) -> None:
    with database(seed) as journal:
        write(journal, "before")
        journal.disk.failing = True
        with pytest.raises(JournalUnavailable):
            write(journal, "in doubt")
        journal.disk.failing = False
        write(journal, "after")
        journal.crash(power=True)
        assert ids(journal) == ["before", "after"]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_is_added_to_a_log_whose_end_may_be_on_no_disk(seed: int) -> None:
    """Found by seed 266: the sync failed, the process died, its successor read the commit from the system's cache, went
    on behind it, and lost all of that with the power."""
    with database(seed) as journal:
        write(journal, "before")
        journal.disk.failing = True
        with pytest.raises(JournalUnavailable):
            write(journal, "in doubt")
        journal.disk.failing = False
        journal.crash(power=False)
        write(journal, "after")
        journal.crash(power=True)
        assert {"before", "after"} <= set(ids(journal))
        assert journal.lost == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_read_after_a_sync_that_failed_outlives_another_one_and_the_power(seed: int) -> None:
    """Found by seed 869: the log was moved into the file, but stood there still, without its end. No commit could begin
    it anew before the power went, and its old pages took the place of the file's newer ones."""
    with database(seed) as journal:
        write(journal, "before")
        write(journal, "acknowledged")
        journal.disk.failing = True
        with pytest.raises(JournalUnavailable):
            write(journal, "in doubt")
        journal.disk.failing = False
        journal.crash(power=False)
        read = set(ids(journal))
        journal.disk.failing = True
        with pytest.raises(JournalUnavailable):
            write(journal, "refused")
        journal.disk.failing = False
        journal.crash(power=True)
        assert read <= set(ids(journal))
        assert journal.lost == []


def test_a_full_disk_refuses_and_recovers() -> None:
    with database(0) as journal:
        journal.disk.full = True
        with pytest.raises(JournalUnavailable):
            write(journal, "refused")
        journal.disk.full = False
        write(journal, "taken")
        assert ids(journal) == ["taken"]


def test_unsynced_writes_are_lost_torn_and_reordered() -> None:
    results = set()
    for seed in range(200):
        disk = Disk("torn", Dice(seed, "disk"))
        file = disk.files["file"] = File()
        file.write(b"a" * 2 * SECTOR, 0)
        file.sync()
        file.write(b"b" * 2 * SECTOR, 0)
        file.write(b"c" * SECTOR, SECTOR)
        disk.lose_power()
        results.add(bytes(file.seen[::SECTOR]))
        disk.close()
    assert {b"aa", b"bb", b"bc", b"ac", b"ba", b"ab"} <= results
