"""The wall around one operator: how many calls are under way, how many wait for a place, and when none are sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

from gateway.clock import Clock
from gateway.operators.circuit_breaker import BreakerState, CircuitBreaker
from gateway.operators.errors import Refused
from gateway.settings import BreakerSettings, LimitSettings
from gateway.wire.calls import WalletCall

CROWDED_RETRY_S: Final = 1.0
"""When to come again after there was no room: places come free at the pace of the operator's answers."""


class CallGroup(StrEnum):
    """Calls that fail together. Each group has a breaker of its own: an operator that refuses every rollback, or whose
    balances cannot be read, must not take its working withdraws down."""

    READS = "reads"
    HOLDS = "holds"
    ENDS = "ends"


GROUP_OF: Final = {
    WalletCall.VERIFY_SESSION: CallGroup.READS,
    WalletCall.GET_BALANCE: CallGroup.READS,
    WalletCall.WITHDRAW: CallGroup.HOLDS,
    WalletCall.DEPOSIT: CallGroup.HOLDS,
    WalletCall.CONFIRM_WITHDRAWAL: CallGroup.ENDS,
    WalletCall.CONFIRM_DEPOSIT: CallGroup.ENDS,
    WalletCall.ROLLBACK_WITHDRAWAL: CallGroup.ENDS,
    WalletCall.ROLLBACK_DEPOSIT: CallGroup.ENDS,
}

_Waiter = asyncio.Future[Refused | None]


class Bulkhead:
    """`enter` before a call, `leave` after it, `record` what came of it.

    All groups share the places, which are handed over in the order in which they were asked for. `wait_limit_s` bounds
    the wait for one.
    """

    def __init__(self, limits: LimitSettings, breaker: BreakerSettings, wait_limit_s: float, clock: Clock) -> None:
        self._places = limits.concurrency
        self._room = limits.waiting
        self._wait_limit_s = wait_limit_s
        self._clock = clock
        self._breakers = {group: CircuitBreaker(breaker.failures, breaker.open_for, clock) for group in CallGroup}
        self._waiting: deque[tuple[CallGroup, _Waiter]] = deque()
        self._in_use = 0

    async def enter(self, group: CallGroup) -> None:
        """Returns with a place taken. Raises `Refused`: breaker open, too many waiting, or waited too long."""
        if not self._breakers[group].closed:
            self._enter_as_probe(group)
        elif self._in_use < self._places:
            self._in_use += 1
        else:
            await self._wait(group)

    def leave(self) -> None:
        """Gives the place back, or on to whoever has waited longest."""
        while self._waiting:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._in_use -= 1

    def record(self, group: CallGroup, *, ok: bool | None) -> None:
        """What came of a call: whether the operator answered in its protocol, be it yes, no or an error; None if the
        call says nothing of it."""
        breaker = self._breakers[group]
        if ok is None:
            breaker.give_back()
            return
        breaker.record(ok=ok)
        if not breaker.closed:
            self._send_away(group)

    def closed_until(self, group: CallGroup) -> float | None:
        """Unix seconds from which on a probe may go while the group's breaker is open, else None."""
        breaker = self._breakers[group]
        return None if breaker.closed else self._clock.now() + breaker.wait_s()

    def read(self) -> tuple[int, int, Mapping[str, BreakerState]]:
        """Places in use, calls waiting, and each group's breaker: what metrics show."""
        return (
            self._in_use,
            len(self._waiting),
            {str(group): breaker.state for group, breaker in self._breakers.items()},
        )

    def _enter_as_probe(self, group: CallGroup) -> None:
        breaker = self._breakers[group]
        if breaker.wait_s() > 0:
            raise self._left_alone(group)
        if self._in_use >= self._places:
            raise self._refused("all places are taken by calls without an answer", CROWDED_RETRY_S)
        breaker.probe()
        self._in_use += 1

    async def _wait(self, group: CallGroup) -> None:
        if len(self._waiting) >= self._room:
            raise self._refused("too many calls to the operator are waiting", CROWDED_RETRY_S)
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._waiting.append((group, waiter))
        timer = loop.call_later(self._wait_limit_s, self._on_timeout, group, waiter)
        try:
            refused = await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # somebody who handed out places may have passed over it already
                    self._waiting.remove((group, waiter))
            elif waiter.result() is None:
                self.leave()  # the place came in the very moment of the cancellation
            raise
        finally:
            timer.cancel()
        if refused is not None:
            raise refused

    def _on_timeout(self, group: CallGroup, waiter: _Waiter) -> None:
        if not waiter.done():
            self._waiting.remove((group, waiter))
            waiter.set_result(self._refused("no place for the call came free in time", CROWDED_RETRY_S))

    def _send_away(self, group: CallGroup) -> None:
        """The group's breaker has opened: its calls need not wait for what will not be sent."""
        staying: deque[tuple[CallGroup, _Waiter]] = deque()
        for waiting in self._waiting:
            whose, waiter = waiting
            if whose is not group:
                staying.append(waiting)
            elif not waiter.done():
                waiter.set_result(self._left_alone(group))
        self._waiting = staying

    def _left_alone(self, group: CallGroup) -> Refused:
        text = f"the operator has failed repeatedly ({group}) and is left alone for a while"
        return self._refused(text, self._breakers[group].wait_s())

    def _refused(self, text: str, retry_s: float) -> Refused:
        return Refused(text, self._clock.now() + retry_s)
