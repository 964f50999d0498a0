"""The project's own files, as the tidy checks read them."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PRODUCT: Final = ("gateway", "adapters")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def files() -> tuple[Path, ...]:
    """Every file that belongs to the project: what git keeps, or would keep, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return tuple(path for name in listed.split("\0") if name and (ROOT / (path := Path(name))).is_file())


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is a text, with the text."""
    for path in files():
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def modules(*folders: str) -> Iterator[tuple[Path, str]]:
    """The Python modules under these top folders (all of them if none is given), with their source."""
    for path, text in texts():
        if path.suffix == ".py" and (not folders or path.parts[0] in folders):
            yield path, text


def functions(*folders: str) -> Iterator[tuple[str, Function]]:
    """Every function and method under these top folders, with the place where it stands."""
    for path, source in modules(*folders):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, Function):
                yield f"{path}:{node.lineno} {node.name}", node


def lines_of(node: Function) -> int:
    """How many lines a function takes, decorators left out."""
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def pages() -> Iterator[tuple[Path, str]]:
    """Every Markdown page, with its text."""
    return ((path, text) for path, text in texts() if path.suffix == ".md")
