"""Sends decisions to whoever has to acknowledge them as they fall due, until that is durable or the schedule's period
is over."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Claim
from gateway.operators.far_side import FarSide
from gateway.records import State, Transfer
from gateway.transfers.context import Context
from gateway.transfers.delivery_try import DeliveryTry

CLAIM_LIMIT: Final = 32
POLL_S: Final = 5.0
"""How often the journal is asked what other instances have left due; this one's own rows wake the loop when due."""

log = structlog.get_logger(__name__)


class DeliveryLoop:
    """Keeps due transfers moving that one far side has to acknowledge: claims a few, tries them concurrently, sleeps
    until the next is due.

    Each operator has its own, and one more for its payments, so that one that hangs does not delay another's.
    `far_side()` gives the one in force: a reload may have replaced it.
    """

    def __init__(self, context: Context, delivery_try: DeliveryTry, far_side: Callable[[], FarSide]) -> None:
        self._context = context
        self._delivery_try = delivery_try
        self._far_side = far_side
        self.in_progress: set[asyncio.Task[Any]] = set()
        self._woken = asyncio.Event()
        self._wakes_at = math.inf
        self._next_due_at = math.inf

    def wake(self, due_at: float) -> None:
        """Something falls due then (Unix seconds), perhaps sooner than the loop would wake up."""
        self._next_due_at = min(self._next_due_at, due_at)
        if due_at < self._wakes_at:
            self._woken.set()

    def due_in_s(self) -> float:
        """Seconds until the next delivery is due, as last seen; negative if it is overdue, NaN if none is due."""
        return math.nan if self._next_due_at == math.inf else self._next_due_at - self._context.clock.now()

    async def run(self) -> None:
        """Runs until cancelled; tries in progress are then left to finish (see `wait_idle`)."""
        while True:
            # Cleared before the journal is asked: what falls due while it answers must wake the sleep that follows.
            self._wakes_at = math.inf
            self._woken.clear()
            try:
                wait_s = await self._round()
            except JournalUnavailable as error:
                log.warning("delivery waits for the journal", operator=self._far_side().name, error=str(error))
                wait_s = POLL_S
            await self._sleep(wait_s)

    async def wait_idle(self) -> None:
        """Returns once no try is in progress."""
        while self.in_progress:
            await asyncio.wait(self.in_progress)

    async def _round(self) -> float:
        """Claims as many as may be tried now. Returns how many seconds to sleep."""
        far_side = self._far_side()
        now = self._context.clock.now()
        probe_at = far_side.bulkhead.probe_at(far_side.ends)
        if probe_at is not None and probe_at > now:
            return min(POLL_S, probe_at - now)
        # The breaker is open and a probe may be sent: one try is the probe, others would only be refused.
        free = await self._wait_for_slots(far_side) if probe_at is None else 1
        claimed = await self._claim_and_start(far_side, free)
        if claimed == free:
            return 0.0
        next_due = await self._context.journal(far_side).next_due(far_side.name, far_side.recipient)
        self._next_due_at = math.inf if next_due is None else next_due
        return min(POLL_S, max(0.0, self._next_due_at - now))

    async def _wait_for_slots(self, far_side: FarSide) -> int:
        """How many may be claimed. Waits until half of a claim's limit is free: one row at a time would cost a commit
        each."""
        most = far_side.delivery.concurrency
        while (free := most - len(self.in_progress)) < min(CLAIM_LIMIT, most) // 2 or free == 0:
            await asyncio.wait(self.in_progress, return_when=asyncio.FIRST_COMPLETED)
        return min(CLAIM_LIMIT, free)

    async def _claim_and_start(self, far_side: FarSide, limit: int) -> int:
        """Returns how many were claimed."""
        claim = asyncio.ensure_future(self._claim(far_side, limit))
        claim.add_done_callback(partial(self._start_all, far_side))
        try:
            return len(await asyncio.shield(claim))
        except asyncio.CancelledError:
            # What is claimed is tried, also if a reload stops this loop meanwhile: nobody else may try it before its
            # lease is over (test_an_operator_that_is_gone_is_let_in_no_more_and_delivered_to_again_once_it_is_back).
            self.in_progress.add(claim)
            claim.add_done_callback(self.in_progress.discard)
            raise

    def _start_all(self, far_side: FarSide, claim: asyncio.Task[list[Transfer]]) -> None:
        if not claim.cancelled() and claim.exception() is None:
            for transfer in claim.result():
                self._start(far_side, transfer)

    async def _claim(self, far_side: FarSide, limit: int) -> list[Transfer]:
        lease = self._context.lease(far_side)
        now = self._context.clock.now()
        claim = Claim(
            operator=far_side.name,
            recipient=far_side.recipient,
            owner=lease.owner,
            now=now,
            lease_until=lease.until,
            limit=limit,
        )
        claimed = await self._context.journal(far_side).claim(claim)
        crash_point("delivery.claimed")
        return claimed

    def _start(self, far_side: FarSide, transfer: Transfer) -> None:
        task = asyncio.create_task(self._deliver(far_side, transfer))
        self.in_progress.add(task)
        task.add_done_callback(self.in_progress.discard)

    async def _deliver(self, far_side: FarSide, transfer: Transfer) -> None:
        """One claimed transfer, one try."""
        # Whatever fails here is logged and left: once the lease is over, any instance claims the row again.
        try:
            decided: Transfer | None = transfer
            if transfer.state is State.SENDING:
                decided = await self._delivery_try.recover(far_side, transfer)
            if decided is not None:
                await self._delivery_try.deliver(far_side, decided)
        except JournalUnavailable as error:
            log.warning("delivery not recorded", operator=far_side.name, id=transfer.id, error=str(error))
        except Exception:
            log.exception("delivery failed", operator=far_side.name, id=transfer.id)

    async def _sleep(self, wait_s: float) -> None:
        if wait_s <= 0:  # the tries just started must reach the bulkhead before the next round asks for the breaker
            await asyncio.sleep(0)
            return
        self._wakes_at = self._context.clock.now() + wait_s
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return
