"""What a listener holds of requests that have not arrived whole: one budget for all of them together.

Each connection may hold a head and a body, which is little; as many connections as a listener may have would together
hold more than the process may.
"""

from __future__ import annotations

from typing import Protocol


class Holder(Protocol):
    """A connection that holds bytes of something unfinished."""

    def drop_unfinished(self, problem: str) -> None:
        """Ends the connection, with all that it holds."""


class Unfinished:
    """The bytes that each connection of one listener holds. Where they exceed the budget together, the connection is
    dropped that has been unfinished for longest: whoever sends a request in one go is never that one."""

    def __init__(self, budget: int, set_by: str) -> None:
        self._budget = budget
        self._set_by = set_by
        self._held: dict[Holder, int] = {}  # in the order in which they began
        self.total = 0

    def limit(self, budget: int, set_by: str) -> None:
        """Another budget, from the next bytes on; `set_by` is the key that sets it."""
        self._budget, self._set_by = budget, set_by

    def note(self, holder: Holder, size: int) -> None:
        """So many bytes the connection holds now."""
        if size:
            self.total += size - self._held.get(holder, 0)
            self._held[holder] = size
        else:
            self.total -= self._held.pop(holder, 0)
        while self.total > self._budget:
            oldest = next(iter(self._held))
            self.total -= self._held.pop(oldest)
            oldest.drop_unfinished(
                f"all unfinished requests together are larger than {self._budget} bytes{self._set_by}"
            )
