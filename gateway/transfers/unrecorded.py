"""Outcomes that a call could not record: written until the journal takes them, so that no money is forgotten.

Two cases need it, since the journal's own rows cannot tell later what has to be done: the write of a hold's outcome
failed, or a hold went out after its rollback had begun. The game is answered when the write is durable, not before: a
gateway that dies in between has told nothing.
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
from gateway.records import FINAL, Reason, Recipient, State, Transfer
from gateway.transfers import rules
from gateway.transfers.context import Context

FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0

log = structlog.get_logger(__name__)


class UnrecordedOutcomes:
    """Writes for which a call waits. If the call is cancelled, the write still goes on."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._in_progress: set[asyncio.Task[Transfer | None]] = set()

    async def roll_back_unrecorded(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Transfer | None:
        """A hold's outcome was not recorded, or the answer to its commit was lost: the row may be `sending` or `held`.
        Rolls it back, unless a repeated call has been answered from it or its end is decided. Returns the row as it
        ends up, None if it is gone."""
        reason = self._context.reasons.from_gateway(f"{transfer.direction} failed: its outcome was not recorded")
        return await self._run_detached(self._roll_back_unrecorded(operator, transfer, outcome, reason))

    async def roll_back_late(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> None:
        """A hold went out after others had begun to roll it back: sends the rollback once more."""
        await self._run_detached(self._roll_back_late(operator, transfer, outcome))

    async def wait_idle(self) -> None:
        """Returns once nothing is left to be written."""
        while self._in_progress:
            await asyncio.wait(self._in_progress)

    async def _run_detached(self, work: Coroutine[Any, Any, Transfer | None]) -> Transfer | None:
        # A task of its own, shielded: the client may hang up and the call be cancelled, but nobody else knows what
        # has to be written (test_a_hold_that_is_cancelled_while_the_journal_is_away_is_undone_all_the_same).
        task = asyncio.create_task(work)
        self._in_progress.add(task)
        task.add_done_callback(self._in_progress.discard)
        return await asyncio.shield(task)

    async def _roll_back_unrecorded(
        self, operator: Operator, transfer: Transfer, outcome: Outcome, reason: Reason
    ) -> Transfer | None:
        """Tries first on the revision that was sent, then on the row that was found."""
        change = rules.roll_back_unrecorded(transfer, outcome, reason, self._context.clock.now())
        changed = await self._write(operator, change)
        found = changed.transfer
        if changed.moved or found is None:
            return found
        if _is_own_record(found, transfer):
            change = rules.roll_back_unrecorded(found, outcome, reason, self._context.clock.now())
            changed = await self._write(operator, change)
            return changed.transfer
        # Others took this instance for dead and are rolling it back. Their rollback may have reached the operator
        # before our hold did (test_who_slept_while_sending_and_cannot_record_it_has_the_rollback_sent_once_more).
        if rules.is_undone(found) and rules.may_have_moved(outcome):
            return await self._roll_back_late(operator, transfer, outcome)
        return found

    async def _roll_back_late(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Transfer | None:
        reason = self._context.reasons.from_gateway(f"{transfer.direction} went out after its rollback was decided")
        self._context.metrics.late_arrival(operator.name)
        change = rules.roll_back_late(transfer, outcome, reason, self._context.clock.now())
        return (await self._write(operator, change)).transfer

    async def _write(self, operator: Operator, change: Change) -> Changed:
        crash_point("unrecorded.begun")
        # In progress meanwhile: calls that wait for the hold go on as soon as this is written.
        with self._context.single_flight.begin(change.key):
            changed = await self._write_until_durable(operator, change)
        crash_point("unrecorded.recorded")
        if changed.moved and change.reason is not None:
            self._context.reasons.count(operator.name, change.reason)
            if change.to in FINAL:
                self._context.metrics.ended(operator.name, change.key.direction, change.to)
            else:
                self._context.wake(operator.name, Recipient.OPERATOR, change.at)
        return changed

    async def _write_until_durable(self, operator: Operator, change: Change) -> Changed:
        # Sent again without knowing whether an earlier one arrived: the compare-and-set makes that harmless.
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._context.journal(operator).change(change)
            except JournalUnavailable as error:
                log.warning("rollback waits for the journal", id=change.key.id, error=str(error))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _is_own_record(found: Transfer, sent: Transfer) -> bool:
    """Whether the row is `held` by the very commit whose answer was lost, and nobody has touched it since.

    That commit raised the revision by one. Whoever repeats a receipt pins it first (`rules.pin_receipt`), which raises
    it once more: from a row at the next revision nobody has been answered
    (test_a_success_that_a_repeat_was_told_is_not_taken_back).
    """
    return found.state is State.HELD and found.revision == sent.revision + 1
