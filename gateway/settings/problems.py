"""Problems of a configuration: where, what is wrong, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

KeyPath = tuple[str | int, ...]
"""The path to a value: keys of mappings, and indices of lists."""


class Mark(NamedTuple):
    """A position in a file; line and column count from 1."""

    line: int
    column: int


class Finding(NamedTuple):
    """One sentence about the value at a key path. It begins with what is wrong and ends with what would be right."""

    key_path: KeyPath
    text: str


class Problem(NamedTuple):
    """One problem. `field` is the dotted path of the value, empty if the problem is the file as a whole."""

    file: str
    mark: Mark
    field: str
    text: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.mark.line}:{self.mark.column}"
        return f"{where}: {self.field}: {self.text}" if self.field else f"{where}: {self.text}"


class SettingsError(Exception):
    """The configuration cannot be used. `problems` are all of them, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.mark))
        super().__init__("\n".join(map(str, self.problems)))


def printable(text: str) -> str:
    """The text with `�` instead of characters that would break the line or cannot be encoded."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def dotted(key_path: KeyPath) -> str:
    """The path as people write it: ``operators.acme.allow_ips[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key_path).removeprefix(".")
