"""The demo's report: what went wrong, how it ended, and whether ledgers and journal agree."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.printing import printable
from gateway.cli.views import View, events, state_text
from gateway.demo import Check, Demo, Sizes
from gateway.demo.audit import NOT_SENT, Books, FaultRow
from gateway.reasons import Source
from gateway.records import KeyedReason, Timeline
from gateway.sandbox.faults import Fault

SHOWN_FAILURES: Final = 5

FAULT_TEXTS: Final = {
    "": "did nothing wrong",
    NOT_SENT: "was not reached",
    Fault.DELAY: "answered late",
    Fault.DUPLICATE: "carried it out twice",
    Fault.DECLINE: "declined",
    Fault.OTHER_ERROR: "booked, answered an error",
    Fault.ERROR_BEFORE: "answered 503",
    Fault.ERROR_AFTER: "booked, answered 503",
    Fault.CLIENT_ERROR: "answered 404",
    Fault.BUSY: "asked us to come back later",
    Fault.REDIRECT: "sent us elsewhere",
    Fault.WRONG_STATUS: "booked, answered status 500",
    Fault.HANG_BEFORE: "never answered",
    Fault.HANG_AFTER: "booked, never answered",
    Fault.CUT_BEFORE: "cut the connection",
    Fault.CUT_AFTER: "booked, cut the connection",
    Fault.HALF: "booked, gave half an answer",
    Fault.GARBAGE: "booked, answered a web page",
    Fault.WRONG_TYPE: "booked, answered wrong types",
    Fault.WRONG_ID: "booked, named another",
    Fault.OTHER_CASE: "booked, wrote the currency small",
    Fault.OTHER_CURRENCY: "booked, told another currency",
    Fault.MANY_DIGITS: "booked, told too many digits",
    Fault.ENDLESS_DIGITS: "booked, told endless digits",
    Fault.NO_BALANCE: "booked, told no balance",
    Fault.WORDS: "booked, told a text as balance",
    Fault.HUGE: "booked, answered 8 MiB",
    Fault.LATE: "booked after its rollback",
}
"""What the operator did, by fault."""

NOTE: Final = """by itself: rolled back by the gateway before the game asked, or without its asking
ends: confirms and rollbacks that met the same fault; delivered: acknowledged in the end"""


def print_report(console: Console, demo: Demo, *, kept: bool) -> None:
    """Prints everything but the summary. `kept` is whether the run's files are still there."""
    _heading(console, "What went wrong, and how it ended")
    console.print(_faults_table(demo.audit.rows))
    console.print(Text(NOTE, style="dim"))
    _heading(console, "Why transfers were rolled back")
    console.print(_reasons_table(demo.reasons))
    if demo.remarkable is not None:
        _heading(console, f"One of them: {demo.remarkable.transfer.id} of {demo.remarkable.transfer.operator}")
        console.print(_timeline_table(demo.remarkable))
    _heading(console, "Does everything agree?")
    console.print(_books_table(demo.audit.books))
    for check in demo.audit.checks:
        _print_check(console, check)
    _heading(console, "What to look at next")
    _print_next(console, demo, kept=kept)
    console.print()


def demo_view(demo: Demo, *, kept: bool) -> View:
    """The result as JSON shows it. Sums of money are texts, exact."""
    return {
        "agrees": demo.audit.agrees,
        "operators": demo.operators,
        "faults": [msgspec.structs.asdict(row) for row in demo.audit.rows],
        "books": [msgspec.to_builtins(each) for each in demo.audit.books],
        "checks": [msgspec.structs.asdict(check) for check in demo.audit.checks],
        "folder": str(demo.folder) if kept else None,
    }


def summary(sizes: Sizes, demo: Demo) -> str:
    """The last line of the output."""
    played = f"{sizes.purchases} purchases, {len(demo.operators)} operators, {sizes.kills} kill -9"
    failed = sum(bool(check.failures) for check in demo.audit.checks)
    verdict = f"{failed} of {len(demo.audit.checks)} checks FAILED" if failed else "ledger and journal agree"
    return f"make demo: {played}: {verdict}"


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _faults_table(rows: list[FaultRow]) -> Table:
    table = _table("the operator …", numbers=("confirmed", "rolled back", "by itself", "ends", "delivered"))
    for row in rows:
        table.add_row(FAULT_TEXTS[row.fault], *map(_count, _figures(row)))
    table.add_section()
    table.add_row("all together", *(_count(sum(column)) for column in zip(*map(_figures, rows), strict=True)))
    return table


def _figures(row: FaultRow) -> tuple[int, ...]:
    rolled_back = row.rolled_back_by_game + row.rolled_back_by_gateway
    return row.confirmed, rolled_back, row.rolled_back_by_gateway, row.ended, row.delivered


def _reasons_table(reasons: list[KeyedReason]) -> Table:
    counts: Counter[tuple[Source, str]] = Counter()
    for each in reasons:
        counts[each.reason.source, each.reason.category] += each.reason.times
    examples = {(each.reason.source, each.reason.category): each.reason.text for each in reasons}
    table = _table("who", "category", numbers=("count",))
    table.add_column("for example")
    for (source, category), count in sorted(counts.items()):
        table.add_row(source, category, str(count), Text(printable(examples[source, category])))
    return table


def _timeline_table(timeline: Timeline) -> Table:
    table = _table("at", "what")
    table.add_column("detail")
    for event in events(timeline):
        table.add_row(event["at"][11:-1], Text(printable(event["what"])), Text(printable(event["detail"])))
    transfer = timeline.transfer
    table.add_row("", state_text(transfer), f"{transfer.amount or ''} of {transfer.session.player_id}")
    return table


def _books_table(books: list[Books]) -> Table:
    table = _table("operator", numbers=("confirmed", "rolled back", "moved by the ledger", "by the journal"))
    for each in books:
        changes = (f"{each.by_ledger:+,f}", f"{each.by_journal:+,f}")
        table.add_row(each.operator, str(each.confirmed), str(each.rolled_back), *changes)
    return table


def _table(*texts: str, numbers: tuple[str, ...] = ()) -> Table:
    """A table without rules between its cells. Columns that are added later fold if the terminal is narrow."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in texts:
        table.add_column(column, no_wrap=True)
    for column in numbers:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _count(number: int) -> str:
    return str(number) if number else "·"


def _print_check(console: Console, check: Check) -> None:
    style, mark = ("red", "✗") if check.failures else ("green", "✓")
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(mark, style=style), Text(check.text))
    for failure in check.failures[:SHOWN_FAILURES]:
        grid.add_row("", Text(printable(failure), style=style))
    if (more := len(check.failures) - SHOWN_FAILURES) > 0:
        grid.add_row("", Text(f"and {more} more", style=style))
    console.print(grid)


def _print_next(console: Console, demo: Demo, *, kept: bool) -> None:
    if not kept:
        console.print("make demo KEEP=demo-files   keeps journal, ledgers and log, and says how to look at them")
        return
    id = demo.remarkable.transfer.id if demo.remarkable else "ID"
    config = f"--config {_relative_path(demo.folder / 'gateway.yaml')}"
    program = _relative_path(Path(sys.argv[0]))
    for command, what in (
        (f"transfers show {id}", "the whole story of a transfer"),
        ("transfers --state rolled_back", "all that were rolled back"),
        ("rollbacks --sum", "why, by operator, source and category"),
        ("rollbacks --source gateway --limit 10", "what the gateway did by itself"),
    ):
        console.print(Text(f"# {what}", style="dim"))
        console.print(Text(f"{program} {command} {config}"), soft_wrap=True)
    names = [f"{name}.ledger" for name in demo.operators] + ["gateway.log"]
    console.print(
        Text(f"The operators' ledgers, event by event, and the gateway's log: {', '.join(names)}", style="dim")
    )


def _relative_path(path: Path) -> str:
    """The path as a person would type it in this folder."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
