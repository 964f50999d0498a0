"""What commands print: tables and lines for people, JSON and CSV for programs.

Texts from outside (a game's reason, an operator's answer) may hold control characters that a terminal would obey, so
they are escaped before they are printed.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.printable import escaped, escaped_json

UNFOLDED_WIDTH: Final = 100_000
"""Characters in a line when the output is not a terminal: wide enough that nothing is folded, so that `grep` works."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?")

_FORMULA: Final = re.compile(r"((?:^|[,;|\t\r\n\"'])[ \t\r\n\u00a0\u3000]*)([=+\-@\uff1d\uff0b\uff0d\uff20])")
"""What a spreadsheet takes for the beginning of a formula: at the beginning of a text, or behind what may split it."""

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
    sys.stdout.write(escaped_json(text) + "\n")


def print_csv(rows: Iterable[Row], columns: Sequence[str]) -> None:
    """Prints the rows under a line with the columns' names (RFC 4180). Texts are made safe for a spreadsheet."""
    # With this end of a line, both of its characters are quoted wherever they stand in a text.
    writer = csv.writer(_UnixLines(), lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)


class _UnixLines:
    """Writes what the `csv` module writes, which is a row at a time, with a line feed at its end."""

    def write(self, row: str) -> None:
        sys.stdout.write(row.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> Any:
    """A value for CSV: numbers as they are, and texts so that no spreadsheet takes one, or a part of one that it splits
    at another separator, for a formula (docs/decisions/066-csv-for-spreadsheets.md)."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value):
        return value
    kept = "\n\t" if sys.stdout.isatty() else "\n\t\r"  # on a terminal it would write over the beginning of the line
    return _FORMULA.sub(r"\1'\2", escaped(value, keep=kept))


def print_line(text: str) -> None:
    """Prints one line for people, escaped."""
    sys.stdout.write(printable(text) + "\n")


def print_note(text: str) -> None:
    """Prints one line for people on standard error, escaped."""
    sys.stderr.write(printable(text) + "\n")


def printable(value: Any) -> str:
    """A value in one line, with every character escaped that does not print."""
    return "" if value is None else escaped(str(value))
