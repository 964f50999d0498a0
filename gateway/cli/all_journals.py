"""All journals of a configuration, opened for one command and asked as one. A gateway may be running beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import chain
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from gateway.cli.cursor import Cursor
from gateway.cli.errors import CommandFailed
from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal, Position, ReasonFilter, TransferFilter, position_of
from gateway.journal.moving import finish_moves
from gateway.journal.writes import Change, Changed
from gateway.records import KeyedReason, ReasonTotal, Timeline, Transfer
from gateway.settings import JournalSettings, Settings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.housekeeping import INSTANCE_LEASE_S

T = TypeVar("T")


class Kept(NamedTuple, Generic[T]):
    """A record, and the name of the journal that keeps it."""

    journal: str
    record: T


class ListPage(NamedTuple, Generic[T]):
    """Some rows of a list; `next` is where it goes on, None at its end."""

    rows: list[Kept[T]]
    next: Cursor | None


class AllJournals:
    """Answers a command's questions from all journals together. Methods raise `JournalError`.

    Operators that have moved to another journal are found there alone.
    """

    def __init__(self, journals: Mapping[str, Journal], homes: Mapping[str, str] | None = None) -> None:
        """`homes`: the journal that the configuration gives to each operator."""
        self._journals = journals
        self._homes = homes or {}

    async def list_transfers(self, where: TransferFilter, limit: int) -> list[Kept[Transfer]]:
        """At most `limit` transfers, newest first."""
        return (await self.page_of_transfers(where, limit)).rows

    async def page_of_transfers(
        self, where: TransferFilter, limit: int, after: Cursor | None = None
    ) -> ListPage[Transfer]:
        """At most `limit` transfers, newest first, of those behind `after`."""
        return await self._page(
            lambda journal, position: journal.list_transfers(where, limit=limit + 1, after=position),
            lambda kept: Cursor("transfers", kept.journal, position_of(kept.record)),
            limit,
            after,
        )

    async def count_transfers(self, where: TransferFilter) -> int:
        """How many transfers there are to list."""
        return sum(await asyncio.gather(*(journal.count_transfers(where) for journal in self._journals.values())))

    async def find_transfers(self, where: TransferFilter, limit: int) -> list[Kept[Transfer]]:
        """At most `limit` transfers to act on, newest first: of one that several journals hold, the row in its
        operator's own journal."""
        # A copy that was made without marks, as earlier versions made it, left rows behind that look like true ones.
        found = await self.list_transfers(where, limit * len(self._journals))
        keys_at_home = {kept.record.key for kept in found if self._is_at_home(kept)}
        return [kept for kept in found if self._is_at_home(kept) or kept.record.key not in keys_at_home][:limit]

    def _is_at_home(self, kept: Kept[Transfer]) -> bool:
        return kept.journal == self._homes.get(kept.record.operator)

    async def page_of_reasons(
        self, where: ReasonFilter, limit: int, after: Cursor | None = None
    ) -> ListPage[KeyedReason]:
        """At most `limit` reasons, newest first, of those behind `after`."""
        return await self._page(
            lambda journal, position: journal.list_reasons(where, limit=limit + 1, after=position),
            lambda kept: Cursor("rollbacks", kept.journal, _reason_position(kept.record)),
            limit,
            after,
        )

    async def count_listed_reasons(self, where: ReasonFilter) -> int:
        """How many reasons there are to list."""
        return sum(await asyncio.gather(*(journal.count_listed_reasons(where) for journal in self._journals.values())))

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        """By operator, source and category, over all journals."""
        counts: dict[tuple[Any, ...], int] = {}
        found = await asyncio.gather(*(journal.count_reasons(where) for journal in self._journals.values()))
        for total in chain.from_iterable(found):
            kind = (total.operator, total.source, total.category)
            counts[kind] = counts.get(kind, 0) + total.count
        return [
            ReasonTotal(operator=o, source=s, category=c, count=count) for (o, s, c), count in sorted(counts.items())
        ]

    async def timelines(self, where: TransferFilter, limit: int) -> list[Kept[Timeline]]:
        """Each transfer that is found, with its attempts and reasons."""
        found = await self.list_transfers(where, limit)
        return [
            Kept(name, timeline)
            for name, transfer in found
            if (timeline := await self._journals[name].timeline(transfer.key)) is not None
        ]

    async def change(self, journal: str, change: Change) -> Changed:
        """Writes to the journal of this name, where the transfer was found."""
        return await self._journals[journal].change(change)

    async def now(self, wall: float) -> float:
        """The time (Unix seconds): `wall`, and no earlier than a gateway has last renewed its lease. The clock may have
        been set back meanwhile, and what the gateway has just written would then lie in the future."""
        ends = await asyncio.gather(*(journal.last_lease() for journal in self._journals.values()))
        return max([wall, *(end - INSTANCE_LEASE_S for end in ends if end is not None)])

    async def _page(
        self,
        ask: Callable[[Journal, Position | None], Awaitable[list[T]]],
        cursor_of: Callable[[Kept[T]], Cursor],
        limit: int,
        after: Cursor | None,
    ) -> ListPage[T]:
        """`ask` gives one more than `limit` from a journal: each of them may hold all of the newest, and one more says
        that there is a next page."""

        async def ask_one(name: str, journal: Journal) -> list[Kept[T]]:
            position = None if after is None else after.position_in(name)
            return [Kept(name, each) for each in await ask(journal, position)]

        found = await asyncio.gather(*(ask_one(name, journal) for name, journal in self._journals.items()))
        rows = sorted(chain.from_iterable(found), key=lambda kept: cursor_of(kept).order, reverse=True)
        shown = rows[:limit]
        return ListPage(shown, cursor_of(shown[-1]) if len(rows) > limit else None)


@asynccontextmanager
async def open_all(settings: Settings) -> AsyncIterator[AllJournals]:
    """Opens every journal, each beside the gateway that may be running. Raises `JournalError` or `CommandFailed`."""
    metrics, clock = Metrics(), SystemClock()
    async with AsyncExitStack() as stack:
        journals = {}
        for name, journal in settings.every_journal.items():
            require_file(name, journal)
            journals[name] = await open_journal(name, journal, metrics, clock, beside=True)
            stack.push_async_callback(journals[name].close)
        await finish_moves(journals)
        yield AllJournals(journals, {name: operator.journal for name, operator in settings.operators.items()})


def with_journals(settings: Settings, ask: Callable[[AllJournals], Coroutine[Any, Any, T]]) -> T:
    """Opens the journals, asks, closes them, and returns the answer."""

    async def run() -> T:
        async with open_all(settings) as journals:
            return await ask(journals)

    return asyncio.run(run())


def missing_file(journal: JournalSettings) -> Path | None:
    """The file of a SQLite journal, if it does not exist; None if it does, or the journal is in PostgreSQL."""
    path = journal.sqlite_path
    return None if path is None or Path(path).exists() else Path(path)


def require_file(name: str, journal: JournalSettings) -> None:
    """Raises `CommandFailed` if the journal's file does not exist."""
    # Opening would create it: an empty journal, probably in the wrong folder, that shows no transfer.
    if (file := missing_file(journal)) is None:
        return
    if file.is_absolute():
        remedy = "; start the gateway once, or run the command on its machine"
    else:
        remedy = f" in {Path.cwd()}; run the command where the gateway runs"
    raise CommandFailed(f"the journal {name} has no file {file}{remedy}")


def _reason_position(keyed: KeyedReason) -> Position:
    return Position(at=keyed.reason.at, key=keyed.key, number=keyed.number)
