"""A circuit breaker: after several failures in a row nothing is sent for a while, then one call probes.

closed     everything is sent; a success resets the count, the `failures`-th failure in a row opens
open       nothing is sent for `open_for_s`
half open  that time is over and one call, the probe, is in progress: its success closes, its failure opens again.
           A probe without an outcome (its caller was cancelled) is given up after another `open_for_s`
"""

from __future__ import annotations

from enum import StrEnum

from gateway.clock import Clock


class BreakerState(StrEnum):
    """As metrics show it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Counts what `record` is given, on the clock's monotonic time. Any success closes it: the operator answers."""

    def __init__(self, failures: int, open_for_s: float, clock: Clock) -> None:
        self._limit = failures
        self._open_for_s = open_for_s
        self._clock = clock
        self._failures = 0
        self._probing = False
        self._open_until = 0.0
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
            self._open()

    def wait_s(self) -> float:
        """Seconds until a probe may be sent; 0 when one may be sent now, or none is needed."""
        return 0.0 if self.closed else max(0.0, self._open_until - self._clock.monotonic())

    def probe(self) -> None:
        """The caller is the probe: no other call is sent until its outcome is known or its time is over."""
        self._open()
        self._probing = True

    def hand_over_probe(self) -> None:
        """The probe ended without learning anything about the operator: another may be sent at once."""
        # Otherwise calls that send nothing (a dead session, a failed look-up) could hold the breaker half open for as
        # long as they keep coming (docs/safety.md, "an attack on these rules").
        if self._probing:
            self._probing = False
            self._open_until = self._clock.monotonic()

    def _open(self) -> None:
        self.closed = False
        self._probing = False
        self._open_until = self._clock.monotonic() + self._open_for_s
