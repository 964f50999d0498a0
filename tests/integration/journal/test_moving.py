"""Operators that move from one journal to another, for every pair of stores: interrupted anywhere, and back again."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.journal import moving
from gateway.journal.copy import CopyableJournal, CopyError, Progress, copy_journal
from gateway.journal.interface import JournalInUse, ReasonFilter, TransferFilter
from gateway.journal.moving import Moved, NamedJournal, finish_moves, move_operators
from gateway.records import Instance, RowCounts, State
from tests.support.journals import (
    ACME,
    NOW,
    SHELVES,
    Journals,
    a_change,
    a_reason,
    a_session,
    a_transfer,
    an_attempt,
    put,
    verified,
)

BETA = "beta"
MOVED_AT = NOW + 100
OVER = Instance(id="host-1-aa", started_at=NOW, lease_until=NOW + 15)
ALIVE = Instance(id="host-2-bb", started_at=NOW, lease_until=4_000_000_000.0)


@pytest.fixture(params=sorted(SHELVES))
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CopyableJournal]:
    folder = tmp_path / "target"
    folder.mkdir()
    shelf = SHELVES[request.param](folder)
    await shelf.prepare()
    try:
        async with AsyncExitStack() as stack:
            yield await Journals(shelf, stack).open()
    finally:
        await shelf.discard()


@pytest.fixture
async def source(journals: Journals) -> CopyableJournal:
    """Three transfers of acme and one of beta, each with a reason, and a session of each."""
    journal = await journals.open()
    for operator, ids in ((ACME, ("held", "ended", "due")), (BETA, ("other",))):
        for id in ids:
            await journal.insert(a_transfer(id, operator=operator, due_at=NOW), a_reason(f"of {id}"))
        await journal.save_session(a_session("token", operator), NOW)
    first = a_transfer("held", memory={"transaction": "t-1"}).key
    await journal.change(a_change(first, State.HELD, memory={"transaction": "t-1"}, attempt=an_attempt()))
    await journal.change(a_change(a_transfer("ended").key, State.ROLLING_BACK, due_at=NOW))
    await journal.change(a_change(a_transfer("ended").key, State.ROLLED_BACK))
    await journal.renew_lease(OVER)
    return journal


async def move(
    source: CopyableJournal, target: CopyableJournal, operator: str | None = ACME, at: float = MOVED_AT, **options: Any
) -> Moved:
    names = options.pop("names", ("old", "new"))
    one, other = NamedJournal(names[0], source), NamedJournal(names[1], target)
    return await move_operators(one, other, operator, [ACME, BETA], at, lambda _: None, **options)


async def seen_in(journal: CopyableJournal) -> dict[str, Any]:
    """Everything that people, gauges and housekeeping see of a journal."""
    return {
        "transfers": sorted(one.id for one in await journal.list_transfers(TransferFilter(), limit=99)),
        "unfinished": sorted(
            one.id for one in await journal.list_transfers(TransferFilter(states=(State.SENDING, State.HELD)), limit=99)
        ),
        "reasons": sorted(one.reason.text for one in await journal.list_reasons(ReasonFilter(), limit=99)),
        "sum": sum(one.count for one in await journal.count_reasons(ReasonFilter())),
        "gauges": sum(one.count for one in await journal.count_unfinished(math.inf)),
    }


OF_ACME: dict[str, Any] = {
    "transfers": ["due", "ended", "held"],
    "unfinished": ["due", "held"],
    "reasons": ["of due", "of ended", "of held"],
    "sum": 3,
    "gauges": 2,
}
OF_BETA: dict[str, Any] = {
    "transfers": ["other"],
    "unfinished": ["other"],
    "reasons": ["of other"],
    "sum": 1,
    "gauges": 1,
}
OF_BOTH = {name: of + OF_BETA[name] for name, of in OF_ACME.items()}
NOTHING = {name: type(of)() for name, of in OF_ACME.items()}


async def test_what_has_moved_is_seen_where_it_is_now_and_nowhere_else(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    before = await source.timeline(a_transfer("held").key)
    moved = await move(source, target)
    assert (moved.operators, moved.rows, moved.elsewhere) == ([ACME], RowCounts(3, 1), [])
    assert await seen_in(source) == OF_BETA
    assert await seen_in(target) == OF_ACME
    assert await target.timeline(a_transfer("held").key) == before
    assert await target.find_session(ACME, "token") == verified(a_session("token"))
    assert await target.find_session(BETA, "token") is None


async def test_without_an_operator_all_move_also_those_without_rows(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    moved = await move(source, target, None)
    assert (moved.operators, moved.rows) == ([ACME, BETA], RowCounts(4, 2))
    assert await seen_in(source) == NOTHING
    assert await seen_in(target) == OF_BOTH
    again = await move(source, target, None)
    assert (again.operators, again.elsewhere) == ([], [ACME, BETA])


class Broken(Exception):
    """What interrupts a move."""


@contextmanager
def breaking_off(point: str) -> Iterator[None]:
    """A move that is made meanwhile is interrupted there."""

    def crash(name: str) -> None:
        if name == point:
            raise Broken

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(moving, "crash_point", crash)
        with pytest.raises(Broken):
            yield


@pytest.mark.parametrize("point", ["move.arriving", "move.copied", "move.moved"])
async def test_an_interrupted_move_has_moved_nothing_or_everything(
    source: CopyableJournal, target: CopyableJournal, point: str
) -> None:
    with breaking_off(point):
        await move(source, target)
    # As a command or a gateway that opens both finds them.
    await finish_moves({"old": source, "new": target})
    has_moved = point == "move.moved"
    assert await seen_in(source) == (OF_BETA if has_moved else OF_BOTH)
    assert await seen_in(target) == (OF_ACME if has_moved else NOTHING)
    again = await move(source, target, at=MOVED_AT + 1)
    assert again.operators == ([] if has_moved else [ACME])
    assert (await seen_in(source), await seen_in(target)) == (OF_BETA, OF_ACME)
    assert await target.moved_operators() == []


async def test_a_copy_that_was_broken_off_and_is_stale_by_now_is_made_again(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    def break_off(progress: Progress) -> None:
        if progress.done.transfers:
            raise Broken

    with pytest.raises(Broken):
        await move_operators(
            NamedJournal("old", source), NamedJournal("new", target), ACME, [ACME], MOVED_AT, break_off
        )
    assert await seen_in(source) == OF_BOTH
    assert await seen_in(target) == NOTHING
    held = a_transfer("held").key
    assert (await source.change(a_change(held, State.CONFIRMING, due_at=NOW))).moved
    assert (await move(source, target)).operators == [ACME]
    assert await target.timeline(held) == await source.timeline(held)


async def test_back_again_with_what_has_changed_and_without_what_was_pruned(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    await move(source, target)
    held = a_transfer("held").key
    await target.change(a_change(held, State.CONFIRMING, due_at=NOW))
    await target.insert(a_transfer("new", due_at=NOW))
    assert await target.prune(NOW + 1, 9) == 2, "the ended one, and the session"
    back = await move(target, source, at=MOVED_AT + 1, names=("new", "old"))
    assert (back.operators, back.rows) == ([ACME], RowCounts(3, 0))
    assert (await seen_in(source))["transfers"] == ["due", "held", "new", "other"]
    assert await source.timeline(held) == await target.timeline(held)
    assert await seen_in(target) == NOTHING
    assert await source.moved_operators() == []
    (mark,) = await target.moved_operators()
    assert (mark.operator, mark.journal, mark.arriving) == (ACME, "old", False)


@pytest.mark.parametrize("point", ["move.arriving", "move.copied", "move.moved", None])
async def test_an_operator_without_rows_comes_back_where_it_is_configured_no_more(
    journals: Journals, target: CopyableJournal, point: str | None
) -> None:
    old, new = NamedJournal("old", await journals.open()), NamedJournal("new", target)
    there = await move_operators(old, new, None, ["idle"], MOVED_AT, lambda _: None)
    if point is not None:
        with breaking_off(point):
            await move_operators(new, old, None, [], MOVED_AT + 1, lambda _: None)
    back = await move_operators(new, old, None, [], MOVED_AT + 1, lambda _: None)
    assert there.operators == ["idle"]
    assert back.operators == ([] if point == "move.moved" else ["idle"])
    assert await old.journal.moved_operators() == []
    (mark,) = await new.journal.moved_operators()
    assert (mark.operator, mark.journal, mark.arriving) == ("idle", "old", False)


async def test_of_operators_without_rows_only_those_come_that_are_in_the_source(
    journals: Journals, target: CopyableJournal
) -> None:
    old, new = NamedJournal("old", await journals.open()), NamedJournal("new", target)
    await move_operators(old, new, None, ["idle"], MOVED_AT, lambda _: None)
    third = NamedJournal("third", target)
    assert (await move_operators(third, old, None, [], MOVED_AT + 1, lambda _: None)).operators == []
    assert [mark.journal for mark in await old.journal.moved_operators()] == ["new"]


async def test_what_was_written_in_the_target_without_a_copy_stays_and_counts(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    await target.insert(a_transfer("new", due_at=NOW))
    await move(source, target)
    assert (await seen_in(target))["transfers"] == ["due", "ended", "held", "new"]


async def test_a_transfer_that_differs_in_the_target_and_counts_there_is_refused(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    await put(target, a_transfer("held", description="Another"))
    with pytest.raises(CopyError, match="is another transfer in the target journal"):
        await move(source, target)
    assert await source.moved_operators() == await target.moved_operators() == []


async def test_what_is_not_in_the_source_any_more_is_not_moved_from_there(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    await move(source, target)
    with pytest.raises(CopyError, match="acme is not in the journal old any more: it moved to new at"):
        await move(source, target, names=("old", "third"))
    await target.unmark([ACME])
    await source.mark([msgspec.structs.replace((await source.moved_operators())[0], arriving=True)], None)
    with pytest.raises(CopyError, match="acme is not in the journal old yet: its copy from new has not finished"):
        await move(source, target)


async def test_an_empty_journal_does_not_replace_the_rows_of_one_that_was_left(
    source: CopyableJournal, target: CopyableJournal
) -> None:
    await move(source, target)
    for id in ("held", "ended", "due"):
        await target.discard(a_transfer(id).key)
    await target.prune(NOW + 1, 9)
    with pytest.raises(CopyError, match="the journal new holds nothing of acme, and old, which it has left, does"):
        await move(target, source, names=("new", "old"))
    assert (await source.count_rows(ACME)).transfers == 3


async def test_while_a_gateway_is_alive_nothing_is_copied(source: CopyableJournal, target: CopyableJournal) -> None:
    for used in (source, target):
        if used.exclusive:
            continue  # the lock of the file keeps other gateways out: see test_opening.py of the store
        await used.renew_lease(ALIVE)
        with pytest.raises(JournalInUse, match=r"refused while gateways use the journal \w+: host-2-bb \(until 2096-"):
            await move(source, target)
        await used.renew_lease(msgspec.structs.replace(ALIVE, lease_until=NOW))
    assert await target.count_rows() == RowCounts(0, 0)
    await source.renew_lease(ALIVE)
    assert (await move(source, target, forced=True)).operators == [ACME]


async def test_a_gateway_that_was_alive_during_the_copy_keeps_it_from_counting(
    source: CopyableJournal, target: CopyableJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def copy_and_serve(*arguments: Any, **options: Any) -> RowCounts:
        rows = await copy_journal(*arguments, **options)
        await source.renew_lease(msgspec.structs.replace(OVER, lease_until=NOW + 16))
        return rows

    monkeypatch.setattr(moving, "copy_journal", copy_and_serve)
    with pytest.raises(JournalInUse, match="a gateway has used the journal old during the copy, so nothing has moved"):
        await move(source, target)
    assert (await seen_in(source), await seen_in(target)) == (OF_BOTH, NOTHING)
