"""`mm-gateway journal copy`: copies a journal to another store, such as from SQLite to PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from gateway.cli.all_journals import require_file
from gateway.cli.configuration import load_settings
from gateway.cli.errors import CommandMisused
from gateway.cli.groups import OptionsAnywhere
from gateway.cli.options import Config
from gateway.cli.printing import print_line, print_note
from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.copy import CopyableJournal, Progress, copy_journal
from gateway.records import RowCounts
from gateway.settings import DEFAULT_JOURNAL, Settings
from gateway.telemetry.metrics import Metrics

app = typer.Typer(cls=OptionsAnywhere, help="Work on journals as a whole.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def journal() -> None:
    """Work on journals as a whole."""


@app.command("copy")
def copy(
    *,
    source: Annotated[str, typer.Option("--from", metavar="NAME", help="The journal to copy.")] = DEFAULT_JOURNAL,
    target: Annotated[str, typer.Option("--to", metavar="NAME", help="The journal to copy into.")],
    config: Config = None,
) -> None:
    """Copy a journal of the configuration into another one, compare every row, and leave the first as it is.

    Stop every gateway that uses one of them first. Safe to interrupt and rerun.
    """
    settings = load_settings(config)
    for name in (source, target):
        if name not in settings.every_journal:
            raise CommandMisused(f"no journal {name!r}; configured: {', '.join(settings.every_journal)}")
    if source == target:
        raise CommandMisused("--from and --to are the same journal")
    copied = asyncio.run(_copy(settings, source, target))
    print_line(f"copied and compared {copied.transfers} transfers and {copied.sessions} sessions")


async def _copy(settings: Settings, source: str, target: str) -> RowCounts:
    require_file(source, settings.every_journal[source])
    async with _open(settings, source) as origin, _open(settings, target) as goal:
        return await copy_journal(origin, goal, _Reporter())


@asynccontextmanager
async def _open(settings: Settings, name: str) -> AsyncIterator[CopyableJournal]:
    journal = await open_journal(name, settings.every_journal[name], Metrics(), SystemClock())
    try:
        yield journal
    finally:
        await journal.close()


class _Reporter:
    """Prints the progress, once for each twentieth of the rows."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, progress: Progress) -> None:
        done, total = sum(_rows(progress.done)), sum(_rows(progress.total))
        part = 20 * done // max(total, 1)
        if part > self._told:
            self._told = part
            print_note(f"{5 * part} %: {done} of {total} rows")


def _rows(extent: RowCounts) -> tuple[int, int]:
    return extent.transfers, extent.sessions
