"""A map that forgets: what is remembered only to save work must not grow with the number of players."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class BoundedMap(dict[K, V], Generic[K, V]):
    """The latest `capacity` entries: `put` forgets the one that was put in first. Reading is a dictionary's own.

    An entry that is put in again keeps its place in the order: renewing it must cost no more than writing it.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__()
        self.capacity = capacity

    def put(self, key: K, value: V) -> None:
        self[key] = value
        if len(self) > self.capacity:
            del self[next(iter(self))]
