"""Time limits for many calls at once, with one timer of the loop's for all: a timer each costs as much as sending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from math import inf
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_EARLY_S: Final = 0.001
"""Loops round their timers to milliseconds."""


class Deadlines(Generic[K]):
    """Calls `expire` for every key whose time comes before it is dropped. Not for several loops."""

    def __init__(self, expire: Callable[[K], None]) -> None:
        self._expire = expire
        self._due: dict[K, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = inf

    def set(self, key: K, due: float, loop: asyncio.AbstractEventLoop) -> None:
        """`due` is in the loop's time."""
        self._due[key] = due
        if due < self._fires_at:
            self._arm(due, loop)

    def drop(self, key: K) -> None:
        """The timer is left as it is: when it fires it finds the next one due."""
        self._due.pop(key, None)

    def close(self) -> None:
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
