"""Time, passed to whatever needs it, so that tests run 48 hours of deliveries within seconds.

A clock only tells the time. Sleeping goes through the event loop: a test that controls the loop's time controls both.

The system's wall clock may be set at any moment, by days and for seconds. So a gateway takes its time from a
`SteadyClock` (docs/decisions/027-a-steady-clock.md).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

STEP_S: Final = 1.0
"""A difference between two clocks that is larger counts as a step of one of them, not as drift."""
SETTLED_S: Final = 60.0
"""A step is believed only after both clocks have agreed on it for so many seconds."""
SLEW: Final = 0.1
"""A correction changes the clock by at most this share of the time that has passed meanwhile."""
CATCH_UP: Final = 2.0
"""How much faster than time itself the time until the last sign of life is believed to have passed."""
LONGEST_SETBACK_S: Final = 86_400.0
"""A journal whose last sign of life is later than now by more was written with a clock that was wrong by more than the
gateway can wait for: then its times are not believed."""


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Unix seconds, for what is written to the journal."""

    def monotonic(self) -> float:
        """Seconds from an unspecified start that never go backwards, for measuring durations."""


def _seconds_since_boot() -> Callable[[], float]:
    """A monotonic clock that also counts the time for which the machine was suspended, where the system has one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is None:
        return time.monotonic
    try:
        time.clock_gettime(boottime)
    except OSError:
        return time.monotonic
    return partial(time.clock_gettime, boottime)


def no_doubt() -> float:
    """For `doubt_s` where the clock is taken at its word."""
    return 0.0


class SystemClock:
    """The time of this machine. `now` jumps when the system's clock is set."""

    # The system's own functions, without a method around them: a call of the game reads the clock about twelve times.
    now = staticmethod(time.time)
    monotonic = staticmethod(_seconds_since_boot())


class SteadyClock:
    """Wall time as it was at the start, advanced by the monotonic clock, and corrected slowly.

    It never goes backwards and never jumps, whatever is done to the wall clock (`source`): spans that are measured with
    it are real ones. `follow` brings it nearer to the right time.
    """

    def __init__(self, source: Clock) -> None:
        self.source = source
        self.monotonic = source.monotonic
        self._offset_s = source.now() - source.monotonic()
        self._followed_at = source.monotonic()
        self._step_s = 0.0
        self._step_seen_at = self._followed_at
        self._doubt_s = 0.0
        self._doubted_at = self._followed_at

    def now(self) -> float:
        """Unix seconds."""
        return self._offset_s + self.monotonic()

    def wall(self) -> float:
        """Unix seconds by the system's clock, for what other machines compare with theirs."""
        return self.source.now()

    def ahead_of_wall_s(self) -> float:
        """How far it is ahead of the system's clock."""
        return self.now() - self.source.now()

    def set_back(self, ahead_s: float) -> None:
        """At the start alone, before any of its times is written: it was found to be `ahead_s` ahead."""
        self._offset_s -= ahead_s

    def follow(self, ahead_s: float) -> None:
        """Corrects the clock, which was just found to be `ahead_s` ahead of its reference (negative: behind).

        What looks like a step of the reference is left alone until it has lasted for `SETTLED_S`.
        """
        now = self.monotonic()
        passed_s, self._followed_at = now - self._followed_at, now
        if abs(ahead_s) > STEP_S and not self._is_settled(ahead_s, now):
            return
        most_s = SLEW * passed_s
        correction_s = max(-most_s, min(most_s, ahead_s))
        self._offset_s -= correction_s
        self._step_s = ahead_s - correction_s

    def doubt_until(self, last_alive_at: float) -> None:
        """At the start: the journal's last sign of life was then (Unix seconds). Time that nobody has seen pass is
        believed slowly, since it may be the clock that was set."""
        self._doubt_s = max(0.0, self.now() - last_alive_at)
        self._doubted_at = self.monotonic()

    def doubt_s(self) -> float:
        """By how many seconds the clock may be ahead, 0 or more: what cannot be undone waits for so much longer."""
        seen_s = (CATCH_UP - 1) * (self.monotonic() - self._doubted_at)
        return max(0.0, self._doubt_s - seen_s, self.ahead_of_wall_s())

    def _is_settled(self, ahead_s: float, now: float) -> bool:
        if abs(ahead_s - self._step_s) > STEP_S:
            self._step_seen_at = now
        self._step_s = ahead_s
        return now - self._step_seen_at >= SETTLED_S
