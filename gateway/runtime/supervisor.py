"""Background work that is never lost silently: a failure is logged, shown in health, and followed by a new start.

The pause before a new start doubles with each failure (docs/decisions/053-process.md).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 60.0
"""Work that has run this long since its last start counts as recovered."""

RESTART_AFTER_FAILURES: Final = 10
"""After so many failures without recovery, liveness fails, so that the process is restarted."""

Work = Callable[[], Awaitable[None]]

log = structlog.get_logger(__name__)


class _Worker:
    """One piece of work: its failures since it last recovered, and since when it runs (loop time; None in a pause)."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.failures = 0
        self.started_at: float | None = None

    def failing(self, now: float) -> bool:
        return self.failures > 0 and (self.started_at is None or now - self.started_at < STEADY_S)


class Supervisor:
    """Runs each piece of work, by its name, until it is dropped."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}

    def keep(self, name: str, work: Work) -> None:
        """Runs `work`, which should never end, and runs it again whenever it does."""
        assert name not in self._workers
        self._workers[name] = _Worker(asyncio.create_task(self._run(name, work), name=name))

    async def drop(self, name: str) -> None:
        """Stops the work and waits until it has stopped."""
        task = self._workers.pop(name).task
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    async def close(self) -> None:
        """Stops all work and waits until it has stopped."""
        for name in list(self._workers):
            await self.drop(name)

    def failing(self) -> list[str]:
        """The names of work that has failed and not recovered yet: shown in readiness."""
        now = asyncio.get_running_loop().time()
        return [name for name, worker in self._workers.items() if worker.failing(now)]

    def failing_repeatedly(self) -> list[str]:
        """The names of work that has failed `RESTART_AFTER_FAILURES` times without recovery: shown in liveness."""
        return [name for name in self.failing() if self._workers[name].failures >= RESTART_AFTER_FAILURES]

    async def _run(self, name: str, work: Work) -> None:
        time = asyncio.get_running_loop().time
        worker = self._workers[name]
        while True:
            worker.started_at = time()
            try:
                await work()
                log.error("background work ended by itself", work=name)
            except Exception:
                log.exception("background work failed", work=name)
            # Failures with steady work between them do not add up: it is not the process that is broken
            # (test_failures_between_which_work_ran_steadily_do_not_add_up).
            if time() - worker.started_at >= STEADY_S:
                worker.failures = 0
            worker.failures += 1
            worker.started_at = None
            await asyncio.sleep(min(FIRST_PAUSE_S * 2 ** (worker.failures - 1), LONGEST_PAUSE_S))
