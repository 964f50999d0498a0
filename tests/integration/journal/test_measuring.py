from __future__ import annotations

import asyncio
import time

import pytest

from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.group_commit import WAITING_LIMIT
from gateway.journal.migrations import migrations_of
from tests.support.journals import NOW, Journals, a_session, a_transfer


async def test_a_journal_says_how_large_it_is(journals: Journals, journal: CopyableJournal) -> None:
    empty = await journal.measure()
    store = "postgres" if journals.shelf.url.startswith("postgres") else "sqlite"
    assert empty.schema == len(migrations_of(f"gateway.journal.{store}"))
    assert (empty.transfers, empty.sessions) == (0, 0)
    for number in range(50):
        await journal.insert(a_transfer(f"t{number}"))
    await journal.save_session(a_session(), NOW)
    if store == "postgres":
        await journals.shelf.query("ANALYZE")  # what it says of rows are its statistics
    full = await journal.measure()
    assert (full.transfers, full.sessions) == (50, 1)
    assert full.data_bytes + (full.log_bytes or 0) > empty.data_bytes + (empty.log_bytes or 0)


class LateClock(SystemClock):
    """A minute behind."""

    def now(self) -> float:
        return time.time() - 60


async def test_the_database_has_a_clock_of_its_own_and_a_file_has_none(journals: Journals) -> None:
    journal = await open_journal("default", journals.settings(), journals.metrics, LateClock())
    try:
        offset_s = (await journal.measure()).clock_offset_s
    finally:
        await journal.close()
    on_postgres = journals.shelf.url.startswith("postgres")
    assert offset_s == (pytest.approx(-60, abs=5) if on_postgres else None)


async def test_a_journal_says_how_much_waits(journals: Journals, journal: CopyableJournal) -> None:
    writes = [asyncio.ensure_future(journal.insert(a_transfer(f"t{number}"))) for number in range(5)]
    await asyncio.sleep(0)
    usage = journal.usage()
    assert (usage.writes_waiting, usage.writes_limit) == (5, WAITING_LIMIT)
    await asyncio.gather(*writes)
    await journal.find(a_transfer().key)
    rested = journal.usage()
    limit = journals.settings().connections if journals.shelf.url.startswith("postgres") else 0
    assert (rested.writes_waiting, rested.connections_in_use, rested.connections_limit) == (0, 0, limit)
    assert (rested.connections_idle > 0) == (limit > 0)


async def test_a_write_without_room_is_counted(journals: Journals, journal: CopyableJournal) -> None:
    await journals.close()
    with pytest.raises(Exception, match="is closed"):
        await journal.insert(a_transfer())
    assert journals.metrics.registry.get_sample_value("mm_gateway_journal_refusals_total", {"journal": "default"})
