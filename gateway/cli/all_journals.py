"""All journals of a configuration as one, for the time of a command; a gateway may be running beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from gateway.cli.errors import CommandFailed
from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.interface import Journal, ReasonFilter, TransferFilter
from gateway.journal.writes import Change, Changed
from gateway.records import Key, KeyedReason, ReasonTotal, Timeline, Transfer
from gateway.settings import JournalSettings, Settings
from gateway.telemetry.metrics import Metrics

SQLITE_FILE: Final = "sqlite:///"

T = TypeVar("T")


class AllJournals:
    """What the commands ask of all journals together."""

    def __init__(self, journals: Mapping[str, Journal]) -> None:
        self._journals = journals

    async def list_transfers(self, where: TransferFilter, limit: int) -> list[Transfer]:
        """Newest first."""
        found = await self._each(lambda journal: journal.list_transfers(where, limit=limit))
        return sorted(_flat(found), key=lambda transfer: transfer.opened_at, reverse=True)[:limit]

    async def list_reasons(self, where: ReasonFilter, limit: int) -> list[KeyedReason]:
        """Newest first."""
        found = await self._each(lambda journal: journal.list_reasons(where, limit=limit))
        return sorted(_flat(found), key=lambda keyed: keyed.reason.at, reverse=True)[:limit]

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        """By operator, source and category, over all journals."""
        counts: dict[tuple[Any, ...], int] = {}
        for total in _flat(await self._each(lambda journal: journal.count_reasons(where))):
            kind = (total.operator, total.source, total.category)
            counts[kind] = counts.get(kind, 0) + total.count
        return [
            ReasonTotal(operator=o, source=s, category=c, count=count) for (o, s, c), count in sorted(counts.items())
        ]

    async def timelines(self, where: TransferFilter, limit: int) -> list[Timeline]:
        """All that is known of each transfer found."""
        keys = [transfer.key for transfer in await self.list_transfers(where, limit)]
        return [timeline for key in keys if (timeline := await self._timeline(key)) is not None]

    async def change(self, change: Change) -> Changed:
        """Writes to the journal that holds the transfer."""
        for journal in self._journals.values():
            if await journal.find(change.key) is not None:
                return await journal.change(change)
        return Changed(None, moved=False)

    async def _timeline(self, key: Key) -> Timeline | None:
        found = await self._each(lambda journal: journal.timeline(key))
        return next((timeline for timeline in found if timeline is not None), None)

    async def _each(self, ask: Callable[[Journal], Awaitable[T]]) -> list[T]:
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
    """The file of a SQLite journal that does not exist."""
    file = Path(journal.url.removeprefix(SQLITE_FILE))
    return file if journal.url.startswith(SQLITE_FILE) and not file.exists() else None


def require_file(name: str, journal: JournalSettings) -> None:
    """A command that looks does not create what it looks for: it was probably run in another folder."""
    if (file := missing_file(journal)) is not None:
        raise CommandFailed(f"the journal {name} has no file {file} in {Path.cwd()}; has a gateway run there?")


def _flat(lists: Iterable[list[T]]) -> list[T]:
    return [each for one in lists for each in one]
