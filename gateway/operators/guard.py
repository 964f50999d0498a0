"""The wall around one operator: how many calls are under way, how many wait for a place, and when none are sent."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

from gateway.clock import Clock
from gateway.operators.breaker import Breaker, BreakerState
from gateway.operators.errors import Refused
from gateway.settings import BreakerSettings, LimitSettings

CROWDED_RETRY_S: Final = 1.0
"""When to come again after there was no room: places come free at the pace of the operator's answers."""

_Waiter = asyncio.Future[Refused | None]


class Guard:
    """`enter` before a call, `leave` after it, `record` what came of it.

    Places are handed over in the order in which they were asked for. `patience_s` bounds the wait for one.
    """

    def __init__(self, limits: LimitSettings, breaker: BreakerSettings, patience_s: float, clock: Clock) -> None:
        self._places = limits.concurrency
        self._room = limits.waiting
        self._patience_s = patience_s
        self._clock = clock
        self._breaker = Breaker(breaker.failures, breaker.open_for, clock)
        self._waiting: deque[_Waiter] = deque()
        self._in_use = 0

    async def enter(self) -> None:
        """Returns with a place taken. Raises `Refused`: breaker open, too many waiting, or waited too long."""
        if not self._breaker.closed:
            self._enter_as_probe()
        elif self._in_use < self._places:
            self._in_use += 1
        else:
            await self._wait()

    def leave(self) -> None:
        """Gives the place back, or on to whoever has waited longest."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._in_use -= 1

    def record(self, ok: bool) -> None:  # noqa: FBT001 - reads as a sentence where it is called
        """What came of a call: whether the operator answered clearly, be it yes or no."""
        self._breaker.record(ok=ok)
        if not self._breaker.closed:
            self._send_away()

    def closed_until(self) -> float | None:
        """Unix seconds from which on a probe may go while the breaker is open, else None."""
        return None if self._breaker.closed else self._clock.now() + self._breaker.wait_s()

    def read(self) -> tuple[int, int, BreakerState]:
        """Places in use, calls waiting, and the breaker's state: what metrics show."""
        return self._in_use, len(self._waiting), self._breaker.state

    def _enter_as_probe(self) -> None:
        if self._breaker.wait_s() > 0:
            raise self._left_alone()
        if self._in_use >= self._places:
            raise self._refused("all places are taken by calls without an answer", CROWDED_RETRY_S)
        self._breaker.probe()
        self._in_use += 1

    async def _wait(self) -> None:
        if len(self._waiting) >= self._room:
            raise self._refused("too many calls to the operator are waiting", CROWDED_RETRY_S)
        loop = asyncio.get_running_loop()
        waiter: _Waiter = loop.create_future()
        self._waiting.append(waiter)
        timer = loop.call_later(self._patience_s, self._lose_patience, waiter)
        try:
            refused = await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):  # somebody who handed out places may have passed over it already
                    self._waiting.remove(waiter)
            elif waiter.result() is None:
                self.leave()  # the place came in the very moment of the cancellation
            raise
        finally:
            timer.cancel()
        if refused is not None:
            raise refused

    def _lose_patience(self, waiter: _Waiter) -> None:
        if not waiter.done():
            self._waiting.remove(waiter)
            waiter.set_result(self._refused("no place for the call came free in time", CROWDED_RETRY_S))

    def _send_away(self) -> None:
        """The breaker has opened: nobody need wait for what will not be sent."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(self._left_alone())

    def _left_alone(self) -> Refused:
        return self._refused("the operator has failed repeatedly and is left alone for a while", self._breaker.wait_s())

    def _refused(self, text: str, retry_s: float) -> Refused:
        return Refused(text, self._clock.now() + retry_s)
