"""The tables of `docs/boards.md`: which question each panel answers, and what the colours say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from boards.catalogue import BOARDS
from boards.colours import MEANINGS
from boards.panel import Board

PATH: Final = Path("docs/boards.md")


def with_tables(text: str) -> str:
    """The page's text with each table between its marks written again. Raises `KeyError` for a mark that is "
    "not known."""
    tables = {board.name: "\n".join(_panels(board)) for board in BOARDS} | {"colours": "\n".join(_colours())}
    return re.sub(
        r"(<!-- begin (\w+) -->\n).*?(<!-- end \2 -->)",
        lambda match: f"{match[1]}{tables[match[2]]}\n{match[3]}",
        text,
        flags=re.DOTALL,
    )


def _panels(board: Board) -> Iterator[str]:
    yield "| question | panel |"
    yield "|---|---|"
    for panel in board.panels:
        yield f"| {panel.question} | {panel.title} |"


def _colours() -> Iterator[str]:
    yield "| colour | says |"
    yield "|---|---|"
    for name, meaning in MEANINGS.values():
        yield f"| {name} | {meaning} |"
