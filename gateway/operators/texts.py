"""Texts fit for the game, the log and the journal: one line, bounded, without anything secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Final

from gateway.settings.sections import secrets_of

__all__ = ["EXCERPT_LIMIT", "TEXT_LIMIT", "excerpt_of", "fit_text", "secrets_of"]

TEXT_LIMIT: Final = 300
EXCERPT_LIMIT: Final = 160
"""Characters: enough for a reason, too little for a page."""

SHORTEST_SECRET: Final = 6
"""Anything shorter is found in innocent words, and blotting it out would tell more than it hides."""

_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
"""What ends a line, turns the direction of writing or cannot be seen, and halves of surrogate pairs."""

_HIDDEN: Final = "[hidden]"

_READ: Final = 16 * 1024
"""Bytes of an answer that are looked at: a page's styles come before its words."""

_SPACE: Final = re.compile(r"\s+")
_MARKUP: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<name>script|style)\b.*?(?:</(?P=name)\s*>|\Z)|<[^>]*(?:>|\Z)", re.DOTALL | re.IGNORECASE
)


def fit_text(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with secrets blotted out, control characters replaced, and no longer than `TEXT_LIMIT`."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, _HIDDEN)
    return _cut(_UNPRINTABLE.sub(" ", text).strip(), TEXT_LIMIT)


def excerpt_of(body: bytes) -> str:
    """The beginning of an answer's body as one line of at most `EXCERPT_LIMIT` characters; of a web page or XML, its
    words. Bytes that are not UTF-8 become ``�``. Empty where nothing was said."""
    text = body[:_READ].decode("utf-8", "replace")
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        text = unescape(_MARKUP.sub(" ", text))
    return _cut(_SPACE.sub(" ", _UNPRINTABLE.sub(" ", text)).strip(), EXCERPT_LIMIT)


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + "…"
