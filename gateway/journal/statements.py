"""The SQL statements of a store, from a file in which each stands under a line `-- name: …`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final

from gateway.journal.rows import ATTEMPT_COLUMNS, REASON_COLUMNS, TRANSFER_COLUMNS

_HEADING: Final = "-- name: "
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_COLUMNS: Final = {
    "transfer": ", ".join(TRANSFER_COLUMNS),
    "attempt": ", ".join(ATTEMPT_COLUMNS),
    "reason": ", ".join(REASON_COLUMNS),
}


def load_statements(package: str, file: str, texts: Mapping[str, str]) -> dict[str, str]:
    """The statements of `file` in `package` by name.

    `{transfer}`, `{attempt}` and `{reason}` become the columns of those records, and each other name in braces that is
    in `texts` becomes its text. What is in neither stays for `str.format` at each call: `{where}`, `{page}`.
    """
    filled = {**_COLUMNS, **texts}
    sql = files(package).joinpath(file).read_text(encoding="utf-8")
    sql = _PLACEHOLDER.sub(lambda found: filled.get(found[1], found[0]), sql)
    _, *sections = sql.split(_HEADING)
    parts = (section.partition("\n") for section in sections)
    return {name: statement.strip() for name, _, statement in parts}


def parameters(values: Iterable[object]) -> str:
    """One `?` for each value, separated by commas."""
    return ", ".join("?" for _ in values)
