"""An event loop whose time is virtual: it never waits, it jumps to when the next thing is due.

One thread and no I/O, so that what runs on it happens in the same order every time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Executor
from typing import Any, Final, TypeVar

EPOCH: Final = 1_700_000_000.0

T = TypeVar("T")


class Stuck(AssertionError):
    """Everything waits, and nothing is due: in the real world this would hang for ever."""


class _Jump(selectors.BaseSelector):
    """Instead of waiting for I/O, moves the time."""

    def __init__(self) -> None:
        self.time = 0.0
        self._files: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, fileobj if isinstance(fileobj, int) else fileobj.fileno(), events, data)
        self._files[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._files.pop(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._files

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck
        self.time += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`asyncio`'s own loop on virtual time."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.time

    def run_in_executor(  # type: ignore[override]  # no result of its own
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        raise AssertionError(f"{func} would run in a thread, whose time is not virtual")


class VirtualClock:
    """The clock of one process: the loop's time, wrong by `skew_s`, and by `leap_s` while that lasts."""

    def __init__(self, loop: asyncio.AbstractEventLoop, skew_s: float = 0.0) -> None:
        self._loop = loop
        self.skew_s = skew_s
        self.leap_s = 0.0

    def now(self) -> float:
        return EPOCH + self._loop.time() + self.skew_s + self.leap_s

    def monotonic(self) -> float:
        return self._loop.time()


def run(scenario: Callable[[], Awaitable[T]]) -> T:
    """Runs a scenario to its end in virtual time. Errors that nobody awaited are raised."""
    loop = VirtualLoop()
    lost: list[BaseException] = []
    loop.set_exception_handler(lambda _, context: lost.append(context.get("exception") or Stuck(context["message"])))
    try:
        result = loop.run_until_complete(_awaited(scenario))
    finally:
        _cancel_all(loop)
        loop.close()
    if lost:
        raise lost[0]
    return result


async def _awaited(scenario: Callable[[], Awaitable[T]]) -> T:
    return await scenario()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
