"""Copying a journal, or one operator of it, from one store to another: every row is copied, read back and compared.

A copy may be interrupted and run again: rows that are there already are compared like the others. No gateway may use
either journal meanwhile. Instances are not copied: what they owned is due once its lease has ended. `moving` is what
makes the copied rows the true ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from gateway.journal.interface import Journal, JournalError
from gateway.journal.writes import Inserted
from gateway.records import Instance, Key, Leases, MovedOperator, RowCounts, Session, StoredSession, Timeline

PAGE: Final = 256

C = TypeVar("C")
T = TypeVar("T")


class CopyError(JournalError):
    """The target holds another record under a key of the source, and keeps it, or a record cannot be copied; or an
    operator cannot be moved, since its transfers are not in the source."""


class CopyableJournal(Journal, Protocol):
    """A journal that can be copied from and to. Every method may raise `JournalUnavailable`.

    These methods see all rows, also those of operators that have moved away. An `operator` of None stands for all.
    """

    async def operators(self) -> list[str]:
        """Every operator with a transfer or a session in the journal."""

    async def count_rows(self, operator: str | None = None) -> RowCounts:
        """How many transfers and sessions the journal holds."""

    async def export_timelines(self, after: Key | None, limit: int, operator: str | None = None) -> list[Timeline]:
        """The first `limit` transfers whose keys follow `after` in the store's own order, each with its attempts and
        reasons; from the beginning if `after` is None."""

    async def export_sessions(
        self, after: StoredSession | None, limit: int, operator: str | None = None
    ) -> list[StoredSession]:
        """The first `limit` sessions that follow `after` in the store's own order; from the beginning if it is None."""

    async def import_timeline(self, timeline: Timeline) -> Inserted:
        """Writes a transfer of another journal with its attempts and reasons, unless its key is taken (`Import`)."""

    async def discard(self, key: Key) -> None:
        """Deletes a transfer with its attempts and reasons, in whatever state it is."""

    async def leases(self) -> Leases:
        """The instances that use the journal, or did until their lease ended."""

    async def mark(self, marks: Sequence[MovedOperator], instances: tuple[Instance, ...] | None) -> bool:
        """Marks these operators, in place of earlier marks of theirs, in one transaction: unless the journal knows
        other instances by now, or the same with other leases. Where `instances` is None that does not matter. Returns
        whether it has marked them. A lease that is renewed later waits for it."""

    async def unmark(self, operators: Sequence[str]) -> None:
        """Takes away the marks of these operators."""


class Progress(msgspec.Struct, frozen=True):
    """How many rows have been copied and compared, of how many."""

    done: RowCounts
    total: RowCounts


Report = Callable[[Progress], None]


async def copy_journal(
    source: CopyableJournal,
    target: CopyableJournal,
    report: Report,
    operator: str | None = None,
    *,
    left_out: Collection[str] = (),
    stale: Collection[str] = (),
) -> RowCounts:
    """Copies all transfers and sessions, or those of one operator, and calls `report` after every page. Returns how
    many rows were copied and compared.

    Rows of operators that are `left_out` are not copied. Of those that are `stale` in the target, what it holds is
    replaced, and what the source does not hold is deleted.

    Raises `CopyError` where the target holds another record under the same key or a session cannot be read, and
    `JournalUnavailable`.
    """
    total = await source.count_rows(operator)
    sessions = transfers = 0
    async for stored in _pages(source.export_sessions, lambda last: last, operator):
        chosen = [one for one in stored if one.session.operator not in left_out]
        await _all(_copy_session(target, one) for one in chosen)
        sessions += len(chosen)
        report(Progress(RowCounts(transfers, sessions), total))
    async for timelines in _pages(source.export_timelines, lambda last: last.transfer.key, operator):
        moving = [one for one in timelines if one.transfer.operator not in left_out]
        await _all(_copy_timeline(target, one, stale) for one in moving)
        transfers += len(moving)
        report(Progress(RowCounts(transfers, sessions), total))
    for name in stale:
        await _discard_rest(source, target, name)
    return RowCounts(transfers, sessions)


async def _all(copies: Iterable[Awaitable[None]]) -> None:
    """Waits for all of them, also where one raises: none goes on beside what the caller does then."""
    for result in await asyncio.gather(*copies, return_exceptions=True):
        if result is not None:
            raise result


async def _pages(
    export: Callable[[C | None, int, str | None], Awaitable[list[T]]],
    position_of: Callable[[T], C],
    operator: str | None,
) -> AsyncIterator[list[T]]:
    # By position, not by offset: rows that are copied meanwhile move nothing, and each page costs the same.
    after: C | None = None
    while page := await export(after, PAGE, operator):
        yield page
        after = position_of(page[-1])


async def _copy_session(target: CopyableJournal, stored: StoredSession) -> None:
    session = stored.session
    _require_token(session, f"some player at {session.operator}")
    await target.save_session(session, stored.seen_at)
    if await target.find_session(session.operator, session.token) != session:
        raise CopyError(f"a session of {session.operator} was not read back as it was written")


async def _copy_timeline(target: CopyableJournal, timeline: Timeline, stale: Collection[str]) -> None:
    key = timeline.transfer.key
    name = f"{key.operator} {key.direction} {key.id}"
    _require_token(timeline.transfer.session, name)
    created = (await target.import_timeline(timeline)).created
    found = await target.timeline(key)
    if found != timeline and not created and key.operator in stale:
        await target.discard(key)
        created = (await target.import_timeline(timeline)).created
        found = await target.timeline(key)
    if found != timeline:
        what = "was not read back as it was written" if created else "is another transfer in the target journal"
        raise CopyError(f"{name} {what}")


async def _discard_rest(source: CopyableJournal, target: CopyableJournal, operator: str) -> None:
    """Deletes the operator's transfers that the source does not hold any more: they had ended, and were pruned."""
    async for timelines in _pages(target.export_timelines, lambda last: last.transfer.key, operator):
        for timeline in timelines:
            if await source.find(timeline.transfer.key) is None:
                await target.discard(timeline.transfer.key)


def _require_token(session: Session, name: str) -> None:
    """Raises `CopyError` for a session that could not be opened: it would be copied without its token."""
    if not session.token:
        raise CopyError(f"the session of {name} cannot be read: configure the source journal's encryption_key")
