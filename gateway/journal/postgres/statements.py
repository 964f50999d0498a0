"""The statements of `reads.sql` by name."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from gateway.journal.rows import ATTEMPT_COLUMNS, REASON_COLUMNS, TRANSFER_COLUMNS

_HEADING: Final = "-- name: "
_LISTS: Final = {"transfer": TRANSFER_COLUMNS, "attempt": ATTEMPT_COLUMNS, "reason": REASON_COLUMNS}


def _statements() -> dict[str, str]:
    text = files("gateway.journal.postgres").joinpath("reads.sql").read_text(encoding="utf-8")
    _, *sections = text.split(_HEADING)
    for name, columns in _LISTS.items():
        sections = [section.replace(f"{{{name}}}", ", ".join(columns)) for section in sections]
    parted = (section.partition("\n") for section in sections)
    return {name: statement.strip() for name, _, statement in parted}


SQL: Final = _statements()
