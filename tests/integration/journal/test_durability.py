"""What was acknowledged is there, whatever became of the process."""

from __future__ import annotations

import asyncio
import sys

from gateway.journal.interface import Journal
from tests.support.journals import NOW, Journals, a_transfer, key_of

LINES = 2000


async def acknowledged_before_kill(url: str) -> dict[str, int]:
    """Runs a writing process, kills it in full flight; returns each transfer's last revision that it has printed."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.journal_child", url, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    lines = [await child.stdout.readline() for _ in range(LINES)]
    child.kill()
    lines += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()
    printed = (line.decode().split() for line in lines if line.endswith(b"\n"))
    return {id_: int(revision) for id_, revision in printed}


async def test_nothing_that_was_acknowledged_is_lost_when_the_process_is_killed(journals: Journals) -> None:
    acknowledged: dict[str, int] = {}
    url = journals.shelf.url
    acknowledged = await acknowledged_before_kill(url)
    journal = await journals.open()
    assert len(acknowledged) > LINES // 4
    for id_, revision in acknowledged.items():
        found = await journal.find(key_of(id_))
        assert found is not None, id_
        assert found.revision >= revision
        timeline = await journal.timeline(key_of(id_))
        assert timeline is not None
        assert len(timeline.attempts) == found.revision


async def test_a_closed_journal_has_written_all_that_it_was_given(journals: Journals) -> None:
    journal = await journals.open()
    writes = [asyncio.create_task(journal.insert(a_transfer(str(number)))) for number in range(100)]
    await asyncio.sleep(0)
    await journals.close()
    assert all([(await write).created for write in writes])
    again = await journals.open()
    assert [number for number in range(100) if await again.find(key_of(str(number))) is None] == []


async def test_a_caller_that_gives_up_takes_no_write_back(journal: Journal) -> None:
    task = asyncio.create_task(journal.insert(a_transfer(opened_at=NOW)))
    await asyncio.sleep(0)
    task.cancel()
    await journal.check_writable()
    assert task.cancelled()
    assert await journal.find(key_of("1234abcd")) == a_transfer(opened_at=NOW)
