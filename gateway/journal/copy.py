"""Moving a journal from one store to another: every row copied, read back and compared.

May be broken off and started again: what is there already is compared like everything else. Neither journal may be in
use by a gateway meanwhile. Instances are left behind: what they owned is due once its lease is over.
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
    """The target holds something else under a key of the source; nothing of it was overwritten."""


class CopyableJournal(Journal, Protocol):
    """A journal that can be copied, from and to."""

    async def count_rows(self) -> RowCounts: ...
    async def export_timelines(self, after: Key | None, limit: int) -> list[Timeline]:
        """The first transfers whose keys follow `after` in the store's own order, with all that belongs to them."""

    async def export_sessions(self, after: StoredSession | None, limit: int) -> list[StoredSession]:
        """The first sessions that follow `after` in the store's own order."""

    async def import_timeline(self, timeline: Timeline) -> Inserted:
        """Writes a transfer of another journal, unless its key is taken."""


class Progress(msgspec.Struct, frozen=True):
    """How many rows have been copied and compared, out of how many."""

    done: RowCounts
    total: RowCounts


async def copy_journal(
    source: CopyableJournal, target: CopyableJournal, report: Callable[[Progress], None]
) -> RowCounts:
    """Copies everything; calls `report` after every page. Returns how many rows were copied and compared.

    Raises `CopyError` where the target holds something else, and whatever the journals raise.
    """
    total = await source.count_rows()
    sessions = transfers = 0
    async for seen in _pages(source.export_sessions, lambda last: last):
        await asyncio.gather(*(_copy_session(target, one) for one in seen))
        sessions += len(seen)
        report(Progress(RowCounts(transfers, sessions), total))
    async for timelines in _pages(source.export_timelines, lambda last: last.transfer.key):
        await asyncio.gather(*(_copy_timeline(target, one) for one in timelines))
        transfers += len(timelines)
        report(Progress(RowCounts(transfers, sessions), total))
    return RowCounts(transfers, sessions)


async def _pages(
    export: Callable[[C | None, int], Awaitable[list[T]]], place_of: Callable[[T], C]
) -> AsyncIterator[list[T]]:
    after: C | None = None
    while page := await export(after, PAGE):
        yield page
        after = place_of(page[-1])


async def _copy_session(target: CopyableJournal, seen: StoredSession) -> None:
    session = seen.session
    _require_token(session, f"some player at {session.operator}")
    await target.save_session(session, seen.seen_at)
    if await target.find_session(session.operator, session.token) != session:
        raise CopyError(f"a session of {session.operator} was not read back as it was written")


async def _copy_timeline(target: CopyableJournal, timeline: Timeline) -> None:
    key = timeline.transfer.key
    name = f"{key.operator} {key.direction} {key.id}"
    _require_token(timeline.transfer.session, name)
    opened = await target.import_timeline(timeline)
    if await target.timeline(key) != timeline:
        what = "was not read back as it was written" if opened.created else "is another transfer in the target journal"
        raise CopyError(f"{name} {what}")


def _require_token(session: Session, name: str) -> None:
    """A session that could not be opened has no token, and must not be written down like that."""
    if not session.token:
        raise CopyError(f"the session of {name} cannot be read: configure the source's encryption_key")
