"""Validation errors in words: what is wrong with a value, and what would be right.

Only errors of types that never hold a secret may show the value, and then as it is written in the file: a value from
the environment or from a secret file is never shown (test_no_secret_from_elsewhere_is_in_any_problem).
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

_WITH_VALUE: Final[dict[str, str]] = {
    "duration": "{msg}",
    "size": "{msg}",
    "share": "{msg}",
    "header": "{msg}",
    "network": "{msg}",
    "name": "{msg}",
    "price": "{msg}",
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
"""Texts that are written after the value, by pydantic's type of error."""

_WITHOUT_VALUE: Final[dict[str, str]] = {
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
"""Texts that are written without the value, by pydantic's type of error."""

_EMPTY: Final = frozenset({"", "null", "~"})


def phrase(error: ErrorDetails, text: str | None, mask: Callable[[str], str]) -> str:
    """What is wrong, and what would be right.

    `text` is the value as written in the file; None for a mapping, a list, or a value that is not written.

    `mask` removes secrets from texts of libraries and adapters.
    """
    words: dict[str, Any] = {"msg": error["msg"], **error.get("ctx", {})}
    if error["input"] is None and (text is None or text.lower() in _EMPTY):
        return "is empty; give it a value, or remove the key"
    if (template := _WITH_VALUE.get(error["type"])) is not None:
        return f"{_quote(text)} {template.format(**words)}"
    if (alone := _WITHOUT_VALUE.get(error["type"])) is not None:
        return alone.format(**words)
    return mask(str(words.get("error", words["msg"])))


def unknown_key(key: str, known: Mapping[str, Any]) -> str:
    """The problem of an unknown key, with the known key that was probably meant."""
    return f"unknown key; {nearest(key, known)}" if known else "unknown key; this section has no keys"


def missing_key(description: str | None) -> str:
    """The problem of a missing key, with what the key is for."""
    return f"is missing: {' '.join(description.split())}" if description else "is missing"


def nearest(word: str, known: Mapping[str, Any]) -> str:
    """A hint: the known word that was probably meant, or else all known words."""
    close = get_close_matches(word, known, n=1)
    return f'did you mean "{close[0]}"?' if close else f"known here: {', '.join(sorted(known)) or 'none'}"


def masking(references: Mapping[str, str]) -> Callable[[str], str]:
    """Returns a function that replaces values from elsewhere in a text by their references (value -> reference).

    Values shorter than `SHORTEST_SECRET` are left as they are: they would be found in every other word.
    """
    long_enough = sorted((value for value in references if len(value) >= SHORTEST_SECRET), key=len, reverse=True)

    def mask(text: str) -> str:
        for value in long_enough:
            text = text.replace(value, references[value])
        return text

    return mask


def _quote(text: str | None) -> str:
    if text is None:
        return "it"
    # A value from elsewhere is shown by its reference, never by itself: it may be a secret.
    clean = printable(text)
    short = clean if len(clean) <= SHOWN_LENGTH else clean[: SHOWN_LENGTH - 1] + "…"
    return f'the value of "{short}"' if refers(text) else f'"{short}"'
