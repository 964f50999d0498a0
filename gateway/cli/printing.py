"""What commands print: tables for people, JSON and CSV for machines.

Texts from outside never reach a terminal raw.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE: Final = 100_000
"""What is not read on a terminal is not cut or folded."""

Row = Mapping[str, Any]


def print_table(rows: Iterable[Row], columns: Sequence[str], *, title: str | None = None) -> None:
    """The rows under the columns' names; a column that a row lacks stays empty."""
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(row.get(column))) for column in columns))
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
    console.print(table)


def print_json(value: Any) -> None:
    """The value as indented JSON."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """The rows under a line with the columns' names."""
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def print_line(text: str) -> None:
    """One line for people."""
    sys.stdout.write(shown(text) + "\n")


def print_shown(count: int, limit: int) -> None:
    """How many were listed, and whether there may be more."""
    more = f"; there may be more, see --limit {limit}" if count == limit else ""
    sys.stderr.write(f"{count} shown{more}\n")


def shown(value: Any) -> str:
    """A value in one line, with nothing in it that a terminal would obey."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
