"""What must still be written when the journal did not take it: tried until it does, so that no money is forgotten.

Only for the two cases in which the journal's own rows cannot tell later what has to be done. The game is told what came
of its call when that is durable, not before: a gateway that dies in between has told nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Change, Changed
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import FINAL, Reason, State, Transfer
from gateway.transfers import rules
from gateway.transfers.context import Context

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0

log = structlog.get_logger(__name__)


class UnrecordedOutcomes:
    """Writes that the call which wants them waits for, and that go on without it if it is cancelled."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._under_way: set[asyncio.Task[Transfer | None]] = set()

    async def roll_back_unrecorded(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Transfer | None:
        """A hold's outcome was not recorded for certain: whether the journal has it as sending or as held, it is rolled
        back; unless somebody was told meanwhile that it is held. Returns the row then."""
        reason = self._context.reasoning.gateway(f"{transfer.direction} failed: its outcome was not recorded")
        return await self._run_detached(self._roll_back_unrecorded(operator, transfer, outcome, reason))

    async def roll_back_late(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> None:
        """A hold went out after others had begun to roll it back: the rollback is sent once more."""
        await self._run_detached(self._roll_back_late(operator, transfer, outcome))

    async def wait_idle(self) -> None:
        """Returns once nothing is left to be written."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    async def _run_detached(self, work: Coroutine[Any, Any, Transfer | None]) -> Transfer | None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _roll_back_unrecorded(
        self, operator: Operator, transfer: Transfer, outcome: Outcome, reason: Reason
    ) -> Transfer | None:
        """As it was when it was sent; if its outcome was recorded after all, as that left it. Where others have begun
        to roll it back, their rollback may have been sent before the hold was."""
        changed = await self._write(
            operator, rules.roll_back_unrecorded(transfer, outcome, reason, self._context.clock.now())
        )
        found = changed.transfer
        if changed.moved or found is None:
            return found
        if (found.state, found.revision) == (State.HELD, transfer.revision + 1):
            changed = await self._write(
                operator, rules.roll_back_unrecorded(found, outcome, reason, self._context.clock.now())
            )
            return changed.transfer
        if rules.is_undone(found) and rules.may_have_moved(outcome):
            return await self._roll_back_late(operator, transfer, outcome)
        return found

    async def _roll_back_late(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Transfer | None:
        reason = self._context.reasoning.gateway(f"{transfer.direction} went out after its rollback was decided")
        self._context.metrics.late_arrival(operator.name)
        change = rules.roll_back_late(transfer, outcome, reason, self._context.clock.now())
        return (await self._write(operator, change)).transfer

    async def _write(self, operator: Operator, change: Change) -> Changed:
        crash_point("followup.begun")
        with self._context.flights.begin(change.key):
            changed = await self._written(operator, change)
        crash_point("followup.recorded")
        if changed.moved and change.reason is not None:
            self._context.reasoning.count(operator.name, change.reason)
            if change.to in FINAL:
                self._context.metrics.ended(operator.name, change.key.direction, change.to)
            else:
                self._context.wake(operator.name, change.at)
        return changed

    async def _written(self, operator: Operator, change: Change) -> Changed:
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._context.journal(operator).change(change)
            except JournalUnavailable as error:
                log.warning("rollback waits for the journal", id=change.key.id, error=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
