"""Withdraws and deposits: written down, then sent once, whatever happens."""

from __future__ import annotations

import msgspec

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Inserted
from gateway.money import Money
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import Refused
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import Key, Session, State, Transfer, Verdict
from gateway.transfers import refusals, rules, states
from gateway.transfers.balances import Balances
from gateway.transfers.context import Context, await_journal
from gateway.transfers.sessions import Sessions
from gateway.transfers.states import Action, TransferCall
from gateway.transfers.unrecorded import UnrecordedOutcomes
from gateway.transfers.watch import Watch
from gateway.wire.calls import HOLD_CALL
from gateway.wire.errors import WalletError


class HoldCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The game's wish to take (withdraw) or give (deposit) `amount`."""

    key: Key
    token: str
    amount: Money
    description: str

    @property
    def fingerprint(self) -> str:
        return rules.fingerprint(self.token, self.amount, self.description)


class Holds:
    """Carries out holds. `hold` answers the balance after it (None: nobody can tell it) or raises `WalletError`."""

    def __init__(self, context: Context, sessions: Sessions, balances: Balances, followups: UnrecordedOutcomes) -> None:
        self._context = context
        self._sessions = sessions
        self._balances = balances
        self._followups = followups

    async def hold(self, operator: Operator, hold: HoldCommand) -> Money | None:
        crash_point("hold.begun")
        try:
            session = await self._sessions.known(operator, hold.token)
        except WalletError:
            self._note_unsent(hold, Session(operator=operator.name, token=hold.token))
            raise
        if hold.key in self._context.flights:
            return await self._repeated(operator, hold)
        try:
            await operator.bulkhead.enter(CallGroup.HOLDS)
        except Refused as refused:
            return await self._refused(operator, hold, session, refused)
        crash_point("hold.admitted")
        with self._context.flights.begin(hold.key):
            try:
                opened = await self._open(operator, hold, session)
                outcome = await self._send(operator, opened.transfer) if opened.created else None
            finally:
                operator.bulkhead.leave()
            if outcome is not None:
                return await self._record(operator, opened.transfer, outcome)
        return await self._repeated(operator, hold)

    async def _open(self, operator: Operator, hold: HoldCommand, session: Session) -> Inserted:
        """Nothing is sent before this row is durable, and only who made it sends."""
        transfer = self._row(operator, hold, session)
        try:
            opened = await self._context.journal(operator).insert(transfer)
        except JournalUnavailable as error:
            self._note_unsent(hold, session)
            raise refusals.journal_unavailable("nothing was sent for this call") from error
        crash_point("hold.durable")
        if opened.created:  # somebody else's transfer of this id is not this session's
            self._context.opened_here.put(hold.key, session)
        return opened

    def _note_unsent(self, hold: HoldCommand, session: Session) -> None:
        """The journal cannot keep that this hold was not sent. Whoever used its id first owns it."""
        if hold.key not in self._context.unsent:
            self._context.unsent.put(hold.key, session)

    def _row(self, operator: Operator, hold: HoldCommand, session: Session) -> Transfer:
        lease = self._context.lease(operator)
        now = self._context.clock.now()
        return Transfer(
            operator=hold.key.operator,
            direction=hold.key.direction,
            id=hold.key.id,
            state=State.SENDING,
            amount=hold.amount,
            description=hold.description,
            session=session,
            fingerprint=hold.fingerprint,
            owner=lease.owner,
            due_at=lease.until,
            opened_at=now,
            changed_at=now,
        )

    async def _send(self, operator: Operator, transfer: Transfer) -> Outcome:
        """What came of the one send. Whoever slept through the lease does not send: others may be undoing it."""
        now = self._context.clock.now()
        assert transfer.due_at is not None
        if now >= transfer.due_at:
            text = "the gateway stood still for too long"
            return Outcome(verdict=Verdict.UNSENT, at=now, took_s=0.0, text=text, unwritten=True)
        return await operator.attempt(HOLD_CALL[transfer.direction], transfer)

    async def _record(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money | None:
        crash_point("hold.answered")
        now = self._context.clock.now()
        attempt = rules.build_attempt(HOLD_CALL[transfer.direction], outcome, transfer, self._context.instance)
        if outcome.verdict is Verdict.SUCCESS:
            change = rules.mark_held(transfer, outcome, attempt, now)
        else:
            reason = self._context.reasoning.gateway(f"{transfer.direction} failed: {outcome.text}")
            change = rules.roll_back_failed(transfer, outcome, attempt, reason, now)
        try:
            changed = await self._context.journal(operator).change(change)
        except JournalUnavailable:
            return await self._unrecorded(operator, transfer, outcome)
        crash_point("hold.recorded")
        if not changed.moved or changed.transfer is None:
            raise await self._overtaken(operator, transfer, outcome)
        if outcome.verdict is Verdict.SUCCESS:
            return await self._told(operator, changed.transfer, outcome)
        assert change.reason is not None
        self._context.reasoning.count(operator.name, change.reason)
        if outcome.unwritten:
            self._context.metrics.ended(operator.name, transfer.direction, change.to)
        else:
            self._context.wake(operator.name, now)
        crash_point("hold.refused")
        raise refusals.failed_hold(transfer, attempt, unwritten=outcome.unwritten)

    async def _unrecorded(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money | None:
        """Nobody knows whether the outcome was recorded; the game is told what stands once that is certain."""
        stands = await self._followups.roll_back_unrecorded(operator, transfer, outcome)
        if outcome.verdict is not Verdict.SUCCESS or stands is None or not rules.is_held(stands):
            raise refusals.not_recorded(transfer)
        return await self._told(operator, stands, outcome)

    async def _told(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money | None:
        if outcome.balance is not None:
            self._balances.told(transfer.session, outcome.balance)
        return await self._balances.after(operator, transfer, transfer.session, outcome.balance)

    async def _overtaken(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> WalletError:
        """Others took this instance for dead and rolled the transfer back while it was out."""
        if rules.may_have_moved(outcome):
            await self._followups.roll_back_late(operator, transfer, outcome)
        return refusals.rolled_back(transfer)

    async def _refused(self, operator: Operator, hold: HoldCommand, session: Session, refused: Refused) -> Money | None:
        """There is no place for it, or the breaker is open. That nothing is sent is written down: its rollback, which
        the contract demands, need not go to an operator that has never heard of it, at whichever gateway it arrives.
        A repeat is answered as ever."""
        reason = self._context.reasoning.gateway(f"{hold.key.direction} refused before it was sent: {refused.text}")
        transfer = rules.end_unsent(self._row(operator, hold, session), reason, self._context.clock.now())
        try:
            opened = await self._context.journal(operator).insert(transfer, reason)
        except JournalUnavailable:
            self._note_unsent(hold, session)
            raise refusals.not_sent(refused.text) from None
        if not opened.created:
            return await self._repeated(operator, hold)
        self._context.metrics.ended(operator.name, transfer.direction, transfer.state)
        self._context.reasoning.count(operator.name, reason)
        raise refusals.not_sent(refused.text)

    async def _repeated(self, operator: Operator, hold: HoldCommand) -> Money | None:
        """The answer to a hold whose id is there already."""
        watch = Watch(self._context, operator, hold.key)
        transfer = await watch.look()
        waited = False
        while transfer is None or not await self._stands(operator, hold, transfer):
            if transfer is None and hold.key not in self._context.flights:
                raise refusals.not_sent("the same call failed before it could be recorded")
            waited = True
            transfer = await watch.look_again()
        action = self._action(hold, transfer)
        if action is Action.REPLAY_HOLD:
            return await self._balances.after(operator, transfer, transfer.session, transfer.hold_balance)
        if action is Action.REFUSE_UNSENT:
            raise refusals.never_sent(transfer)
        if waited:
            raise await self._same_refusal(operator, transfer)
        raise refusals.rolled_back(transfer)

    async def _stands(self, operator: Operator, hold: HoldCommand, transfer: Transfer) -> bool:
        """Whether what was found may be told. A receipt may not be taken back by the one who sent the hold and could
        not record its outcome, so that it is touched first."""
        if transfer.state is not State.HELD:
            return self._action(hold, transfer) is not Action.WAIT
        self._action(hold, transfer)
        vouched = rules.pin_receipt(hold.key, self._context.clock.now())
        changed = await await_journal(self._context.journal(operator).change(vouched), "ask again")
        return changed.moved

    def _action(self, hold: HoldCommand, transfer: Transfer) -> Action:
        if not transfer.adopted and transfer.fingerprint != hold.fingerprint:
            raise refusals.id_reused(transfer, hold.amount, hold.description)
        if transfer.adopted and transfer.amount not in (None, hold.amount):
            raise refusals.id_reused(transfer, hold.amount, transfer.description)
        return states.action_for(TransferCall.HOLD, transfer.state, transfer.wants, adopted=transfer.adopted)

    async def _same_refusal(self, operator: Operator, transfer: Transfer) -> WalletError:
        """Who waited for another one's hold is told what that one was told."""
        timeline = await await_journal(
            self._context.journal(operator).timeline(transfer.key),
            "what came of an earlier call cannot be looked up; ask again",
        )
        tries = timeline.attempts if timeline else []
        sent = next((attempt for attempt in tries if attempt.call == HOLD_CALL[transfer.direction]), None)
        # It ended without a rollback being sent only where nothing of it had been written.
        unwritten = transfer.state is State.ROLLED_BACK and len(tries) == 1
        failed = None if sent is None else refusals.failed_hold(transfer, sent, unwritten=unwritten)
        return failed or refusals.rolled_back(transfer)
