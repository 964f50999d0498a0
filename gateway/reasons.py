"""Why a transfer was rolled back: kept whole, told apart by configured categories."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

OTHER: Final = "other"
TEXT_LIMIT: Final = 4096


class Source(StrEnum):
    """Who gave a reason."""

    GAME = "game"
    GATEWAY = "gateway"
    PERSON = "person"


class Category(msgspec.Struct, frozen=True):
    """A name for the reasons whose text contains `match`, whatever its case."""

    name: str
    match: str


class Categories:
    """The configured categories, in order: the first that matches names the reason, else `other`."""

    def __init__(self, categories: Iterable[Category]) -> None:
        self._rules = [(category.match.casefold(), category.name) for category in categories]

    def of(self, text: str) -> str:
        folded = text.casefold()
        return next((name for match, name in self._rules if match in folded), OTHER)


def kept_text(text: object) -> str:
    """What is kept of a reason, whatever the game sent: always a text, never longer than `TEXT_LIMIT`.

    A rollback is never refused because of its reason, so nothing here raises.
    """
    if text is None:
        return ""
    whole = text if isinstance(text, str) else str(text)
    clean = whole.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")
    return clean if len(clean) <= TEXT_LIMIT else clean[: TEXT_LIMIT - 1] + "…"
