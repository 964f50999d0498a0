"""Clocks that a test sets."""

from __future__ import annotations

from gateway.clock import SystemClock


class SetClock:
    """A clock that is set by hand, and stands still otherwise."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.mono = 50.0

    def now(self) -> float:
        return self.wall

    def monotonic(self) -> float:
        return self.mono

    def pass_by(self, seconds: float) -> None:
        self.wall += seconds
        self.mono += seconds


class JumpingClock:
    """This machine's clock, set ahead by `ahead_s`, or back."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s

    def now(self) -> float:
        return SystemClock.now() + self.ahead_s

    def monotonic(self) -> float:
        return SystemClock.monotonic()
