"""Time, passed to whatever needs it, so that tests run 48 hours of deliveries within seconds.

A clock only tells the time. Sleeping goes through the event loop: a test that controls the loop's time controls both.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Unix seconds, for what is written to the journal. It jumps when the system's clock is set."""

    def monotonic(self) -> float:
        """Seconds from an unspecified start that never go backwards, for measuring durations."""


class SystemClock:
    """The time of this machine."""

    # The system's own functions, without a method around them: a call of the game reads the clock about twelve times.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
