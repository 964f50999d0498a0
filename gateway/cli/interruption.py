"""SIGTERM and SIGHUP as Ctrl-C: for commands that have something to put away when they are ended."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, TypeVar

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

T = TypeVar("T")


ENDED_BY_SIGNAL: Final = 128
"""A shell adds the signal's number to it: the exit status of a program that a signal has ended."""


class Interruption:
    """What a signal does while the `with` block of `interruptible` runs."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._number = 0

    def handle(self, number: int, _: FrameType | None) -> None:
        """Cancels what `run` runs, at the first signal; otherwise raises `SystemExit`."""
        if self._loop is None or self._task is None or self._number:
            raise SystemExit(ENDED_BY_SIGNAL + number)
        self._number = number
        # Raised here, it might come between a process that was started and the line that keeps its id.
        self._loop.call_soon_threadsafe(self._task.cancel)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """As `asyncio.run`. Raises `SystemExit` once a signal has cancelled `main`, and `main` has put all away."""
        try:
            return asyncio.run(self._cancellable(main))
        except asyncio.CancelledError:
            raise SystemExit(ENDED_BY_SIGNAL + self._number) from None

    async def _cancellable(self, main: Coroutine[Any, Any, T]) -> T:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        try:
            return await main
        finally:
            self._loop = self._task = None


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """While the block runs, each of `SIGNALS` ends it; one that was ignored before stays ignored."""
    interruption = Interruption()
    heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    former = {number: signal.signal(number, interruption.handle) for number in heeded}
    try:
        yield interruption
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
