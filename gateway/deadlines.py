"""Deadlines of many calls with one timer of the event loop: a timer for each call would cost as much as sending it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from math import inf
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_EARLY_S: Final = 0.001
"""Event loops round their timers to milliseconds, so that one may fire this much early."""


class Deadlines(Generic[K]):
    """Calls `expire` with every key whose deadline passes before it is dropped. Use it from one event loop only."""

    def __init__(self, expire: Callable[[K], None]) -> None:
        self._expire = expire
        self._due: dict[K, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = inf

    def set(self, key: K, due: float, loop: asyncio.AbstractEventLoop) -> None:
        """Sets or moves the deadline of a key; `due` is in the loop's time."""
        self._due[key] = due
        if due < self._fires_at:
            self._arm(due, loop)

    def drop(self, key: K) -> None:
        """Removes the deadline of a key, if it has one."""
        # The timer stays: most calls end in time, and moving it would cost each of them a search for the next deadline.
        self._due.pop(key, None)

    def close(self) -> None:
        """Removes all deadlines."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, at: float, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = at
        self._timer = loop.call_at(at, self._fire, loop)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._fires_at = None, inf
        now = loop.time() + _EARLY_S
        for key in [key for key, due in self._due.items() if due <= now]:
            del self._due[key]
            self._expire(key)
        if self._due:
            self._arm(min(self._due.values()), loop)
