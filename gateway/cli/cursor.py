"""The cursor at which a list of several journals goes on.

A cursor is the place of the last row that was shown, in the order in which the rows of all journals are listed. It
counts nothing and is kept nowhere: what is written meanwhile belongs to the list's beginning, before it.
"""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from gateway.cli.errors import CommandMisused
from gateway.journal.interface import PAST_NONE, Position
from gateway.journal.rows import of_key
from gateway.journal.text_escaping import unescape
from gateway.records import Direction, Key


class Cursor(msgspec.Struct, frozen=True):
    """The place of a row in the list of all journals. `of` is the command that lists such rows."""

    of: str
    journal: str
    position: Position

    @property
    def order(self) -> tuple[Any, ...]:
        """What the rows are sorted by, the largest first."""
        return self.position.at, of_key(self.position.key), self.journal, self.position.number

    def position_in(self, journal: str) -> Position:
        """Where the list of this journal goes on. Of the rows with the same time and key, which two journals have of a
        transfer that was copied, those of the journal with the larger name came first."""
        if journal == self.journal:
            return self.position
        return msgspec.structs.replace(self.position, number=PAST_NONE if journal < self.journal else 0)

    def __str__(self) -> str:
        place = self.position
        content = (self.of, self.journal, place.at, *of_key(place.key), place.number)
        return base64.urlsafe_b64encode(msgspec.json.encode(content)).decode().rstrip("=")


def parse_cursor(text: str | None, of: str) -> Cursor | None:
    """The cursor that a list of the command `of` has printed. Raises `CommandMisused` for any other text."""
    if text is None:
        return None
    try:
        content = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        kind, journal, at, id_, operator, direction, number = msgspec.json.decode(
            content, type=tuple[str, str, float, str, str, Direction, int]
        )
    except (ValueError, msgspec.DecodeError):
        raise CommandMisused(f"--after: {text!r} is not a cursor; give the one that a list ended with") from None
    if kind != of:
        raise CommandMisused(f"--after: this cursor is of `mm-gateway {kind}`; give one of `mm-gateway {of}`")
    return Cursor(of, journal, Position(at=at, key=Key(operator, direction, unescape(id_)), number=number))
