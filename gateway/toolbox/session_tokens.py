"""Session tokens that carry the player, for contracts without a call that tells whose session a token is.

How the operator puts such a token together is agreed with it: a template such as ``{player}:{session}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from string import Formatter
from typing import Annotated, Final

from pydantic import AfterValidator

from gateway.operators.errors import Declined, Kind, Unclear
from gateway.records import Session
from gateway.toolbox.currencies import games_code

_NAMES: Final = frozenset({"player", "session", "currency", "language"})


@lru_cache(maxsize=64)
def _pattern_of(template: str) -> re.Pattern[str]:
    """What a token of this template looks like. Raises `ValueError` for a template that cannot be read in one way."""
    pieces, end = _pieces_of(template)
    names = [name for _, name in pieces]
    if "player" not in names or not _NAMES.issuperset(names) or len(set(names)) < len(names):
        raise ValueError("is not a text with {player}, and at most once each {session}, {currency} and {language}")
    separators = [literal for literal, _ in pieces[1:]]
    if not all(separators):
        raise ValueError("has two names with nothing between them")
    # No part may hold the beginning of what separates parts, so that there is only one way to read a token.
    part = "[^" + "".join(re.escape(separator[0]) for separator in separators) + "]+" if separators else "(?s:.+)"
    return re.compile("".join(f"{re.escape(literal)}(?P<{name}>{part})" for literal, name in pieces) + re.escape(end))


def _pieces_of(template: str) -> tuple[list[tuple[str, str]], str]:
    """Each name with the literal text before it, and the text after the last one."""
    pieces, literal = [], ""
    for text, name, form, conversion in Formatter().parse(template):
        literal += text  # a text with a doubled brace comes in several
        if form or conversion:
            raise ValueError(f"has more than a name in the braces of {{{name}}}")
        if name is not None:
            pieces.append((literal, name))
            literal = ""
    return pieces, literal


def _require_template(template: str) -> str:
    _pattern_of(template)
    return template


TokenTemplate = Annotated[str, AfterValidator(_require_template)]
"""A setting: a text with ``{player}``, and if needed ``{session}``, ``{currency}`` and ``{language}``, with something
between each two: ``{player}:{session}``."""


class TokenParts:
    """The parts of session tokens by their names."""

    @staticmethod
    def read(template: str, token: str) -> dict[str, str]:
        """``{"player": "p1", "session": "0fab"}`` for ``p1:0fab`` and ``{player}:{session}``. No part is empty.

        Raises `Declined` (session) for a token of another form, and `ValueError` for what is not a `TokenTemplate`.
        """
        found = _pattern_of(template).fullmatch(token)
        if found is None:
            raise Declined(Kind.SESSION, "the session token does not have the form agreed with the operator")
        return found.groupdict()


def session_player(template: str, session: Session) -> str:
    """The session's player, or the one that its token names where nobody has verified the session yet.

    Raises `Declined` (session) for a token of another form.
    """
    return session.player_id or TokenParts.read(template, session.token)["player"]


def session_currency(template: str, session: Session, codes: Mapping[str, str], otherwise: str) -> str:
    """The game's currency of the session: the one that its token names, in the operator's `codes`, or `otherwise`.

    Raises `Declined` (session) for a token of another form.
    """
    theirs = TokenParts.read(template, session.token).get("currency")
    return games_code(codes, theirs) if theirs else otherwise


def known_player(session: Session) -> str:
    """The session's player, for a contract whose requests must name them.

    Raises `Unclear` where nobody knows the player: the end of a transfer that this gateway never saw, under a session
    that the operator does not verify any more. Nothing is sent then, and the gateway asks again before its next try.
    """
    if not session.player_id:
        raise Unclear("the player is not known, and every request to this operator must name them; nothing was sent")
    return session.player_id
