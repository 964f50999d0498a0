"""Escaping of characters that databases reject, NUL and lone surrogates, without any loss.

U+FDD0, a noncharacter, begins an escape, and is itself escaped: every text comes back exactly as it was, and different
texts stay different. One operator's or player's odd text so never fails the batch that it is written in.
"""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = "\ufdd0"
_REJECTED: Final = re.compile("[\x00\ufdd0\ud800-\udfff]")
_ESCAPE_SEQUENCE: Final = re.compile("\ufdd0([0-9a-f]{4})")


def escape(text: str) -> str:
    """The text without characters that databases reject. Nearly every text is its own escaped form."""
    # The quick way first: nearly every text is ASCII, and each is escaped at every write.
    if text.isascii():
        return text if "\x00" not in text else _REJECTED.sub(_escape_character, text)
    return _REJECTED.sub(_escape_character, text)


def unescape(text: str) -> str:
    """The inverse of `escape`."""
    if text.isascii() or _MARK not in text:
        return text
    return _ESCAPE_SEQUENCE.sub(_unescape_character, text)


def _escape_character(rejected: re.Match[str]) -> str:
    return f"{_MARK}{ord(rejected[0]):04x}"


def _unescape_character(sequence: re.Match[str]) -> str:
    return chr(int(sequence[1], 16))
