"""Reasons to roll back: their text, of which `TEXT_LIMIT` characters are kept, and their configured category."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

OTHER: Final = "other"
TEXT_LIMIT: Final = 4096
"""Characters that are kept of a reason."""

FIRST_KEPT: Final = 8
LAST_KEPT: Final = 8
"""Of the different reasons that one source gives for a transfer, the first and the last ones are kept. Those between
are counted in one row with the text `LEFT_OUT`, so that a repeated call does not fill the journal
(docs/decisions/096-reasons-are-limited.md)."""

LEFT_OUT: Final = "(more reasons, which are counted and not kept)"


class Source(StrEnum):
    """Who gave a reason."""

    GAME = "game"
    GATEWAY = "gateway"
    PERSON = "person"


class Category(msgspec.Struct, frozen=True):
    """A name for all reasons whose text contains `match`; upper and lower case are the same."""

    name: str
    match: str


class Categories:
    """The configured categories, in order."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self._rules = [(category.match.casefold(), category.name) for category in categories]

    @property
    def names(self) -> tuple[str, ...]:
        """Every category that a reason can get."""
        return (*dict.fromkeys(name for _, name in self._rules), OTHER)

    def of(self, text: str) -> str:
        """The name of the first category that matches; `other` if none does."""
        folded = text.casefold()
        return next((name for match, name in self._rules if match in folded), OTHER)


def limit_text(text: object) -> str:
    """The text of a reason that is kept: any value as text, at most `TEXT_LIMIT` characters, empty for None.

    It never raises: a rollback is never refused because of its reason (docs/architecture.md, promise 7).
    """
    if text is None:
        return ""
    full = text if isinstance(text, str) else str(text)
    # PostgreSQL's text type cannot store U+0000, and half a surrogate pair cannot be encoded at all.
    clean = full.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    return clean if len(clean) <= TEXT_LIMIT else clean[: TEXT_LIMIT - 1] + "…"
