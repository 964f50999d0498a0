"""Texts fit for the game, the log and the journal: one line, bounded, without anything secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr

TEXT_LIMIT: Final = 300
SHORTEST_SECRET: Final = 6
"""Anything shorter is found in innocent words, and blotting it out would tell more than it hides."""

_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_HIDDEN: Final = "[hidden]"


def fit_text(text: str, secrets: Iterable[str] = ()) -> str:
    """The text with secrets blotted out, control characters replaced, and no longer than `TEXT_LIMIT`."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, _HIDDEN)
    clean = _UNPRINTABLE.sub(" ", text).strip()
    return clean if len(clean) <= TEXT_LIMIT else clean[: TEXT_LIMIT - 1] + "…"


def secrets_of(value: Any) -> Iterator[str]:
    """Every `SecretStr` in an adapter's settings, however deep."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from secrets_of(dict(value))
    elif isinstance(value, Mapping):
        yield from (secret for item in value.values() for secret in secrets_of(item))
    elif isinstance(value, list | tuple | set | frozenset):
        yield from (secret for item in value for secret in secrets_of(item))
