"""Validation errors in words: what is wrong with a value, and what would be right.

Only the errors of types that never hold a secret may show the value, and then as it is written in the file, so that
what came from the environment or from a secret file stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final

from pydantic_core import ErrorDetails

from gateway.secrets import SHORTEST_SECRET
from gateway.settings.interpolation import refers
from gateway.settings.problems import printable

SHOWN_LENGTH: Final = 60

_SHOWING: Final[dict[str, str]] = {
    "duration": "{msg}",
    "size": "{msg}",
    "network": "{msg}",
    "name": "{msg}",
    "int_parsing": "is not a whole number",
    "int_type": "is not a whole number",
    "int_from_float": "is not a whole number",
    "float_parsing": "is not a number",
    "float_type": "is not a number",
    "finite_number": "is not a finite number",
    "bool_parsing": "is neither true nor false",
    "bool_type": "is neither true nor false",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
}
"""What follows the value."""

_HIDING: Final[dict[str, str]] = {
    "string_type": "must be a text; put it in quotes",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must match the pattern {pattern}",
    "path_type": "must be the path of a file",
    "too_short": "must not be empty",
    "model_type": "must be a mapping; write its keys indented below it",
    "model_attributes_type": "must be a mapping; write its keys indented below it",
    "dict_type": "must be a mapping; write its keys indented below it",
    "tuple_type": "must be a list; write each entry below it, beginning with a dash",
    "list_type": "must be a list; write each entry below it, beginning with a dash",
}
"""What stands alone."""

_EMPTY: Final = frozenset({"", "null", "~"})


def phrase(error: ErrorDetails, text: str | None, masked: Callable[[str], str]) -> str:
    """What is wrong, given the value as it is written (None: it is a mapping, a list, or not written).

    `masked` takes secrets out of words that are not from here.
    """
    words: dict[str, Any] = {"msg": error["msg"], **error.get("ctx", {})}
    if error["input"] is None and (text is None or text.lower() in _EMPTY):
        return "is empty; give it a value, or remove the key"
    if (template := _SHOWING.get(error["type"])) is not None:
        return f"{_shown(text)} {template.format(**words)}"
    if (alone := _HIDING.get(error["type"])) is not None:
        return alone.format(**words)
    return masked(str(words.get("error", words["msg"])))


def unknown_key(key: str, known: Mapping[str, Any]) -> str:
    """What is wrong with a key that means nothing here, and which was probably meant."""
    return f"unknown key; {nearest(key, known)}" if known else "unknown key; there are none here"


def missing_key(description: str | None) -> str:
    """What is wrong with a section that lacks a key, and what the key is for."""
    return f"is missing: {' '.join(description.split())}" if description else "is missing"


def nearest(word: str, known: Mapping[str, Any]) -> str:
    """A hint at the known words: the one that was probably meant, or all of them."""
    close = get_close_matches(word, known, n=1)
    return f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(sorted(known)) or 'none'}"


def masking(followed: Mapping[str, str]) -> Callable[[str], str]:
    """A function that puts references back for the values that came from elsewhere, should a text hold them.

    What is shorter than any secret is left alone: it would be found everywhere.
    """
    long_enough = sorted((value for value in followed if len(value) >= SHORTEST_SECRET), key=len, reverse=True)

    def masked(text: str) -> str:
        for value in long_enough:
            text = text.replace(value, followed[value])
        return text

    return masked


def _shown(text: str | None) -> str:
    if text is None:
        return "it"
    clean = printable(text)
    short = clean if len(clean) <= SHOWN_LENGTH else clean[: SHOWN_LENGTH - 1] + "…"
    return f'the value of "{short}"' if refers(text) else f'"{short}"'
