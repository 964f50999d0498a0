"""When an operator is left alone: a count of failures in a row, and a time before which nothing is sent.

closed     everything is sent; a success sets the count back, the `failures`-th failure in a row opens
open       nothing is sent for `open_for_s`
half open  that time is over and one call, the probe, was let through: its success closes, its failure opens again.
           A probe of which nothing is heard (its caller was cancelled) is given up after another `open_for_s`
"""

from __future__ import annotations

from enum import StrEnum

from gateway.clock import Clock


class BreakerState(StrEnum):
    """As metrics and the console show it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Counts what `record` tells it, with the clock's monotonic time. Any success closes it: the operator answers."""

    def __init__(self, failures: int, open_for_s: float, clock: Clock) -> None:
        self._limit = failures
        self._open_for_s = open_for_s
        self._clock = clock
        self._failures = 0
        self._probing = False
        self._shut_until = 0.0
        self.closed = True

    @property
    def state(self) -> BreakerState:
        if self.closed:
            return BreakerState.CLOSED
        return BreakerState.HALF_OPEN if self._probing else BreakerState.OPEN

    def record(self, *, ok: bool) -> None:
        """What came of one call."""
        if ok:
            self.closed = True
            self._failures = 0
            self._probing = False
            return
        self._failures += 1
        if self._failures >= self._limit:
            self._shut()

    def wait_s(self) -> float:
        """How long until a probe may go; 0 when one may go now, or none is needed."""
        return 0.0 if self.closed else max(0.0, self._shut_until - self._clock.monotonic())

    def probe(self) -> None:
        """The caller goes as the probe: nobody else may, until something is heard of it or its time is over."""
        self._shut()
        self._probing = True

    def give_back(self) -> None:
        """The caller went as the probe and learnt nothing of the operator: another may go at once. Else calls that send
        nothing could keep those that would succeed away for as long as they come."""
        if self._probing:
            self._probing = False
            self._shut_until = self._clock.monotonic()

    def _shut(self) -> None:
        self.closed = False
        self._probing = False
        self._shut_until = self._clock.monotonic() + self._open_for_s
