"""Which transfers this process has opened, as far as it remembers.

Only saves work, as `flights` does: it guesses which of two writes is worth trying first, and the journal decides.
"""

from __future__ import annotations

from typing import Final

from gateway.journal.records import Key

REMEMBERED: Final = 100_000


class Seen:
    """The latest `capacity` keys."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._keys: dict[Key, None] = {}

    def add(self, key: Key) -> None:
        self._keys[key] = None
        if len(self._keys) > self._capacity:
            del self._keys[next(iter(self._keys))]

    def __contains__(self, key: Key) -> bool:
        return key in self._keys
