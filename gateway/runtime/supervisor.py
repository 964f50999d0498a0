"""Background work that never dies silently: what fails is logged, shown, and begun again after a growing pause."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 60.0
"""Work that has run this long since it was last begun counts as recovered."""

RESTART_AFTER_FAILURES: Final = 10
"""After so many failures without recovering a new process is the better try."""

Work = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


class _Worker:
    """One piece of work: how often it has failed without recovering, and since when it runs (the loop's time)."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.failures = 0
        self.begun_at: float | None = None

    def failing(self, now: float) -> bool:
        return self.failures > 0 and (self.begun_at is None or now - self.begun_at < STEADY_S)


class Supervisor:
    """Keeps work running until it is dropped."""

    def __init__(self) -> None:
        self._kept: dict[str, _Worker] = {}

    def keep(self, name: str, work: Work) -> None:
        """Runs `work`, which should never end, and runs it again whenever it does."""
        assert name not in self._kept
        self._kept[name] = _Worker(asyncio.create_task(self._run(name, work), name=name))

    async def drop(self, name: str) -> None:
        """Stops the work and waits until it has stopped."""
        task = self._kept.pop(name).task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def close(self) -> None:
        for name in list(self._kept):
            await self.drop(name)

    def failing(self) -> list[str]:
        """The work that has failed lately."""
        now = asyncio.get_running_loop().time()
        return [name for name, kept in self._kept.items() if kept.failing(now)]

    def failing_repeatedly(self) -> list[str]:
        """The work that fails again and again."""
        return [name for name in self.failing() if self._kept[name].failures >= RESTART_AFTER_FAILURES]

    async def _run(self, name: str, work: Work) -> None:
        time = asyncio.get_running_loop().time
        kept = self._kept[name]
        while True:
            kept.begun_at = time()
            try:
                await work()
                log.error("background work ended by itself", work=name)
            except Exception:
                log.exception("background work failed", work=name)
            if time() - kept.begun_at >= STEADY_S:
                kept.failures = 0
            kept.failures += 1
            kept.begun_at = None
            await asyncio.sleep(min(FIRST_PAUSE_S * 2 ** (kept.failures - 1), LONGEST_PAUSE_S))
