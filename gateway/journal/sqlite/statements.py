"""The statements of `statements.sql` by name. Each text is prepared once and kept by the connection's cache."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files
from string import Template
from typing import Final

from gateway.journal.rows import ATTEMPT_COLUMNS, REASON_COLUMNS, TRANSFER_COLUMNS
from gateway.records import CLAIMABLE, FINAL, State

UNFINISHED: Final = tuple(state for state in State if state not in FINAL)

_HEADING: Final = "-- name: "


def marks(values: Iterable[object]) -> str:
    """A place for each value."""
    return ", ".join("?" for _ in values)


def _is_one_of(states: Iterable[State]) -> str:
    return f"state IN ({_quoted(states)})"


def _is_none_of(states: Iterable[State]) -> str:
    return f"state NOT IN ({_quoted(states)})"


def _quoted(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in states)


def _statements() -> dict[str, str]:
    text = files("gateway.journal.sqlite").joinpath("statements.sql").read_text(encoding="utf-8")
    filled = Template(text).substitute(
        transfer=", ".join(TRANSFER_COLUMNS),
        transfer_marks=marks(TRANSFER_COLUMNS),
        attempt=", ".join(ATTEMPT_COLUMNS),
        attempt_marks=marks(ATTEMPT_COLUMNS),
        reason=", ".join(REASON_COLUMNS),
        reason_marks=marks(REASON_COLUMNS),
        by_key="id = ? AND operator = ? AND direction = ?",
        is_claimable=_is_one_of(CLAIMABLE),
        is_final=_is_one_of(FINAL),
        is_unfinished=_is_none_of(FINAL),
    )
    _, *sections = filled.split(_HEADING)
    parted = (section.partition("\n") for section in sections)
    return {name: statement.strip() for name, _, statement in parted}


SQL: Final = _statements()
