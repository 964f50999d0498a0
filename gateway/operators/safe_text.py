"""Texts fit for the game, the log and the journal: one line, bounded, without anything secret."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from typing import Final

from gateway.secret_spellings import ELLIPSIS, KnownSecrets
from gateway.secrets import secrets_of

__all__ = ["EXCERPT_LIMIT", "TEXT_LIMIT", "excerpt_of", "fit_text", "secrets_of"]

TEXT_LIMIT: Final = 300
EXCERPT_LIMIT: Final = 160
"""Characters: enough for a reason, too little for a page."""

_LOOKED_AT: Final = 8 * TEXT_LIMIT
"""Characters of a text: what comes after them would be cut anyway."""

_READ: Final = 16 * 1024
"""Bytes of an answer: a page's styles come before its words."""

_HIDDEN: Final = "[hidden]"

_UNPRINTABLE: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]+"
)
"""What ends a line, turns the direction of writing or cannot be seen, and halves of surrogate pairs."""

_INVISIBLE: Final = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
)
"""What cannot be seen between two letters, and is left out when the text is copied by hand."""

_SPACE: Final = re.compile(r"\s+")
_MARKUP: Final = re.compile(
    r"<!--.*?(?:-->|\Z)|<(?P<name>script|style)\b.*?(?:</(?P=name)\s*>|\Z)|<[^>]*(?:>|\Z)", re.DOTALL | re.IGNORECASE
)

_NAMED: Final = re.compile(
    r"""
    (?<![\w.-])
    (?P<name>
        [\w.-]* (?: token | passw(?:or)?d | passphrase | pwd | secret | signature ) (?: _?id )?
      | (?P<header> (?:[\w-]+-)? (?:authorization | cookie) )
      | session (?: _?id )?
      | (?: [\w.-]*[_.-] | api | access | private | auth | session )? key
    )
    (?P<quote> \\*["']? ) \s* (?P<sign> [=:] ) \s*
    (?! (?:null|true|false) \b )
    (?P<value>
        (?P<open> \\*["'] ) (?: \\. | [^\\] )*? (?P<close> (?P=open) | (?=…) | \Z )
      | (?: (?:basic|bearer|digest) \s+ )? [^\s&;,"'<>{}()\[\]\\…]+
      | [{\[] [^}\]]* [}\]]?
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
"""A value that its name gives away, in JSON, as ``name=value`` or in a header."""


_NONE_KNOWN: Final = KnownSecrets()


def fit_text(text: str, secrets: Iterable[str] = (), known: KnownSecrets = _NONE_KNOWN) -> str:
    """The text in one line of at most `TEXT_LIMIT` characters, with these secrets and the `known` ones blotted out
    however they are spelled, and whatever stands under the name of a secret."""
    text = _INVISIBLE.sub("", text)
    if len(text) > _LOOKED_AT:
        text = text[:_LOOKED_AT] + ELLIPSIS
    text = known.hide(text, secrets, _HIDDEN)
    return _cut(_UNPRINTABLE.sub(" ", _NAMED.sub(_hidden_value, text)).strip(), TEXT_LIMIT)


def excerpt_of(body: bytes) -> str:
    """The beginning of an answer's body as one line of at most `EXCERPT_LIMIT` characters; of a web page or XML, its
    words. Bytes that are not UTF-8 become ``�``. Empty where nothing was said.

    Secrets are still in it: whoever shows it lets it pass through `fit_text`, which also knows one that was cut here.
    """
    text = body[:_READ].decode("utf-8", "replace")
    if text.lstrip("\ufeff \t\r\n").startswith("<"):
        text = unescape(_MARKUP.sub(" ", text))
    return _cut(_SPACE.sub(" ", _UNPRINTABLE.sub(" ", text)).strip(), EXCERPT_LIMIT)


def _hidden_value(named: re.Match[str]) -> str:
    """Without a quote behind its name, a colon is punctuation: ``unknown session: try again``. Not so in a header."""
    if named["sign"] == ":" and not named["quote"] and not named["header"]:
        return named[0]
    name = named[0][: named.start("value") - named.start()]
    return f"{name}{named['open'] or ''}{_HIDDEN}{named['close'] or ''}"


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 1] + ELLIPSIS
