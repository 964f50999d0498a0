"""What commands print: tables and lines for people, JSON and CSV for programs.

Texts from outside (a game's reason, an operator's answer) may hold control characters that a terminal would obey, so
they are escaped before they are printed.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

UNFOLDED_WIDTH: Final = 100_000
"""Characters in a line when the output is not a terminal: wide enough that nothing is folded, so that `grep` works."""

Row = Mapping[str, Any]


def print_table(rows: Iterable[Row], columns: Sequence[str], *, title: str | None = None) -> None:
    """Prints the rows under the columns' names; a column that a row lacks stays empty."""
    table = Table(box=None, pad_edge=False, header_style="bold", title=title, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(row.get(column))) for column in columns))
    console = Console(width=None if sys.stdout.isatty() else UNFOLDED_WIDTH, highlight=False)
    console.print(table)


def print_json(value: Any) -> None:
    """Prints the value as indented JSON."""
    try:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    except UnicodeEncodeError:
        # Half of a surrogate pair, which a game or an operator may send: JSON can only escape it (RFC 8259, 8.2).
        text = json.dumps(msgspec.to_builtins(value), indent=2)
    sys.stdout.write(text + "\n")


def print_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Prints the rows under a line with the columns' names."""
    writer = csv.DictWriter(sys.stdout, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def print_line(text: str) -> None:
    """Prints one line for people, escaped."""
    sys.stdout.write(printable(text) + "\n")


def print_shown(count: int, limit: int) -> None:
    """Prints on standard error how many rows were listed, and whether there may be more."""
    more = f"; there may be more, see --limit {limit}" if count == limit else ""
    sys.stderr.write(f"{count} shown{more}\n")


def printable(value: Any) -> str:
    """A value in one line, with every character escaped that does not print."""
    text = "" if value is None else str(value)
    return text if text.isprintable() else "".join(each if each.isprintable() else _escape(each) for each in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode()
