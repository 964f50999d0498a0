"""Texts that a database would not keep as they are: NUL and lone surrogates, written in a way that loses nothing.

The noncharacter U+FDD0 begins an escape and is itself escaped, so every text comes back exactly as it was, equal texts
stay equal, and one operator's odd text can never spoil the batch it is written in.
"""

from __future__ import annotations

import re
from typing import Final

_ESCAPE: Final = "\ufdd0"
_ODD: Final = re.compile("[\x00\ufdd0\ud800-\udfff]")
_ESCAPED: Final = re.compile("\ufdd0([0-9a-f]{4})")


def escaped(text: str) -> str:
    """The text without what databases refuse. Nearly every text is its own escaped form."""
    if text.isascii():
        return text if "\x00" not in text else _ODD.sub(_escape, text)
    return _ODD.sub(_escape, text)


def unescaped(text: str) -> str:
    """The inverse of `escaped`."""
    if text.isascii() or _ESCAPE not in text:
        return text
    return _ESCAPED.sub(_unescape, text)


def _escape(odd: re.Match[str]) -> str:
    return f"{_ESCAPE}{ord(odd[0]):04x}"


def _unescape(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))
