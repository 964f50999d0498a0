"""Bulkhead of one operator: a limit of concurrent calls, a bounded queue, a circuit breaker for each group of calls.

One operator that hangs or fails can fill its own slots and its own queue, and no other's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.operators.circuit_breaker import BreakerState, CircuitBreaker
from gateway.operators.errors import RefusalReason, Refused
from gateway.settings import BreakerSettings, LimitSettings
from gateway.wire.calls import MoneyCall, PaymentCall, WalletCall

log = structlog.get_logger(__name__)

FULL_RETRY_S: Final = 1.0
"""Seconds after which to try again where there was no slot: slots come free at the pace of the operator's answers."""


class CallGroup(StrEnum):
    """Calls that fail together, with a circuit breaker each: an operator that fails at every rollback, or whose
    balances cannot be read, must not take its working withdraws down (docs/decisions/094-what-opens-a-breaker.md)."""

    READS = "reads"
    HOLDS = "holds"
    ENDS = "ends"
    PAYMENTS = "payments"


OF_OPERATORS: Final = (CallGroup.READS, CallGroup.HOLDS, CallGroup.ENDS)
"""The groups of calls to an operator; payments are told to the game."""

GROUP_OF: Final[dict[MoneyCall, CallGroup]] = {
    WalletCall.VERIFY_SESSION: CallGroup.READS,
    WalletCall.GET_BALANCE: CallGroup.READS,
    WalletCall.WITHDRAW: CallGroup.HOLDS,
    WalletCall.DEPOSIT: CallGroup.HOLDS,
    WalletCall.CONFIRM_WITHDRAWAL: CallGroup.ENDS,
    WalletCall.CONFIRM_DEPOSIT: CallGroup.ENDS,
    WalletCall.ROLLBACK_WITHDRAWAL: CallGroup.ENDS,
    WalletCall.ROLLBACK_DEPOSIT: CallGroup.ENDS,
    PaymentCall.DELIVER: CallGroup.PAYMENTS,
}

_Waiter = asyncio.Future[Refused | None]


class Bulkhead:
    """`enter` before a call, `leave` after it, `record` what came of it. `Admission` does the first two.

    All groups share the slots, which are given in the order in which they were asked for (a probe does not queue).
    `wait_limit_s` bounds the wait for one. `operator` is the name that changes of a breaker are logged with.
    """

    def __init__(
        self,
        limits: LimitSettings,
        breaker: BreakerSettings,
        wait_limit_s: float,
        clock: Clock,
        operator: str = "",
        groups: tuple[CallGroup, ...] = OF_OPERATORS,
    ) -> None:
        self._operator = operator
        self._slots = limits.concurrency
        self._queue_limit = limits.waiting
        self._wait_limit_s = wait_limit_s
        self._clock = clock
        self._breakers = {group: CircuitBreaker(breaker.failures, breaker.open_for, clock) for group in groups}
        self._queue: deque[tuple[CallGroup, _Waiter]] = deque()
        self._in_use = 0

    async def enter(self, group: CallGroup) -> None:
        """Returns with a slot taken. Raises `Refused`: breaker open, queue full, or waited too long."""
        # With a free slot this returns without yielding to the loop: no other call can take the slot in between.
        if not self._breakers[group].closed:
            self._admit_probe(group)
        elif self._in_use < self._slots:
            self._in_use += 1
        else:
            await self._wait_for_slot(group)

    def leave(self) -> None:
        """Frees the slot, or hands it to the call that has waited longest."""
        while self._queue:
            _, waiter = self._queue.popleft()
            # The slot goes straight to the next in the queue, so that a call that arrives now cannot overtake it. A
            # waiter that is done was cancelled or has waited too long.
            if not waiter.done():
                waiter.set_result(None)
                return
        self._in_use -= 1

    def record(self, group: CallGroup, *, ok: bool | None) -> None:
        """What came of a call. `ok`: whether the operator answered in its protocol, be it yes, no or an error; None if
        the call says nothing about that."""
        breaker = self._breakers[group]
        if ok is None:
            breaker.hand_over_probe()
            return
        if ok and breaker.closed:  # as nearly always
            breaker.record(ok=True)
            return
        was = breaker.state
        breaker.record(ok=ok)
        if not breaker.closed:
            self._refuse_queued(group)
        if breaker.state is not was:
            self._log_change(group)

    def probe_at(self, group: CallGroup) -> float | None:
        """Unix seconds from which on a probe may be sent while the group's breaker is open; None while it is closed."""
        breaker = self._breakers[group]
        return None if breaker.closed else self._clock.now() + breaker.wait_s()

    def read(self) -> tuple[int, int, Mapping[str, BreakerState]]:
        """Slots in use, calls waiting, and the state of each group's breaker: what the metrics show."""
        return (
            self._in_use,
            len(self._queue),
            {str(group): breaker.state for group, breaker in self._breakers.items()},
        )

    def _admit_probe(self, group: CallGroup) -> None:
        breaker = self._breakers[group]
        if breaker.wait_s() > 0:
            raise self._breaker_refusal(group)
        if self._in_use >= self._slots:
            raise self._refusal(RefusalReason.SLOT, "all slots are in use by calls without an answer", FULL_RETRY_S)
        breaker.probe()
        self._in_use += 1
        self._log_change(group)

    async def _wait_for_slot(self, group: CallGroup) -> None:
        if len(self._queue) >= self._queue_limit:
            raise self._refusal(RefusalReason.QUEUE, "too many calls to the operator are waiting", FULL_RETRY_S)
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._queue.append((group, waiter))
        timer = loop.call_later(self._wait_limit_s, self._on_wait_limit, group, waiter)
        try:
            refused = await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # `leave` may have passed over it already
                    self._queue.remove((group, waiter))
            elif waiter.result() is None:
                self.leave()  # the slot was granted just as the call was cancelled: it must not be lost
            raise
        finally:
            timer.cancel()
        if refused is not None:
            raise refused

    def _on_wait_limit(self, group: CallGroup, waiter: _Waiter) -> None:
        if not waiter.done():
            self._queue.remove((group, waiter))
            waiter.set_result(self._refusal(RefusalReason.SLOT, "no slot for the call came free in time", FULL_RETRY_S))

    def _refuse_queued(self, group: CallGroup) -> None:
        """The group's breaker has opened: its calls would wait for nothing."""
        staying: deque[tuple[CallGroup, _Waiter]] = deque()
        for waiting in self._queue:
            whose, waiter = waiting
            if whose is not group:
                staying.append(waiting)
            elif not waiter.done():
                waiter.set_result(self._breaker_refusal(group))
        self._queue = staying

    def _log_change(self, group: CallGroup) -> None:
        match self._breakers[group].state:
            case BreakerState.OPEN:
                log.warning("circuit breaker opened", operator=self._operator, calls=group)
            case BreakerState.HALF_OPEN:
                log.info("circuit breaker half open", operator=self._operator, calls=group)
            case BreakerState.CLOSED:
                log.info("circuit breaker closed", operator=self._operator, calls=group)

    def _breaker_refusal(self, group: CallGroup) -> Refused:
        wait_s = self._breakers[group].wait_s()
        text = f"several calls in a row got no answer of the operator's protocol; the circuit breaker ({group}) is open"
        return self._refusal(RefusalReason.BREAKER, text, wait_s)

    def _refusal(self, reason: RefusalReason, text: str, retry_s: float) -> Refused:
        return Refused(text, self._clock.now() + retry_s, reason)
