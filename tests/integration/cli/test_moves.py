"""What a person is told when a transfer moves between the look and the write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.cli.all_journals import AllJournals
from gateway.cli.errors import CommandFailed
from gateway.cli.undelivered import find_undelivered, write_change
from gateway.journal.copy import CopyableJournal
from gateway.journal.writes import Change, Claim
from gateway.reasons import Source
from gateway.records import Reason, State, Transfer
from gateway.transfers import rules
from tests.support.journals import ACME, NOW, Journals, SqliteShelf, a_transfer

FAR = 4_000_000_000.0
REASON = Reason(text="done by phone", source=Source.PERSON, category="other", at=NOW + 60, who="ann")
FOUND = a_transfer("1", state=State.ROLLING_BACK, due_at=NOW)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[CopyableJournal]:
    shelf = SqliteShelf(tmp_path)
    await shelf.prepare()
    async with AsyncExitStack() as stack:
        journal = await Journals(shelf, stack).open()
        await journal.insert(FOUND)
        yield journal


async def vouch(journal: CopyableJournal, transfer: Transfer = FOUND) -> Transfer:
    return await write_change(AllJournals({"default": journal}), "default", rules.resolve(transfer, REASON, REASON.at))


async def test_a_try_that_begins_meanwhile_comes_first(journal: CopyableJournal) -> None:
    await journal.claim(Claim(operator=ACME, owner="gateway-1", now=NOW, lease_until=FAR, limit=1))
    with pytest.raises(CommandFailed, match="1 is being tried right now by gateway-1; wait for the result"):
        await vouch(journal)
    timeline = await journal.timeline(FOUND.key)
    assert timeline is not None
    assert (timeline.transfer.state, timeline.reasons) == (State.ROLLING_BACK, [])


async def test_a_try_that_came_and_went_meanwhile_is_worth_another_look(journal: CopyableJournal) -> None:
    await journal.change(Change(key=FOUND.key, allowed=(FOUND.state,), to=FOUND.state, at=NOW, due_at=FAR, tries=1))
    with pytest.raises(CommandFailed, match="has changed in the meantime: it is rolling back; look again"):
        await vouch(journal)
    _, again = await find_undelivered(AllJournals({"default": journal}), "1", None, None)
    assert (await vouch(journal, again)).state is State.ROLLED_BACK


async def test_an_end_that_came_meanwhile_stands(journal: CopyableJournal) -> None:
    await journal.change(Change(key=FOUND.key, allowed=(FOUND.state,), to=State.ROLLED_BACK, at=NOW))
    with pytest.raises(CommandFailed, match="1 is rolled back: it has ended, and nothing is left to do"):
        await vouch(journal)
    await journal.prune(FAR, 9)
    with pytest.raises(CommandFailed, match="1 has ended, and was removed in the meantime"):
        await vouch(journal)
