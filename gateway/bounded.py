"""A map of limited size, for what is remembered only to save work: it must not grow with the number of players."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedMap(dict[K, V], Generic[K, V]):
    """A dictionary of at most `capacity` entries; `put` beyond that removes the entry that was put in first.

    An entry that is put in again keeps its place in the order. So this is first in, first out, not least recently used:
    moving an entry at every read or write would cost more than the entry saves. Only `put` keeps the limit.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity

    def put(self, key: K, value: V) -> None:
        """Adds or replaces an entry, and removes the oldest if there are more than `capacity`."""
        self[key] = value
        if len(self) > self.capacity:
            del self[next(iter(self))]


class WeighedMap(BoundedMap[K, V]):
    """A `BoundedMap` whose `capacity` is a sum of weights: `weigh` says what an entry's value counts, at least 1.

    An entry never weighs more than the capacity.
    """

    def __init__(self, capacity: int, weigh: Callable[[V], int]) -> None:
        super().__init__(capacity)
        self.weight = 0
        self._weigh = weigh

    def put(self, key: K, value: V) -> None:
        """Adds or replaces an entry, and removes the oldest until what is left weighs at most `capacity`."""
        replaced = self.get(key)
        if replaced is not None:
            self.weight -= self._weigh(replaced)
        self[key] = value
        self.weight += self._weigh(value)
        while self.weight > self.capacity:
            self.weight -= self._weigh(self.pop(next(iter(self))))
