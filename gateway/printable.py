"""Texts that a terminal shows and does not obey: whatever ends a line, moves the cursor, turns the direction of writing
or cannot be seen is written as an escape."""

from __future__ import annotations

import re
from json import dumps
from typing import Final

_UNSEEN: Final = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
"""Printable for Unicode, but nobody sees them."""

_SUSPECTS: Final = re.compile(r"[^ -~]")
_IS_UNSEEN: Final = re.compile(f"[{_UNSEEN}]")


def is_printable(text: str) -> bool:
    """Whether a terminal shows every character of it, and obeys none."""
    return text.isprintable() and (text.isascii() or _IS_UNSEEN.search(text) is None)


def escaped(text: str, keep: str = "") -> str:
    r"""The text with ``\x1b``, ``\u202e`` and the like in place of what does not print, but for what is to be kept."""
    return text if is_printable(text) else _SUSPECTS.sub(lambda found: _shown(found[0], keep), text)


def escaped_json(text: str) -> str:
    r"""A text of JSON with ``\u001b``, ``\u202e`` and the like in place of what does not print: it says the same.
    Line breaks are those between its members, and stay."""
    return _SUSPECTS.sub(_as_json, text)


def _shown(letter: str, keep: str) -> str:
    return letter if letter in keep or is_printable(letter) else letter.encode("unicode_escape").decode()


def _as_json(found: re.Match[str]) -> str:
    letter = found[0]
    if letter == "\n" or is_printable(letter):
        return letter
    return "\\u007f" if letter == "\x7f" else dumps(letter)[1:-1]
