"""Redaction of log lines: secrets are replaced under keys that sound secret, and wherever a registered one occurs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from structlog.typing import EventDict, WrappedLogger

from gateway.secrets import SHORTEST_SECRET

REDACTED: Final = "***"

_SECRET_KEY: Final = re.compile(r"token|passw(or)?d|authorization|secret|signature|(^|[_-])key$", re.IGNORECASE)
_SAFE_KEYS: Final = frozenset({"event", "level", "timestamp", "operator", "id"})
_PLAIN_TYPES: Final = frozenset({str, int, float, bool, type(None)})


class Redaction:
    """Replaces secrets: every value under a key that sounds secret, and registered secrets wherever they occur."""

    def __init__(self) -> None:
        self._secret: re.Pattern[str] | None = None

    def register(self, secrets: Iterable[str]) -> None:
        """Redacts these texts from now on, instead of the former ones. Texts under `SHORTEST_SECRET` are ignored."""
        spellings = {text for secret in secrets if len(secret) >= SHORTEST_SECRET for text in _spellings(secret)}
        # The longest first: a secret that begins with another one must be replaced as a whole.
        longest_first = sorted(spellings, key=len, reverse=True)
        self._secret = re.compile("|".join(map(re.escape, longest_first))) if spellings else None

    def redact_keys(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """A structlog processor of events: redacts values under keys that sound secret."""
        return {key: value if key in _SAFE_KEYS else _redact(key, value) for key, value in event.items()}

    def redact(self, text: str) -> str:
        """The text without registered secrets."""
        return self._secret.sub(REDACTED, text) if self._secret else text

    def redact_values(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        """A structlog processor of finished lines (texts): redacts registered secrets.

        One search in the line costs half of a search in each value.
        """
        return self.redact(str(line))


def _spellings(secret: str) -> set[str]:
    """How a text may be written in a finished line: as it is, escaped, as a Python literal, as JSON."""
    plain = {secret, escape(secret)}
    return plain | {repr(each)[1:-1] for each in plain} | {msgspec.json.encode(secret).decode()[1:-1]}


@lru_cache(maxsize=1024)
def _is_secret_key(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


def _redact(key: str, value: Any) -> Any:
    if _is_secret_key(key):
        return REDACTED
    return value if type(value) in _PLAIN_TYPES else _redact_within(value)


def _redact_within(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _redact_within(msgspec.structs.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _redact(str(key), each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact("", each) for each in value]
    return str(value)


def escape(text: str) -> str:
    """The text if it can be printed, else with escapes: no text from outside may begin a new line or control the
    terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()
