"""The drawings and the table of `docs/architecture.md`, made from the code that they show.

``python -m tests.support.drawings`` writes them into the page.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway.records import FINAL, State
from gateway.transfers.states import (
    ADOPTED_HOLD_ACTIONS,
    END_ACTIONS,
    FIRST_STATES,
    HOLD_ACTIONS,
    TRANSITIONS,
    EndAction,
    HoldAction,
)

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "architecture.md"
COLUMNS: Final[list[Mapping[State | None, HoldAction | EndAction]]] = [HOLD_ACTIONS, *END_ACTIONS.values()]


def layers() -> str:
    """The packages of the gateway from the top to the bottom, each with what it is for."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    names = [re.findall(r"\w+", layer) for layer in contracts[0]["layers"]]
    boxes = [f'    L{number}["{", ".join(layer)}"]' for number, layer in enumerate(names)]
    arrows = [f"    L{number} --> L{number + 1}" for number in range(len(names) - 1)]
    rows = [f"| `{name}` | {_purpose(name)} |" for layer in names for name in layer]
    return "\n".join(
        [*_mermaid("flowchart TD", *boxes, *arrows), "", "| package | what it is for |", "|---|---|", *rows]
    )


def states() -> str:
    """Every state and what may follow it."""
    born = [f"    [*] --> {state}" for state in FIRST_STATES]
    moves = [f"    {state} --> {after}" for state in State for after in State if after in TRANSITIONS[state]]
    ends = [f"    {state} --> [*]" for state in FINAL]
    return "\n".join(_mermaid("stateDiagram-v2", *born, *moves, *ends))


def table() -> str:
    """What each call does in each state."""
    return "\n".join(["| state | hold | confirm | rollback |", "|---|---|---|---|", *_rows()])


PARTS: Final = {"layers": layers, "states": states, "table": table}


def in_page(page: str, part: str) -> str:
    """What the page holds between the part's marks."""
    return page.partition(_begin(part))[2].partition(_end(part))[0].strip("\n")


def written(page: str) -> str:
    """The page with every part as it should be."""
    for part, draw in PARTS.items():
        before, _, rest = page.partition(_begin(part))
        page = f"{before}{_begin(part)}\n{draw()}\n{_end(part)}{rest.partition(_end(part))[2]}"
    return page


def _begin(part: str) -> str:
    return f"<!-- begin {part} -->"


def _end(part: str) -> str:
    return f"<!-- end {part} -->"


def _rows() -> Iterator[str]:
    for found in (None, *(state for state in State if state is not State.PARKED)):
        cells = " | ".join(column[found].value for column in COLUMNS)
        yield f"| {'no row' if found is None else f'`{found}`'} | {cells} |"
    for state, action in ADOPTED_HOLD_ACTIONS.items():
        yield f"| `{state}`, hold never seen | {action.value} | | |"


def _mermaid(kind: str, *lines: str) -> list[str]:
    return ["```mermaid", kind, *lines, "```"]


def _purpose(name: str) -> str:
    """The first sentence of the package's or module's docstring."""
    package = ROOT / "gateway" / name
    path = package / "__init__.py" if package.is_dir() else package.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
