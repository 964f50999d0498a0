"""A journal moved from one store to another, for every pair of stores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.journal import copy
from gateway.journal.copy import CopyableJournal, CopyError, Progress, copy_journal
from gateway.records import RowCounts, State
from tests.support.journals import (
    ACME,
    KEY,
    NOW,
    SHELVES,
    Journals,
    a_change,
    a_reason,
    a_session,
    a_transfer,
    an_attempt,
)

TRANSFERS = 25
SESSIONS = 12


@pytest.fixture(params=sorted(SHELVES))
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CopyableJournal]:
    folder = tmp_path / "target"
    folder.mkdir()
    shelf = SHELVES[request.param](folder)
    await shelf.prepare()
    try:
        async with AsyncExitStack() as stack:
            yield await Journals(shelf, stack).open(encryption_key=KEY)
    finally:
        await shelf.discard()


@pytest.fixture
async def source(journals: Journals, monkeypatch: pytest.MonkeyPatch) -> CopyableJournal:
    monkeypatch.setattr(copy, "PAGE", 10)
    journal = await journals.open()
    tried = an_attempt(player="player-1", session="own")
    for number in range(TRANSFERS):
        operator = f"operator {number % 3}"
        spare = a_session("spare", operator) if number % 2 else None
        memory = {"transaction": f"{number} \x00"} if number % 3 else {}
        transfer = a_transfer(f"{number} \x00", operator=operator, revision=number, spare_session=spare, memory=memory)
        await journal.insert(transfer, a_reason(str(number)))
        for again in range(number % 4):
            await journal.add_reason(transfer.key, a_reason(str(number), at=NOW + again))
        for _ in range(number % 3):
            await journal.change(
                a_change(
                    transfer.key,
                    State.HELD,
                    attempt=tried,
                    reason=a_reason(),
                )
            )
    for number in range(SESSIONS):
        await journal.save_session(a_session(f"token {number}", memory={"a": str(number)}), NOW + number)
    return journal


async def test_everything_is_in_the_target_afterwards(source: CopyableJournal, target: CopyableJournal) -> None:
    reports: list[Progress] = []
    whole = RowCounts(TRANSFERS, SESSIONS)
    assert await copy_journal(source, target, reports.append) == whole
    assert [report.done for report in reports] == [
        RowCounts(0, 10), RowCounts(0, 12), RowCounts(10, 12), RowCounts(20, 12), whole
    ]  # fmt: skip
    assert {report.total for report in reports} == {whole}
    assert await target.count_rows() == whole
    copied = {each.transfer.key: each for each in await target.export_timelines(None, 99)}
    assert copied == {each.transfer.key: each for each in await source.export_timelines(None, 99)}
    for number in range(SESSIONS):
        token = f"token {number}"
        assert await target.find_session(ACME, token) == await source.find_session(ACME, token)
    seen = {each.session.token: each.seen_at for each in await target.export_sessions(None, 99)}
    assert seen == {f"token {number}": NOW + number for number in range(SESSIONS)}


async def test_a_copy_that_was_broken_off_is_finished_by_the_next(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    def broken_off(progress: Progress) -> None:
        if progress.done.transfers:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await copy_journal(source, target, broken_off)
    assert (await target.count_rows()).transfers == 10
    assert await copy_journal(source, target, lambda _: None) == RowCounts(TRANSFERS, SESSIONS)
    assert await target.count_rows() == RowCounts(TRANSFERS, SESSIONS)


async def test_a_transfer_that_differs_in_the_target_is_refused_and_left_as_it_is(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    other = a_transfer("7 \x00", operator="operator 1", description="Another")
    await target.insert(other)
    with pytest.raises(CopyError, match="is another transfer in the target journal"):
        await copy_journal(source, target, lambda _: None)
    assert await target.find(other.key) == other


async def test_a_row_that_is_not_read_back_as_it_was_is_not_called_copied(
    source: CopyableJournal, target: CopyableJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method in ("find_session", "timeline"):

        async def lost(*_: object) -> None:
            return None

        with monkeypatch.context() as patched:
            patched.setattr(target, method, lost)
            with pytest.raises(CopyError, match="not read back"):
                await copy_journal(source, target, lambda _: None)


async def test_a_session_that_cannot_be_read_is_not_copied_as_an_empty_one(
    journals: Journals, target: CopyableJournal
) -> None:
    journal = await journals.open()
    await journal.insert(a_transfer(session=a_session("")))
    with pytest.raises(CopyError, match="cannot be read"):
        await copy_journal(journal, target, lambda _: None)
    assert (await target.count_rows()).transfers == 0
