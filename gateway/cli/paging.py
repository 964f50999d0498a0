"""What is said of the rest of a list: the command that goes on, and how many rows there are."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final, TypeVar

import typer

from gateway.cli.all_journals import ListPage
from gateway.cli.errors import CommandMisused
from gateway.cli.printing import print_note
from gateway.cli.times import time_text
from gateway.cli.views import View

T = TypeVar("T")

_TIMES: Final = frozenset({"since", "until"})
"""Options whose values are Unix seconds."""


def page_view(rows: list[View], page: ListPage[T], total: int | None) -> View:
    """What `--page` prints: the rows, the cursor of the next page, and how many there are, if they were counted."""
    return {"rows": rows, "next": None if page.next is None else str(page.next), "total": total}


def require_json(*, as_page: bool, as_json: bool) -> None:
    """Raises `CommandMisused` for `--page` without `--json`."""
    if as_page and not as_json:
        raise CommandMisused("--page says how JSON is printed: give --json too")


def print_shown(context: typer.Context, page: ListPage[T], total: int | None, *, to_program: bool) -> None:
    """Prints on standard error how many rows were listed, and the command that lists the next ones. To a program only
    where there are more, and no page has told it."""
    if to_program and page.next is None and total is None:
        return
    of_all = "" if total is None else f" of {total}"
    print_note(f"{len(page.rows)} shown{of_all}")
    if page.next is not None:
        print_note(f"next: {shlex.join([*_command(context), '--after', str(page.next)])}")


def _command(context: typer.Context) -> Iterator[str]:
    """The words of the command as it was given, without `--after`; times as they were then, so that `2h` stays the same
    two hours."""
    yield from context.command_path.split()
    for option in context.command.params:
        name, value = option.name or "", context.params.get(option.name or "")
        if name == "after" or getattr(context.get_parameter_source(name), "name", "") != "COMMANDLINE":
            continue
        if value is True:
            yield option.opts[0]
            continue
        for each in value if isinstance(value, list | tuple) else (value,):
            yield from (option.opts[0], time_text(each) if name in _TIMES else str(each))
