"""Copying a journal from one store to another: every row is copied, read back and compared.

A copy may be interrupted and run again: rows that are there already are compared like the others. No gateway may use
either journal meanwhile. Instances are not copied: what they owned is due once its lease has ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol, TypeVar

import msgspec

from gateway.journal.interface import Journal, JournalError
from gateway.journal.writes import Inserted
from gateway.records import Key, RowCounts, Session, StoredSession, Timeline

PAGE: Final = 256

C = TypeVar("C")
T = TypeVar("T")


class CopyError(JournalError):
    """The target holds another record under a key of the source, and keeps it, or a record cannot be copied."""


class CopyableJournal(Journal, Protocol):
    """A journal that can be copied from and to. Every method may raise `JournalUnavailable`."""

    async def count_rows(self) -> RowCounts:
        """How many transfers and sessions the journal holds."""

    async def export_timelines(self, after: Key | None, limit: int) -> list[Timeline]:
        """The first `limit` transfers whose keys follow `after` in the store's own order, each with its attempts and
        reasons; from the beginning if `after` is None."""

    async def export_sessions(self, after: StoredSession | None, limit: int) -> list[StoredSession]:
        """The first `limit` sessions that follow `after` in the store's own order; from the beginning if it is None."""

    async def import_timeline(self, timeline: Timeline) -> Inserted:
        """Writes a transfer of another journal with its attempts and reasons, unless its key is taken (`Import`)."""


class Progress(msgspec.Struct, frozen=True):
    """How many rows have been copied and compared, of how many."""

    done: RowCounts
    total: RowCounts


async def copy_journal(
    source: CopyableJournal, target: CopyableJournal, report: Callable[[Progress], None]
) -> RowCounts:
    """Copies all transfers and sessions, and calls `report` after every page. Returns how many rows were copied and
    compared.

    Raises `CopyError` where the target holds another record under the same key or a session cannot be read, and
    `JournalUnavailable`.
    """
    total = await source.count_rows()
    sessions = transfers = 0
    async for stored in _pages(source.export_sessions, lambda last: last):
        await asyncio.gather(*(_copy_session(target, one) for one in stored))
        sessions += len(stored)
        report(Progress(RowCounts(transfers, sessions), total))
    async for timelines in _pages(source.export_timelines, lambda last: last.transfer.key):
        await asyncio.gather(*(_copy_timeline(target, one) for one in timelines))
        transfers += len(timelines)
        report(Progress(RowCounts(transfers, sessions), total))
    return RowCounts(transfers, sessions)


async def _pages(
    export: Callable[[C | None, int], Awaitable[list[T]]], position_of: Callable[[T], C]
) -> AsyncIterator[list[T]]:
    # By position, not by offset: rows that are copied meanwhile move nothing, and each page costs the same.
    after: C | None = None
    while page := await export(after, PAGE):
        yield page
        after = position_of(page[-1])


async def _copy_session(target: CopyableJournal, stored: StoredSession) -> None:
    session = stored.session
    _require_token(session, f"some player at {session.operator}")
    await target.save_session(session, stored.seen_at)
    if await target.find_session(session.operator, session.token) != session:
        raise CopyError(f"a session of {session.operator} was not read back as it was written")


async def _copy_timeline(target: CopyableJournal, timeline: Timeline) -> None:
    key = timeline.transfer.key
    name = f"{key.operator} {key.direction} {key.id}"
    _require_token(timeline.transfer.session, name)
    created = (await target.import_timeline(timeline)).created
    if await target.timeline(key) != timeline:
        what = "was not read back as it was written" if created else "is another transfer in the target journal"
        raise CopyError(f"{name} {what}")


def _require_token(session: Session, name: str) -> None:
    """Raises `CopyError` for a session that could not be opened: it would be copied without its token."""
    if not session.token:
        raise CopyError(f"the session of {name} cannot be read: configure the source journal's encryption_key")
