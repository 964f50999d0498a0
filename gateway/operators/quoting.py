"""Repeating an operator's own words where the game, the log and the journal can see them."""

from __future__ import annotations

from typing import Final

LIMIT: Final = 200
"""Characters of an operator's text that are repeated."""

HIDDEN: Final = "[hidden]"


def quote(text: object, *secrets: str) -> str:
    """The operator's text on one line, at most `LIMIT` characters, with any of these secrets in it hidden.

    Operators do echo what they were sent; so each secret that went out in a request is named here.
    """
    said = str(text)[: 8 * LIMIT]
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        said = said.replace(secret, HIDDEN)
    line = " ".join("".join(character if character.isprintable() else " " for character in said).split())
    return line if len(line) <= LIMIT else line[: LIMIT - 1] + "…"
