"""Redaction of log lines: secrets are replaced under keys that sound secret, and wherever a registered one occurs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import msgspec
from structlog.typing import EventDict, WrappedLogger

from gateway.secret_spellings import KnownSecrets

REDACTED: Final = "***"

_READ_TWICE: Final = 512
"""Characters of a text of a call that is read through two ways of escaping."""

_SECRET_KEY: Final = re.compile(r"token|passw(or)?d|authorization|secret|signature|(^|[_-])key$", re.IGNORECASE)
_SAFE_KEYS: Final = frozenset({"event", "level", "timestamp", "operator", "id"})
_PLAIN_TYPES: Final = frozenset({str, int, float, bool, type(None)})


class Redaction:
    """Replaces secrets: every value under a key that sounds secret, and registered secrets wherever they occur, however
    they are spelled."""

    def __init__(self) -> None:
        self._known = KnownSecrets()

    def register(self, secrets: Iterable[str]) -> None:
        """Redacts these texts from now on, instead of the former ones. Texts under `SHORTEST_SECRET` are ignored."""
        self._known = KnownSecrets(secrets)

    def redact_keys(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """A structlog processor of events: redacts values under keys that sound secret."""
        return {key: value if key in _SAFE_KEYS else _redact(key, value) for key, value in event.items()}

    def redact(self, text: str) -> str:
        """The text without registered secrets."""
        known = self._known
        return text if len(text) < known.shortest else known.hide(text, (), REDACTED)

    def redact_line(self, line: str) -> str:
        """The same of a line of JSON."""
        known = self._known
        return line if len(line) < known.shortest else known.hide_in_json(line, REDACTED)

    def redact_of_call(self, text: str, token: str) -> str:
        """A text of a call of the game without registered secrets and the call's own token.

        A long one is read through one way of escaping only, to bound what a call costs: the game has these secrets
        anyway.
        """
        known = self._known
        # Three quarters of a token are letters and digits.
        if (len(text) < known.shortest and 4 * len(text) < 3 * len(token)) or known.are_far_from(text, token):
            return text
        return known.hide(text, (token,), REDACTED, escaped=1 + (len(text) <= _READ_TWICE))

    def redact_values(self, _logger: WrappedLogger, _method: str, line: Any) -> str:
        """A structlog processor of finished lines (texts): redacts registered secrets.

        One search in the line costs half of a search in each value.
        """
        # A line for a person begins with its time.
        return self.redact_line(line) if str(line).startswith("{") else self.redact(str(line))


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
