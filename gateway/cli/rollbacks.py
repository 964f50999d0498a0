"""`mm-gateway rollbacks`: why transfers were rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
import typer

from gateway.cli.all_journals import with_journals
from gateway.cli.configuration import load_settings
from gateway.cli.errors import CommandMisused
from gateway.cli.options import LISTED, AsJson, Config, Limit, OperatorName, Since, Until
from gateway.cli.printing import Row, print_csv, print_json, print_shown, print_table
from gateway.cli.views import kept_view, keyed_reason_view, repeats, told_columns
from gateway.journal.interface import ReasonFilter
from gateway.reasons import Source

COLUMNS: Final = ("at", "operator", "direction", "id", "source", "category", "who", "repeats", "text", "journal")
KEPT: Final = ("at", "operator", "direction", "id", "source", "category", "who", "times", "last_at", "text", "journal")
TOTALS: Final = ("operator", "source", "category", "count")


def rollbacks(  # noqa: PLR0913 - a command's arguments are its options
    *,
    config: Config = None,
    operator: OperatorName = None,
    category: Annotated[str | None, typer.Option("--category", metavar="NAME", help="Only this category.")] = None,
    source: Annotated[
        Source | None, typer.Option("--source", help="Only reasons given by: game, gateway, person.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Only reasons that contain this, in any case.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = LISTED,
    total: Annotated[bool, typer.Option("--sum", help="Count them by operator, source and category.")] = False,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """List the reasons that were given for rolling back, newest first, or count them."""
    if as_json and as_csv:
        raise CommandMisused("give either --json or --csv")
    where = ReasonFilter(operator=operator, source=source, category=category, text=text, since=since, until=until)
    settings = load_settings(config)
    if total:
        totals = with_journals(settings, lambda journals: journals.count_reasons(where))
        _print([msgspec.structs.asdict(each) for each in totals], TOTALS, as_json=as_json, as_csv=as_csv)
        return
    found = with_journals(settings, lambda journals: journals.list_reasons(where, limit))
    if as_json or as_csv:
        rows = [kept_view(each, keyed_reason_view) for each in found]
        _print(rows, told_columns(KEPT, settings), as_json=as_json, as_csv=as_csv)
    else:
        rows = [{**kept_view(each, keyed_reason_view), "repeats": repeats(each.record.reason)} for each in found]
        print_table(rows, told_columns(COLUMNS, settings))
    print_shown(len(found), limit)


def _print(rows: Sequence[Row], columns: tuple[str, ...], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        print_json(rows)
    elif as_csv:
        print_csv(rows, columns)
    else:
        print_table(rows, columns)
