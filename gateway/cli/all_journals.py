"""All journals of a configuration, opened for one command and asked as one. A gateway may be running beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from gateway.cli.errors import CommandFailed
from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal, ReasonFilter, TransferFilter
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
        # Each journal may hold all of the newest, so each is asked for `limit` of them.
        found = await self._ask_each(lambda journal: journal.list_transfers(where, limit=limit))
        return sorted(_flatten(found), key=lambda kept: kept.record.opened_at, reverse=True)[:limit]

    async def find_transfers(self, where: TransferFilter, limit: int) -> list[Kept[Transfer]]:
        """At most `limit` transfers to act on, newest first: of one that several journals hold, the row in its
        operator's own journal."""
        # A copy that was made without marks, as earlier versions made it, left rows behind that look like true ones.
        found = await self.list_transfers(where, limit * len(self._journals))
        keys_at_home = {kept.record.key for kept in found if self._is_at_home(kept)}
        return [kept for kept in found if self._is_at_home(kept) or kept.record.key not in keys_at_home][:limit]

    def _is_at_home(self, kept: Kept[Transfer]) -> bool:
        return kept.journal == self._homes.get(kept.record.operator)

    async def list_reasons(self, where: ReasonFilter, limit: int) -> list[Kept[KeyedReason]]:
        """At most `limit` reasons, newest first."""
        found = await self._ask_each(lambda journal: journal.list_reasons(where, limit=limit))
        return sorted(_flatten(found), key=lambda kept: kept.record.reason.at, reverse=True)[:limit]

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        """By operator, source and category, over all journals."""
        counts: dict[tuple[Any, ...], int] = {}
        for _, total in _flatten(await self._ask_each(lambda journal: journal.count_reasons(where))):
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

    async def _ask_each(self, ask: Callable[[Journal], Awaitable[list[T]]]) -> list[list[Kept[T]]]:
        answers = await asyncio.gather(*map(ask, self._journals.values()))
        return [[Kept(name, each) for each in answer] for name, answer in zip(self._journals, answers, strict=True)]


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
    if (file := missing_file(journal)) is not None:
        raise CommandFailed(
            f"the journal {name} has no file {file} in {Path.cwd()}; run the command where the gateway runs"
        )


def _flatten(lists: Iterable[list[T]]) -> list[T]:
    return [item for items in lists for item in items]
