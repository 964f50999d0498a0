"""`mm-gateway journal copy`: moves a journal, or one operator of it, to another store, as from SQLite to PostgreSQL."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from gateway.cli.all_journals import require_file
from gateway.cli.configuration import load_settings
from gateway.cli.errors import CommandMisused
from gateway.cli.groups import OptionsAnywhere
from gateway.cli.options import AsJson, Config
from gateway.cli.printing import print_json, print_line, print_note
from gateway.clock import SystemClock
from gateway.journal import open_journal
from gateway.journal.copy import Progress
from gateway.journal.moving import Moved, NamedJournal, move_operators
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
    operator: Annotated[str | None, typer.Option("--operator", metavar="NAME", help="Move this operator only.")] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also while gateways use one of the journals. Risk: what they write after its row was copied is left "
            "behind, so that money may move twice, or a decided end may never be sent.",
        ),
    ] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Copy a journal of the configuration, or one operator of it, into another one, compare every row, and then mark
    the operators as moved in the first. Its rows stay there, but are never acted on, listed or counted again.

    Stop every gateway that uses one of the journals first: it is refused while they serve. Safe to interrupt and
    rerun. Copying back is the same with --from and --to swapped, while the journals have the same names as then.
    """
    settings = load_settings(config)
    for name in (source, target):
        if name not in settings.every_journal:
            raise CommandMisused(f"no journal {name!r}; configured: {', '.join(settings.every_journal)}")
    if source == target:
        raise CommandMisused("--from and --to are the same journal")
    if settings.every_journal[source].encryption_key and not settings.every_journal[target].encryption_key:
        raise CommandMisused(
            f"the journal {source} has an encryption_key and {target} has none: its sessions would stand there in "
            "plain text; give it the same key"
        )
    if force:
        print_note("--force: gateways are not looked for. What one writes after its row was copied is left behind")
    moved = asyncio.run(_move(settings, source, target, operator, forced=force))
    if as_json:
        print_json(
            {
                "from": source,
                "to": target,
                "transfers": moved.rows.transfers,
                "sessions": moved.rows.sessions,
                "moved": moved.operators,
                "moved_before": moved.elsewhere,
            }
        )
    else:
        _print(moved, source, target)
    if still := [name for name in moved.operators if name in settings.sharing(source)]:
        swap = "" if operator else ", or swap the urls of the two journals"
        print_note(
            f"no gateway starts with {', '.join(still)} in {source} any more: write `journal: {target}` at each{swap}"
        )


def _print(moved: Moved, source: str, target: str) -> None:
    print_line(f"copied and compared {moved.rows.transfers} transfers and {moved.rows.sessions} sessions")
    if moved.operators:
        print_line(f"moved from {source} to {target}: {', '.join(moved.operators)}")
    if moved.elsewhere:
        print_line(f"had moved from {source} before: {', '.join(moved.elsewhere)}")


async def _move(settings: Settings, source: str, target: str, operator: str | None, *, forced: bool) -> Moved:
    require_file(source, settings.every_journal[source])
    async with _open(settings, source) as origin, _open(settings, target) as goal:
        if operator is not None and operator not in {*settings.operators, *await origin.journal.operators()}:
            raise CommandMisused(f"no operator {operator!r}; configured: {', '.join(settings.operators)}")
        return await move_operators(
            origin, goal, operator, settings.sharing(source), time.time(), _Reporter(), forced=forced
        )


@asynccontextmanager
async def _open(settings: Settings, name: str) -> AsyncIterator[NamedJournal]:
    journal = await open_journal(name, settings.every_journal[name], Metrics(), SystemClock())
    try:
        yield NamedJournal(name, journal)
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
