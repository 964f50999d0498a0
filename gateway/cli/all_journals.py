"""All journals of a configuration, opened for one command and asked as one. A gateway may be running beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from gateway.cli.errors import CommandFailed
from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal, ReasonFilter, TransferFilter
from gateway.journal.writes import Change, Changed
from gateway.records import Key, KeyedReason, ReasonTotal, Timeline, Transfer
from gateway.settings import JournalSettings, Settings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.housekeeping import INSTANCE_LEASE_S

T = TypeVar("T")


class AllJournals:
    """Answers a command's questions from all journals together. Methods raise `JournalError`."""

    def __init__(self, journals: Mapping[str, Journal]) -> None:
        self._journals = journals

    async def list_transfers(self, where: TransferFilter, limit: int) -> list[Transfer]:
        """At most `limit` transfers, newest first."""
        # Each journal may hold all of the newest, so each is asked for `limit` of them.
        found = await self._ask_each(lambda journal: journal.list_transfers(where, limit=limit))
        return sorted(_flatten(found), key=lambda transfer: transfer.opened_at, reverse=True)[:limit]

    async def list_reasons(self, where: ReasonFilter, limit: int) -> list[KeyedReason]:
        """At most `limit` reasons, newest first."""
        found = await self._ask_each(lambda journal: journal.list_reasons(where, limit=limit))
        return sorted(_flatten(found), key=lambda keyed: keyed.reason.at, reverse=True)[:limit]

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        """By operator, source and category, over all journals."""
        counts: dict[tuple[Any, ...], int] = {}
        for total in _flatten(await self._ask_each(lambda journal: journal.count_reasons(where))):
            kind = (total.operator, total.source, total.category)
            counts[kind] = counts.get(kind, 0) + total.count
        return [
            ReasonTotal(operator=o, source=s, category=c, count=count) for (o, s, c), count in sorted(counts.items())
        ]

    async def timelines(self, where: TransferFilter, limit: int) -> list[Timeline]:
        """Each transfer that is found, with its attempts and reasons."""
        keys = [transfer.key for transfer in await self.list_transfers(where, limit)]
        return [timeline for key in keys if (timeline := await self._timeline(key)) is not None]

    async def change(self, change: Change) -> Changed:
        """Writes to the journal that holds the transfer. The result has no transfer if no journal holds it."""
        for journal in self._journals.values():
            if await journal.find(change.key) is not None:
                return await journal.change(change)
        return Changed(None, moved=False)

    async def now(self, wall: float) -> float:
        """The time (Unix seconds): `wall`, and no earlier than a gateway has last renewed its lease. The clock may have
        been set back meanwhile, and what the gateway has just written would then lie in the future."""
        ends = await self._ask_each(lambda journal: journal.last_lease())
        return max([wall, *(end - INSTANCE_LEASE_S for end in ends if end is not None)])

    async def _timeline(self, key: Key) -> Timeline | None:
        found = await self._ask_each(lambda journal: journal.timeline(key))
        return next((timeline for timeline in found if timeline is not None), None)

    async def _ask_each(self, ask: Callable[[Journal], Awaitable[T]]) -> list[T]:
        return list(await asyncio.gather(*map(ask, self._journals.values())))


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
        yield AllJournals(journals)


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
