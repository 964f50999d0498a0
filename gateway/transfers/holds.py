"""Withdraws and deposits: written down, then sent once, whatever happens.

A hold's way: find the session, get a slot at the operator, insert the row, send, record what came of it. Who finds the
row there already (a repeat, or an end that came first) follows `states.HOLD_ACTIONS`.
"""

from __future__ import annotations

from typing import Final, assert_never

import msgspec

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Inserted
from gateway.money import Money
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import Refused
from gateway.operators.far_side import Admission
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import Key, Recipient, Session, State, Transfer, Verdict
from gateway.telemetry.call_context import note_session
from gateway.transfers import refusals, rules, states
from gateway.transfers.balances import Balances
from gateway.transfers.context import Context, await_journal
from gateway.transfers.sessions import Sessions
from gateway.transfers.states import HoldAction
from gateway.transfers.unrecorded import UnrecordedOutcomes
from gateway.transfers.watch import Watch
from gateway.wire.calls import HOLD_CALL
from gateway.wire.errors import WalletError

RETIRING: Final = "the operator is being retired"


class HoldCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The game asks to take (withdraw) or give (deposit) `amount`."""

    key: Key
    token: str
    amount: Money
    description: str

    @property
    def fingerprint(self) -> str:
        return rules.fingerprint(self.token, self.amount, self.description)


class Holds:
    """Carries out holds."""

    def __init__(
        self, context: Context, sessions: Sessions, balances: Balances, unrecorded: UnrecordedOutcomes
    ) -> None:
        self._context = context
        self._sessions = sessions
        self._balances = balances
        self._unrecorded = unrecorded

    async def hold(self, operator: Operator, command: HoldCommand) -> Money | None:
        """Returns the balance after the hold, None if nobody can tell it. Raises `WalletError`."""
        crash_point("hold.begun")
        try:
            session = await self._sessions.find(operator, command.token)
        except WalletError:
            self._remember_unsent(command, Session(operator=operator.name, token=command.token))
            raise
        note_session(session)
        if command.key in self._context.single_flight:  # before a slot is taken: a repeat needs none
            return await self._answer_repeat(operator, command)
        if operator.settings.retiring:
            return await self._record_refused(
                operator, command, session, refusals.retiring(command.key.direction), RETIRING
            )
        try:
            async with operator.admit(CallGroup.HOLDS) as admission:
                return await self._hold_admitted(operator, command, session, admission)
        except Refused as refused:  # only entering the block raises it
            return await self._record_refused(operator, command, session, refusals.not_sent(refused.text), refused.text)

    async def _hold_admitted(
        self, operator: Operator, command: HoldCommand, session: Session, admission: Admission
    ) -> Money | None:
        crash_point("hold.admitted")
        # Entered after the wait for a slot, so that an end of this transfer need not wait for that slot too.
        with self._context.single_flight.begin(command.key):
            inserted = await self._insert(operator, command, session)
            if inserted.created:
                outcome = await self._send(operator, admission, inserted.transfer)
                admission.leave()  # the journal's commit must not keep the operator's slot
                return await self._record(operator, inserted.transfer, outcome)
        # Outside the block above: this waits for whoever is working on the transfer, and would wait for itself.
        admission.leave()
        return await self._answer_repeat(operator, command)

    async def _insert(self, operator: Operator, command: HoldCommand, session: Session) -> Inserted:
        """Inserts the row. Nothing is sent before it is durable, and only the call that created it may send."""
        transfer = self._build_row(operator, command, session)
        try:
            inserted = await self._context.journal(operator).insert(transfer)
        except JournalUnavailable as error:
            self._remember_unsent(command, session)
            raise refusals.journal_unavailable("nothing was sent for this call") from error
        crash_point("hold.durable")
        if inserted.created:  # a row that was there may be another player's: it must not be remembered as ours
            self._context.opened_here.put(command.key, session)
        return inserted

    def _remember_unsent(self, command: HoldCommand, session: Session) -> None:
        """The journal cannot keep that this hold was not sent."""
        # Whoever used the id first owns it: a second player's hold of the same id must not take its rollback away
        # (test_a_hold_that_was_never_sent_is_its_own_players_too).
        if command.key not in self._context.unsent:
            self._context.unsent.put(command.key, session)

    def _build_row(self, operator: Operator, command: HoldCommand, session: Session) -> Transfer:
        lease = self._context.lease(operator)
        now = self._context.clock.now()
        return Transfer(
            operator=command.key.operator,
            direction=command.key.direction,
            id=command.key.id,
            state=State.SENDING,
            amount=command.amount,
            description=command.description,
            session=session,
            fingerprint=command.fingerprint,
            owner=lease.owner,
            due_at=lease.until,
            opened_at=now,
            changed_at=now,
        )

    async def _send(self, operator: Operator, admission: Admission, transfer: Transfer) -> Outcome:
        """What came of the one send."""
        now = self._context.clock.now()
        assert transfer.due_at is not None
        # Once the row's lease or this instance's own is over, another instance may be rolling it back at this moment: a
        # hold that went out now would reach the operator after its rollback
        # (test_who_slept_through_its_own_lease_before_sending_sends_nothing).
        is_ours = self._context.holds_lease_since(operator.journal, transfer.opened_at)
        if now >= transfer.due_at or not is_ours:
            text = "the gateway stood still for too long"
            return Outcome(verdict=Verdict.UNSENT, at=now, took_s=0.0, text=text, unwritten=True)
        return await admission.attempt(HOLD_CALL[transfer.direction], transfer)

    async def _record(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money | None:
        crash_point("hold.answered")
        now = self._context.clock.now()
        attempt = rules.build_attempt(HOLD_CALL[transfer.direction], outcome, transfer, self._context.instance)
        if outcome.verdict is Verdict.SUCCESS:
            change = rules.mark_held(transfer, outcome, attempt, now)
        else:
            reason = self._context.reasons.from_gateway(f"{transfer.direction} failed: {outcome.text}")
            change = rules.roll_back_failed(transfer, outcome, attempt, reason, now)
        try:
            changed = await self._context.journal(operator).change(change)
        except JournalUnavailable:
            return await self._settle_unrecorded(operator, transfer, outcome)
        crash_point("hold.recorded")
        if not changed.moved or changed.transfer is None:
            raise await self._overtaken(operator, transfer, outcome)
        if outcome.verdict is Verdict.SUCCESS:
            return await self._answer_success(operator, changed.transfer, outcome)
        assert change.reason is not None
        self._context.reasons.count(operator.name, change.reason)
        if outcome.unwritten:
            self._context.metrics.ended(operator.name, transfer.direction, change.to)
        else:
            self._context.wake(operator.name, Recipient.OPERATOR, now)
        crash_point("hold.refused")
        raise refusals.failed_hold(transfer, attempt, unwritten=outcome.unwritten)

    async def _settle_unrecorded(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money | None:
        """The journal may or may not have recorded the outcome."""
        # The game is answered from what is durable, and only then: a gateway that dies before that has told nothing
        # that a later start could contradict (docs/safety.md, seeds 1451 and 2095).
        durable = await self._unrecorded.roll_back_unrecorded(operator, transfer, outcome)
        if outcome.verdict is not Verdict.SUCCESS or durable is None or not rules.is_held(durable):
            raise refusals.not_recorded(transfer)
        return await self._answer_success(operator, durable, outcome)

    async def _answer_success(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money | None:
        if outcome.balance is not None:
            self._balances.remember(transfer.session, outcome.balance)
        return await self._balances.after_step(operator, transfer, transfer.session, outcome.balance)

    async def _overtaken(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> WalletError:
        """Others took this instance for dead and rolled the transfer back while its hold was out."""
        if rules.may_have_moved(outcome):
            await self._unrecorded.roll_back_late(operator, transfer, outcome)
        return refusals.rolled_back(transfer)

    async def _record_refused(
        self, operator: Operator, command: HoldCommand, session: Session, refusal: WalletError, why: str
    ) -> Money | None:
        """Nothing is sent. A repeat of an earlier hold is answered as ever; else always raises the refusal."""
        reason = self._context.reasons.from_gateway(f"{command.key.direction} refused before it was sent: {why}")
        row = self._build_row(operator, command, session)
        transfer = rules.end_unsent(row, reason, self._context.clock.now())
        # Written down as ended, so that the rollback which the contract demands is not sent to an operator that has
        # never heard of it, whichever gateway it arrives at (docs/decisions/093-what-was-never-written.md).
        try:
            inserted = await self._context.journal(operator).insert(transfer, reason)
        except JournalUnavailable:
            self._remember_unsent(command, session)
            raise refusal from None
        if not inserted.created:
            return await self._answer_repeat(operator, command)
        self._context.metrics.ended(operator.name, transfer.direction, transfer.state)
        self._context.reasons.count(operator.name, reason)
        raise refusal

    async def _answer_repeat(self, operator: Operator, command: HoldCommand) -> Money | None:
        """The answer to a hold whose key is in use already: what the table says for the row that is found."""
        watch = Watch(self._context, operator, command.key)
        waited = False
        while True:
            # Asked before the look, which may begin before the other call inserts its row and return after that call
            # has ended (test_a_repeat_whose_look_came_before_the_row_is_not_told_that_nothing_was_sent).
            was_in_progress = command.key in self._context.single_flight
            transfer = await watch.look()
            if transfer is None:
                if not was_in_progress:
                    raise refusals.not_sent("the same call failed before it could be recorded")
            else:
                _require_same_content(command, transfer)
                action = states.hold_action(transfer)
                assert action is not HoldAction.SEND  # that is for a key without a row
                match action:
                    case HoldAction.WAIT:
                        pass
                    case HoldAction.PIN_AND_REPLAY:
                        if await self._pin_receipt(operator, command.key):
                            return await self._replay(operator, transfer)
                    case HoldAction.REPLAY:
                        return await self._replay(operator, transfer)
                    case HoldAction.REFUSE_UNSENT:
                        raise refusals.hold_after_confirm(transfer)
                    case HoldAction.REFUSE_ROLLED_BACK:
                        raise await self._same_refusal(operator, transfer) if waited else refusals.rolled_back(transfer)
                    case _:
                        assert_never(action)
            waited = True
            await watch.wait()

    async def _pin_receipt(self, operator: Operator, key: Key) -> bool:
        """Whether the receipt may be repeated: the row is still held, and its revision has grown."""
        # If the hold's sender did not get its commit's answer, it rolls the row back at that commit's revision. A
        # higher revision stops it, so that a yes is never followed by a rollback of ours
        # (test_a_success_that_a_repeat_was_told_is_not_taken_back).
        pin = rules.pin_receipt(key, self._context.clock.now())
        changed = await await_journal(self._context.journal(operator).change(pin), "ask again")
        return changed.moved

    async def _replay(self, operator: Operator, transfer: Transfer) -> Money | None:
        return await self._balances.after_step(operator, transfer, transfer.session, transfer.hold_balance)

    async def _same_refusal(self, operator: Operator, transfer: Transfer) -> WalletError:
        """A call that waited for another call's hold gets the answer of that call."""
        timeline = await await_journal(
            self._context.journal(operator).timeline(transfer.key),
            "what came of an earlier call cannot be looked up; ask again",
        )
        tries = timeline.attempts if timeline else []
        sent = next((attempt for attempt in tries if attempt.call == HOLD_CALL[transfer.direction]), None)
        # After a success it is the game that has rolled back since, and the operator declined nothing.
        if sent is None or sent.verdict is Verdict.SUCCESS:
            return refusals.rolled_back(transfer)
        # Ended after one attempt: nothing had been written, so that no rollback was sent.
        unwritten = transfer.state is State.ROLLED_BACK and len(tries) == 1
        return refusals.failed_hold(transfer, sent, unwritten=unwritten)


def _require_same_content(command: HoldCommand, transfer: Transfer) -> None:
    """Raises `WalletError` unless the call is a copy of the one that the row was made for. Of an adopted transfer
    the amount alone is known, and that only from a confirm."""
    if transfer.adopted:
        if transfer.amount not in (None, command.amount):
            raise refusals.id_reused(transfer, command.amount, transfer.description)
    elif transfer.fingerprint != command.fingerprint:
        raise refusals.id_reused(transfer, command.amount, command.description)
