"""What must still be written when the journal did not take it: tried until it does, so that no money is forgotten.

Only for the two cases in which the journal's own rows cannot tell later what has to be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.records import Reason, State, Transfer
from gateway.journal.writes import Change, Changed
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.transfers import rules
from gateway.transfers.context import Context

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0

log = structlog.get_logger(__name__)


class Followups:
    """Writes that outlive the call that wanted them."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._under_way: set[asyncio.Task[object]] = set()

    def disown(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> None:
        """A hold's outcome was not recorded for certain, and the game was told that it failed: whether the journal
        has it as sending or as held, it is rolled back; unless somebody was told meanwhile that it is held."""
        reason = self._context.reasoning.gateway(f"{transfer.direction} failed: its outcome was not recorded")
        self._start(self._disown(operator, transfer, outcome, reason))

    def undo_late(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> None:
        """A hold went out after others had begun to roll it back: the rollback is sent once more."""
        reason = self._context.reasoning.gateway(f"{transfer.direction} went out after its rollback was decided")
        self._context.metrics.late_arrival(operator.name)
        self._start(self._write(operator, rules.arrived_late(transfer, outcome, reason, self._context.clock.now())))

    async def settled(self) -> None:
        """Returns once nothing is left to be written."""
        while self._under_way:
            await asyncio.wait(self._under_way)

    def _start(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _disown(self, operator: Operator, transfer: Transfer, outcome: Outcome, reason: Reason) -> None:
        """As it was when it was sent; if its outcome was recorded after all, as that left it. Where others have begun
        to roll it back, their rollback may have been sent before the hold was."""
        changed = await self._write(operator, rules.disowned(transfer, reason, self._context.clock.now()))
        found = changed.transfer
        if changed.moved or found is None:
            return
        if (found.state, found.revision) == (State.HELD, transfer.revision + 1):
            await self._write(operator, rules.disowned(found, reason, self._context.clock.now()))
        elif rules.is_undone(found) and rules.may_have_moved(outcome):
            self.undo_late(operator, transfer, outcome)

    async def _write(self, operator: Operator, change: Change) -> Changed:
        crash_point("followup.begun")
        with self._context.flights.flying(change.key):
            changed = await self._written(operator, change)
        crash_point("followup.recorded")
        if changed.moved and change.reason is not None:
            self._context.reasoning.count(operator.name, change.reason)
            self._context.poke(operator.name, change.at)
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
