"""Watches the event loop, which delays every call when it stands still, and the wall clock, which may be stepped."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.telemetry.metrics import Metrics

EVERY_S: Final = 0.5
STEP_S: Final = 1.0
"""Seconds by which the wall clock must move against the monotonic one between two looks to count as a step. A clock
that is slewed (adjtime(2) changes it by 0.05 % at most) never does."""

log = structlog.get_logger(__name__)


class LoopWatch:
    """Measures how late the loop's timers fire, and sees steps of the wall clock."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._offset_s = self._clock_offset_s()

    async def run(self) -> None:
        """Looks every `EVERY_S`, until cancelled."""
        time = asyncio.get_running_loop().time
        while True:
            due = time() + EVERY_S
            await asyncio.sleep(EVERY_S)
            self._metrics.loop_lag(max(0.0, time() - due))
            self.look_at_clock()

    def look_at_clock(self) -> None:
        """Counts and logs a step since the last look."""
        offset_s = self._clock_offset_s()
        step_s = offset_s - self._offset_s
        self._offset_s = offset_s
        if abs(step_s) > STEP_S:
            self._metrics.clock_stepped()
            log.warning("the wall clock was stepped", by_s=round(step_s, 3))

    def _clock_offset_s(self) -> float:
        return self._clock.now() - self._clock.monotonic()
