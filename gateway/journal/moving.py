"""Moving operators from one journal to another: a copy, and two marks that say which of the rows are the true ones.

    1  the target is marked: the operators are arriving     the source's rows are the true ones
    2  every row is copied, read back and compared
    3  the source is marked: they have moved                from here on the target's rows are the true ones
    4  the target's mark is taken away

The third step is the move; it is one transaction in one journal. It may be interrupted anywhere and run again: before
that step nothing has moved, and after it the fourth is all that is missing, which whoever opens both journals does.

No instance may have used the source since the rows were read, or what it wrote would be left behind: so the source
takes its mark only while it knows no other leases than before. An instance renews its lease before it reads the marks,
so one that starts meanwhile is either seen here, or sees the mark.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from gateway.crashpoints import crash_point
from gateway.journal.copy import CopyableJournal, CopyError, Report, copy_journal
from gateway.journal.interface import JournalInUse
from gateway.journal.leases import require_silence
from gateway.records import Instance, MovedOperator, RowCounts
from gateway.telemetry.audit import time_text


class NamedJournal(NamedTuple):
    """A journal, and its name in the configuration."""

    name: str
    journal: CopyableJournal


class Moved(NamedTuple):
    """Which operators have moved now, with how many rows; and which ones had left the source before."""

    operators: list[str]
    rows: RowCounts
    elsewhere: list[str]


async def finish_moves(journals: Mapping[str, CopyableJournal]) -> dict[str, list[MovedOperator]]:
    """Takes away the marks of arrival whose move has been made: an interrupted command left them. Returns the marks
    that stand then, by journal. Raises `JournalUnavailable`."""
    marks = {name: await journal.moved_operators() for name, journal in journals.items()}
    made = {(mark.operator, mark.at) for each in marks.values() for mark in each if not mark.arriving}
    for name, each in marks.items():
        over = [mark for mark in each if mark.arriving and (mark.operator, mark.at) in made]
        if over:
            await journals[name].unmark([mark.operator for mark in over])
            marks[name] = [mark for mark in each if mark not in over]
    return marks


async def move_operators(
    source: NamedJournal,
    target: NamedJournal,
    operator: str | None,
    configured: Collection[str],
    at: float,
    report: Report,
    *,
    forced: bool = False,
) -> Moved:
    """Moves one operator, or all that the source holds, that are `configured` to use it or that came to it from the
    target, at the time `at` (Unix seconds). With `forced` it does so while instances use the journals: what they write
    meanwhile may be left behind.

    Raises `CopyError`, `JournalInUse` and `JournalUnavailable`.
    """
    found = None if forced else await _silent_instances(source)
    if not forced:
        await _silent_instances(target)
    marks = await finish_moves({source.name: source.journal, target.name: target.journal})
    left = {mark.operator: mark for mark in marks[source.name]}
    held = await source.journal.operators()
    # An operator without rows is known only by the mark in the target: that it moved to the source, or that its way
    # back was interrupted.
    came = {mark.operator for mark in marks[target.name] if mark.journal == source.name}
    chosen = {operator} if operator is not None else {*held, *configured, *came}
    elsewhere = sorted(chosen & left.keys())
    for name in elsewhere:
        _require_moved(left[name], source.name, None if operator is None else target.name)
    moving = sorted(chosen - left.keys())
    if not moving:
        return Moved([], RowCounts(0, 0), elsewhere)
    known = set(await target.journal.operators())
    stale = {mark.operator for mark in marks[target.name]} & known & set(moving)
    if lost := sorted(stale.difference(held)):
        raise CopyError(
            f"the journal {source.name} holds nothing of {lost[0]}, and {target.name}, which it has left, does: "
            f"copy it from the journal where it is now"
        )
    # What was written there without a copy, as when an operator's journal was changed alone, is true, and stays.
    arriving = [name for name in moving if name in stale or name not in known]
    await target.journal.mark(
        [MovedOperator(operator=name, journal=source.name, at=at, arriving=True) for name in arriving], None
    )
    crash_point("move.arriving")
    rows = await copy_journal(source.journal, target.journal, report, operator, left_out=elsewhere, stale=stale)
    crash_point("move.copied")
    await _mark_moved(source, target, moving, at, found)
    crash_point("move.moved")
    await target.journal.unmark(moving)
    return Moved(moving, rows, elsewhere)


async def _silent_instances(used: NamedJournal) -> tuple[Instance, ...]:
    """The instances that the journal knows. Raises `JournalInUse` if one of them uses it."""
    leases = await used.journal.leases()
    # Nobody else can have an exclusive journal open, whatever its leases say.
    if not used.journal.exclusive:
        require_silence(used.name, leases, "a copy")
    return leases.instances


def _require_moved(mark: MovedOperator, source: str, target: str | None) -> None:
    """Raises `CopyError` unless the operator has moved from the source before; to `target`, if that is given."""
    name = mark.operator
    if mark.arriving:
        raise CopyError(
            f"{name} is not in the journal {source} yet: its copy from {mark.journal} has not finished; run that again "
            "first"
        )
    if target is not None and mark.journal != target:
        raise CopyError(
            f"{name} is not in the journal {source} any more: it moved to {mark.journal} at {time_text(mark.at)}; copy "
            "it from where it is now"
        )


async def _mark_moved(
    source: NamedJournal, target: NamedJournal, moving: list[str], at: float, found: tuple[Instance, ...] | None
) -> None:
    marks = [MovedOperator(operator=name, journal=target.name, at=at) for name in moving]
    if not await source.journal.mark(marks, found):
        raise JournalInUse(
            f"a gateway has used the journal {source.name} during the copy, so nothing has moved; stop every gateway, "
            "and run this again"
        )
