"""`mm-gateway transfers`: lists transfers, and shows one with all that happened to it."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

import typer

from gateway.cli.all_journals import AllJournals, Kept, ListPage, with_journals
from gateway.cli.asked import Asked, asked_view
from gateway.cli.configuration import load_all, load_settings
from gateway.cli.cursor import parse_cursor
from gateway.cli.errors import CommandFailed
from gateway.cli.groups import OptionsAnywhere
from gateway.cli.options import (
    LISTED,
    After,
    AsJson,
    AsPage,
    Config,
    Counted,
    DirectionName,
    Limit,
    OperatorName,
    Player,
    Since,
    Until,
)
from gateway.cli.paging import page_view, print_shown, require_json
from gateway.cli.printing import print_json, print_line, print_table
from gateway.cli.times import time_text
from gateway.cli.views import View, events, kept_view, state_text, timeline_view, told_columns, transfer_view
from gateway.journal.interface import TransferFilter
from gateway.records import State, Timeline, Transfer
from gateway.settings import Settings

COLUMNS: Final = ("opened_at", "operator", "direction", "id", "state", "amount", "player", "tries", "due_at", "journal")
FACTS: Final = ("journal", "operator", "direction", "id", "state", "amount", "player", "fate", "tries", "due_at")

app = typer.Typer(cls=OptionsAnywhere, help="Find transfers, and see what happened to one.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def transfers(  # noqa: PLR0913 - a command's arguments are its options
    context: typer.Context,
    *,
    config: Config = None,
    operator: OperatorName = None,
    direction: DirectionName = None,
    state: Annotated[
        list[State] | None, typer.Option("--state", help="Only this state; may be given several times.")
    ] = None,
    player: Player = None,
    transfer_id: Annotated[str | None, typer.Option("--id", metavar="ID", help="Only this mmTransactionId.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = LISTED,
    after: After = None,
    counted: Counted = False,
    as_json: AsJson = False,
    as_page: AsPage = False,
) -> None:
    """List transfers, newest first; `show ID` shows one with all that happened to it."""
    if context.invoked_subcommand is not None:
        return
    where = TransferFilter(
        operator=operator,
        direction=direction,
        id=transfer_id,
        player_id=player,
        states=tuple(state or ()),
        since=since,
        until=until,
    )
    require_json(as_page=as_page, as_json=as_json)
    cursor = parse_cursor(after, "transfers")
    settings = load_settings(config)

    async def look(journals: AllJournals) -> tuple[ListPage[Transfer], int | None]:
        page = await journals.page_of_transfers(where, limit, cursor)
        return page, await journals.count_transfers(where) if counted else None

    page, total = with_journals(settings, look)
    if as_json:
        views = [kept_view(kept, transfer_view) for kept in page.rows]
        print_json(page_view(views, page, total) if as_page else views)
    else:
        rows = [{**kept_view(kept, transfer_view), "state": state_text(kept.record)} for kept in page.rows]
        print_table(rows, told_columns(COLUMNS, settings))
    if not as_page:
        print_shown(context, page, total, to_program=as_json)


@app.command("show")
def show(
    transfer_id: Annotated[str, typer.Argument(metavar="ID", help="The mmTransactionId.")],
    *,
    config: Config = None,
    operator: OperatorName = None,
    direction: DirectionName = None,
    as_json: AsJson = False,
    asks: Annotated[
        bool, typer.Option("--ask", help="Also ask the operator what has become of it there. Changes nothing.")
    ] = False,
) -> None:
    """Show everything that is known of one transfer, whichever journal it is in."""
    where = TransferFilter(id=transfer_id, operator=operator, direction=direction)
    settings = load_all(config).settings if asks else load_settings(config)
    found = with_journals(settings, lambda journals: journals.timelines(where, LISTED))
    if not found:
        raise CommandFailed(f"there is no transfer {transfer_id}")
    shown = [(each, _ask(each.record.transfer, settings) if asks else None) for each in found]
    if as_json:
        print_json([_timeline_and_answer(*each) for each in shown])
    else:
        for kept, asked in shown:
            _print_timeline(kept, told_columns(FACTS, settings))
            if asked is not None:
                _print_asked(kept.record.transfer, asked)
    asked_for = [(each.record.transfer, asked) for each, asked in shown if asked is not None]
    if unanswered := [_problem(transfer, asked) for transfer, asked in asked_for if asked.problem]:
        raise CommandFailed("; ".join(unanswered))


def _ask(transfer: Transfer, settings: Settings) -> Asked:
    from gateway.cli.asking import ask  # noqa: PLC0415 - what calls operators takes a third of a start

    return asyncio.run(ask(transfer, settings.operators))


def _timeline_and_answer(kept: Kept[Timeline], asked: Asked | None) -> View:
    view = kept_view(kept, timeline_view)
    return view if asked is None else {**view, "asked": asked_view(asked)}


def _problem(transfer: Transfer, asked: Asked) -> str:
    return f"operator {transfer.operator} does not say what became of {transfer.id}: {asked.problem}"


def _print_asked(transfer: Transfer, asked: Asked) -> None:
    said = asked.problem or f"it is {asked.state} there"
    print_line(f"asked {transfer.operator} at {time_text(asked.at)}, {asked.took_s * 1000:.1f} ms: {said}")
    for each in asked.evidence:
        print_line(each.request)
        print_line(each.answer)
    print_line("")


def _print_timeline(kept: Kept[Timeline], columns: tuple[str, ...]) -> None:
    timeline = kept.record
    facts = {**transfer_view(timeline.transfer), "state": state_text(timeline.transfer), "journal": kept.journal}
    print_table([facts], columns)
    print_line("")
    _print_memory(timeline.transfer)
    print_table(events(timeline), ("at", "what", "detail"))
    print_line("")


def _print_memory(transfer: Transfer) -> None:
    if not transfer.memory:
        return
    print_line("memory")
    for name, text in transfer.memory.items():
        print_line(f"{name}={text}")
    print_line("")
