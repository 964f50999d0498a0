"""Time, handed to whoever needs it, so that tests run two days in a blink.

Sleeping goes through the event loop; a test that drives the loop's time drives both.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Unix seconds: what is written down."""

    def monotonic(self) -> float:
        """Seconds that never jump: what durations are measured with."""


class SystemClock:
    """The time of this machine: the system's own functions, since one call looks at the clock a dozen times."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
