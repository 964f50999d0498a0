"""Pruning: in small steps, finished transfers and forgotten sessions only."""

from __future__ import annotations

from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.writes import Change
from gateway.records import State
from tests.support.journals import ACME, NOW, a_reason, a_session, a_transfer, an_attempt, key_of, put


async def ids_of(journal: CopyableJournal) -> set[str]:
    return {transfer.id for transfer in await journal.list_transfers(TransferFilter(), limit=99)}


async def test_only_what_is_finished_and_old_is_pruned(journal: CopyableJournal) -> None:
    for state in State:
        await put(journal, a_transfer(f"old {state}", state=state, changed_at=NOW - 1))
        await put(journal, a_transfer(f"new {state}", state=state, changed_at=NOW))
    before = await ids_of(journal)
    assert await journal.prune(NOW, 99) == 2
    assert before - await ids_of(journal) == {"old confirmed", "old rolled_back"}
    assert await journal.prune(NOW, 99) == 0


async def test_the_oldest_go_first_and_no_more_than_the_limit(journal: CopyableJournal) -> None:
    for number in range(5):
        await put(journal, a_transfer(str(number), state=State.CONFIRMED, changed_at=NOW - number))
    assert await journal.prune(NOW + 1, 2) == 2
    assert await ids_of(journal) == {"0", "1", "2"}
    assert await journal.prune(NOW + 1, 2) == 2
    assert await journal.prune(NOW + 1, 2) == 1


async def test_tries_and_reasons_go_with_their_transfer(journal: CopyableJournal) -> None:
    for id_, at in (("old", NOW - 1), ("new", NOW)):
        await journal.insert(a_transfer(id_, state=State.ROLLED_BACK, changed_at=at))
        await journal.change(Change(key=key_of(id_), allowed=(), to=State.HELD, at=NOW, attempt=an_attempt()))
        await journal.add_reason(key_of(id_), a_reason(id_))
    assert await journal.prune(NOW, 99) == 1
    assert await journal.timeline(key_of("old")) is None
    kept = await journal.timeline(key_of("new"))
    assert kept is not None
    assert kept.attempts == [an_attempt()]
    assert [each.reason.text for each in await journal.list_reasons(ReasonFilter(), limit=9)] == ["new"]


async def test_a_pruned_transfer_may_be_opened_again_and_has_no_past(journal: CopyableJournal) -> None:
    await journal.insert(a_transfer(state=State.ROLLED_BACK, changed_at=NOW - 1), a_reason())
    await journal.prune(NOW, 9)
    assert (await journal.insert(a_transfer())).created
    timeline = await journal.timeline(key_of("1234abcd"))
    assert timeline is not None
    assert timeline.reasons == []


async def test_sessions_not_seen_for_long_are_pruned(journal: CopyableJournal) -> None:
    for token, seen_at in (("older", NOW - 2), ("old", NOW - 1), ("again", NOW - 1), ("again", NOW), ("new", NOW)):
        await journal.save_session(a_session(token), seen_at)
    assert await journal.prune(NOW, 1) == 1
    assert await journal.find_session(ACME, "older") is None
    assert await journal.prune(NOW, 9) == 1
    for token, kept in (("old", False), ("again", True), ("new", True)):
        assert (await journal.find_session(ACME, token) is not None) is kept
