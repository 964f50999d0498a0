"""Where rows lie that were lately written: their numbers, by which they are found again without their key's index.

Only saves work: a number may be stale (its transaction failed, another process pruned the row), so whoever uses one
compares the key as well.
"""

from __future__ import annotations

from typing import Final

from gateway.journal.records import Key

REMEMBERED: Final = 16_384


class Numbers:
    """The latest `capacity` numbers by key."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._numbers: dict[Key, int] = {}

    def get(self, key: Key) -> int | None:
        return self._numbers.get(key)

    def keep(self, key: Key, number: int) -> None:
        numbers = self._numbers
        numbers[key] = number
        if len(numbers) > self._capacity:
            del numbers[next(iter(numbers))]
