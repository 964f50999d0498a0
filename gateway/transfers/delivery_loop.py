"""Bringing decisions to the operator, as they fall due, until its success is durable or the period is over."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

import structlog

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Claim
from gateway.operators.bulkhead import CallGroup
from gateway.operators.operator import Operator
from gateway.records import State, Transfer
from gateway.transfers.context import Context
from gateway.transfers.delivery_try import DeliveryTry

CLAIM_LIMIT: Final = 32
POLL_S: Final = 5.0
"""How long what another instance left due may lie unnoticed; this one's own is poked or foreseen."""

log = structlog.get_logger(__name__)


class DeliveryLoop:
    """Keeps one operator's due transfers moving: claims a few, tries them side by side, sleeps until the next is due.

    Each operator has its own, so that one that hangs delays no other's. `operator` gives the one in force, which a
    reload may have replaced.
    """

    def __init__(self, context: Context, deliverer: DeliveryTry, operator: Callable[[], Operator]) -> None:
        self._context = context
        self._deliverer = deliverer
        self._operator = operator
        self.under_way: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._wakes_at = math.inf

    def wake(self, due_at: float) -> None:
        """Something of this operator falls due then, which may be sooner than was foreseen."""
        if due_at < self._wakes_at:
            self._woken.set()

    async def run(self) -> None:
        """Runs until cancelled; tries under way are then left to finish (see `wait_idle`)."""
        while True:
            self._wakes_at = math.inf
            self._woken.clear()
            try:
                wait_s = await self._round()
            except JournalUnavailable as error:
                log.warning("delivery waits for the journal", operator=self._operator().name, error=str(error))
                wait_s = POLL_S
            await self._sleep(wait_s)

    async def wait_idle(self) -> None:
        """Returns once no try is under way."""
        while self.under_way:
            await asyncio.wait(self.under_way)

    async def _round(self) -> float:
        """Claims what there is room for. Returns for how many seconds nothing more can be done."""
        operator = self._operator()
        now = self._context.clock.now()
        probe_at = operator.bulkhead.closed_until(CallGroup.ENDS)
        if probe_at is not None and probe_at > now:
            return min(POLL_S, probe_at - now)
        room = await self._room(operator) if probe_at is None else 1
        claimed = await self._claim(operator, room)
        for transfer in claimed:
            self._start(operator, transfer)
        if len(claimed) == room:
            return 0.0
        next_due = await self._context.journal(operator).next_due(operator.name)
        return POLL_S if next_due is None else min(POLL_S, max(0.0, next_due - now))

    async def _room(self, operator: Operator) -> int:
        """How many may be claimed, once that is worth a claim: one row at a time would cost a commit each."""
        most = operator.settings.delivery.concurrency
        while (free := most - len(self.under_way)) < min(CLAIM_LIMIT, most) // 2 or free == 0:
            await asyncio.wait(self.under_way, return_when=asyncio.FIRST_COMPLETED)
        return min(CLAIM_LIMIT, free)

    async def _claim(self, operator: Operator, limit: int) -> list[Transfer]:
        lease = self._context.lease(operator)
        now = self._context.clock.now()
        claim = Claim(operator=operator.name, owner=lease.owner, now=now, lease_until=lease.until, limit=limit)
        claimed = await self._context.journal(operator).claim(claim)
        crash_point("delivery.claimed")
        return claimed

    def _start(self, operator: Operator, transfer: Transfer) -> None:
        task = asyncio.create_task(self._bring(operator, transfer))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def _bring(self, operator: Operator, transfer: Transfer) -> None:
        """One claimed transfer, one try. What fails here is tried again once the lease is over."""
        try:
            mine: Transfer | None = transfer
            if transfer.state is State.SENDING:
                mine = await self._deliverer.recover(operator, transfer)
            if mine is not None:
                await self._deliverer.deliver(operator, mine)
        except JournalUnavailable as error:
            log.warning("delivery not recorded", operator=operator.name, id=transfer.id, error=str(error))
        except Exception:
            log.exception("delivery failed", operator=operator.name, id=transfer.id)

    async def _sleep(self, wait_s: float) -> None:
        if wait_s <= 0:
            await asyncio.sleep(0)
            return
        self._wakes_at = self._context.clock.now() + wait_s
        try:
            async with asyncio.timeout(wait_s):
                await self._woken.wait()
        except TimeoutError:
            return
