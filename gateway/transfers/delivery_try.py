"""One try to deliver a decision to the operator, and what is written down of it; and taking over an orphaned hold."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
import structlog

from gateway.crashpoints import crash_point
from gateway.journal.writes import Change
from gateway.operators.errors import Refused
from gateway.operators.far_side import Admission, FarSide
from gateway.operators.outcome import Outcome
from gateway.records import FINAL, State, Transfer
from gateway.transfers import rules
from gateway.transfers.context import Context
from gateway.wire.calls import MoneyCall

PROBE_SPREAD_S: Final = 1.0
"""Random spread, in seconds, of postponed tries: without it all would return at once and fill the bulkhead again."""

log = structlog.get_logger(__name__)


class DeliveryTry:
    """Makes one try to deliver a decided transfer that this instance has claimed."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def deliver(self, far_side: FarSide, transfer: Transfer, resume_at: float | None = None) -> Transfer:
        """One try. Returns the row after it. `resume_at`: see `rules.after_try`.

        Raises `JournalUnavailable`: whatever the operator said then counts for nothing, and once the lease is over
        the try is made again.
        """
        # In progress, so that a call of the game joins this try instead of making another.
        with self._context.single_flight.begin(transfer.key):
            change = await self._try(far_side, transfer, resume_at)
            changed = await self._context.journal(far_side).change(change)
        crash_point("delivery.recorded")
        if changed.moved:
            self._count(change)
        if change.due_at is not None:
            self._context.wake(far_side.name, far_side.recipient, change.due_at)
        # Not moved: another instance or a person has changed the row meanwhile. That change stays, ours is not written
        # (test_a_delivery_whose_lease_was_lost_changes_nothing).
        return changed.transfer or transfer

    async def recover(self, far_side: FarSide, transfer: Transfer) -> Transfer | None:
        """Decides to roll back a hold whose sender is gone, since nobody knows whether the operator took it.

        Returns the row, None if somebody else has moved it meanwhile. Raises `JournalUnavailable`.
        """
        reason = self._context.reasons.from_gateway(f"{transfer.direction} interrupted: its outcome was never recorded")
        change = rules.roll_back_orphan(transfer, self._context.lease(far_side), reason, self._context.clock.now())
        changed = await self._context.journal(far_side).change(change)
        crash_point("delivery.recovered")
        if not changed.moved:
            return None
        self._context.reasons.count(transfer.operator, reason)
        return changed.transfer

    async def _try(self, far_side: FarSide, transfer: Transfer, resume_at: float | None) -> Change:
        try:
            async with far_side.admit(far_side.ends) as admission:
                crash_point("delivery.admitted")
                return await self._attempt(far_side, admission, transfer, resume_at)
        except Refused as refused:  # only entering the block raises it: nothing was sent, so no try is used up
            crash_point("delivery.postponed")
            until = refused.retry_at + PROBE_SPREAD_S * self._context.random_share()
            return rules.postpone(transfer, until, self._context.clock.now(), resume_at)

    async def _attempt(
        self, far_side: FarSide, admission: Admission, transfer: Transfer, resume_at: float | None
    ) -> Change:
        """What follows one try with this slot; where that would be parking, the operator is asked first what became of
        the transfer."""
        decision = rules.DECISION_OF_DELIVERY[transfer.state]
        call = far_side.end_call(transfer.direction, decision)
        asked_at = self._context.clock.now()
        outcome = await admission.attempt(call, rules.for_try(transfer, far_side.delivery, asked_at))
        judge = partial(self._judge, far_side, transfer, call, asked_at, resume_at)
        change = judge(outcome)
        # The decision to park itself asks, so that nothing has to foresee it: which try is the last one depends on when
        # it is answered (docs/decisions/095-asked-before-it-is-parked.md).
        if rules.is_worth_asking(change, outcome):
            outcome = await admission.ask(call, transfer, outcome)
            change = judge(outcome)
        crash_point("delivery.answered")
        label = rules.delivery_label(transfer.key, decision)
        self._context.metrics.delivery_tried(far_side.name, label, outcome.verdict)
        return change

    def _judge(
        self,
        far_side: FarSide,
        transfer: Transfer,
        call: MoneyCall,
        asked_at: float,
        resume_at: float | None,
        outcome: Outcome,
    ) -> Change:
        """What this outcome of a try comes to now."""
        if transfer.missing_at is not None:
            # The very time that decided what the operator was asked decides what its answer is worth.
            outcome = msgspec.structs.replace(outcome, at=asked_at)
        attempt = rules.build_attempt(call, outcome, transfer, self._context.instance)
        # A clock that was set ahead while nobody was alive would end a schedule of days after one try
        # (test_a_clock_that_is_ahead_at_the_start_parks_and_forgets_nothing).
        plan = far_side.delivery.longer_by(self._context.doubt_s())
        now = self._context.clock.now()
        return rules.after_try(transfer, attempt, outcome, plan, now, self._context.random_share(), resume_at)

    def _count(self, change: Change) -> None:
        operator, direction, id = change.key
        if change.to in FINAL:
            self._context.metrics.delivered(
                operator, rules.delivery_label(change.key, rules.DECISION_OF_END[change.to])
            )
            self._context.metrics.ended(operator, direction, change.to)
        elif change.to is State.PARKED and change.wants is not None:
            crash_point("delivery.parked")
            self._context.metrics.parked(operator, rules.delivery_label(change.key, change.wants))
            log.error("parked", operator=operator, direction=direction, id=id, wants=change.wants)
