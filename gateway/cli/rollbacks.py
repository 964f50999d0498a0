"""`mm-gateway rollbacks`: why transfers were rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import typer

from gateway.cli.all_journals import AllJournals, ListPage, with_journals
from gateway.cli.configuration import load_settings
from gateway.cli.cursor import parse_cursor
from gateway.cli.errors import CommandMisused
from gateway.cli.options import (
    LISTED,
    After,
    AsJson,
    AsPage,
    Config,
    Counted,
    Limit,
    OperatorName,
    Player,
    Since,
    Until,
)
from gateway.cli.paging import page_view, print_shown, require_json
from gateway.cli.printing import Row, print_csv, print_json, print_table
from gateway.cli.views import kept_view, keyed_reason_view, repeats, told_columns
from gateway.journal.interface import ReasonFilter
from gateway.reasons import Source
from gateway.records import KeyedReason

COLUMNS: Final = ("at", "operator", "direction", "id", "source", "category", "who", "repeats", "text", "journal")
KEPT: Final = ("at", "operator", "direction", "id", "source", "category", "who", "times", "last_at", "text", "journal")
TOTALS: Final = ("operator", "source", "category", "count")


def rollbacks(  # noqa: PLR0913 - a command's arguments are its options
    context: typer.Context,
    *,
    config: Config = None,
    operator: OperatorName = None,
    category: Annotated[str | None, typer.Option("--category", metavar="NAME", help="Only this category.")] = None,
    source: Annotated[
        Source | None, typer.Option("--source", help="Only reasons given by: game, gateway, person.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Only reasons that contain this, in any case.")] = None,
    player: Player = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = LISTED,
    after: After = None,
    counted: Counted = False,
    total: Annotated[bool, typer.Option("--sum", help="Count them by operator, source and category.")] = False,
    as_json: AsJson = False,
    as_page: AsPage = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List the reasons that were given for rolling back, newest first, or count them."""
    if as_json and as_csv:
        raise CommandMisused("give either --json or --csv")
    if total and (after or counted or as_page):
        raise CommandMisused("--sum counts all of them by itself: leave out --after, --count and --page")
    require_json(as_page=as_page, as_json=as_json)
    cursor = parse_cursor(after, "rollbacks")
    where = ReasonFilter(
        operator=operator, source=source, category=category, text=text, player_id=player, since=since, until=until
    )
    settings = load_settings(config)
    if total:
        totals = with_journals(settings, lambda journals: journals.count_reasons(where))
        _print([msgspec.structs.asdict(each) for each in totals], TOTALS, as_json=as_json, as_csv=as_csv)
        return

    async def look(journals: AllJournals) -> tuple[ListPage[KeyedReason], int | None]:
        page = await journals.page_of_reasons(where, limit, cursor)
        return page, await journals.count_listed_reasons(where) if counted else None

    page, count = with_journals(settings, look)
    views = [kept_view(each, keyed_reason_view) for each in page.rows]
    if as_page:
        print_json(page_view(views, page, count))
    elif as_json or as_csv:
        _print(views, told_columns(KEPT, settings), as_json=as_json, as_csv=as_csv)
    else:
        rows = [{**kept_view(each, keyed_reason_view), "repeats": repeats(each.record.reason)} for each in page.rows]
        print_table(rows, told_columns(COLUMNS, settings))
    if not as_page:
        print_shown(context, page, count, to_program=as_json or as_csv)


def _print(rows: Sequence[Row], columns: tuple[str, ...], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, columns)
    else:
        print_table(rows, columns)
