"""Withdraws and deposits: written down, then sent once, whatever happens."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.records import Key, Session, State, Transfer, Verdict
from gateway.journal.writes import Opened
from gateway.money import Money
from gateway.operators.errors import Refused
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.transfers import answers, rules, states
from gateway.transfers.balances import balance_after
from gateway.transfers.context import Context, recorded
from gateway.transfers.followups import Followups
from gateway.transfers.sessions import Sessions
from gateway.transfers.states import Action, Call
from gateway.transfers.watch import Watch
from gateway.wire.errors import WalletError


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """The game's wish to take (withdraw) or give (deposit) `amount`."""

    key: Key
    token: str
    amount: Money
    description: str

    @property
    def fingerprint(self) -> str:
        """What a repeat must share to count as the same call. It does not tell the token."""
        content = "\x00".join((self.token, str(self.amount), self.description))
        return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Holds:
    """Carries out holds. `hold` answers the balance after it or raises `WalletError`."""

    def __init__(self, context: Context, sessions: Sessions, followups: Followups) -> None:
        self._context = context
        self._sessions = sessions
        self._followups = followups

    async def hold(self, operator: Operator, hold: Hold) -> Money:
        crash_point("hold.begun")
        session = await self._sessions.known(operator, hold.token)
        if hold.key in self._context.flights:
            return await self._repeated(operator, hold)
        try:
            await operator.guard.enter()
        except Refused as refused:
            return await self._repeated(operator, hold, otherwise=answers.not_sent(refused.text))
        crash_point("hold.admitted")
        with self._context.flights.flying(hold.key):
            try:
                opened = await self._open(operator, hold, session)
                outcome = await self._send(operator, opened.transfer) if opened.created else None
            finally:
                operator.guard.leave()
            if outcome is not None:
                return await self._record(operator, opened.transfer, outcome)
        return await self._repeated(operator, hold)

    async def _open(self, operator: Operator, hold: Hold, session: Session) -> Opened:
        """Nothing is sent before this row is durable, and only who made it sends."""
        lease = self._context.lease(operator)
        now = self._context.clock.now()
        transfer = Transfer(
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
        opened = await recorded(self._context.journal(operator).open(transfer), "nothing was sent for this call")
        crash_point("hold.durable")
        self._context.seen.add(hold.key)
        return opened

    async def _send(self, operator: Operator, transfer: Transfer) -> Outcome:
        """What came of the one send. Whoever slept through the lease does not send: others may be undoing it."""
        now = self._context.clock.now()
        assert transfer.due_at is not None
        if now >= transfer.due_at:
            return Outcome(verdict=Verdict.UNSENT, at=now, took_s=0.0, text="the gateway stood still for too long")
        return await operator.attempt(rules.HOLD_CALL[transfer.direction], transfer)

    async def _record(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money:
        crash_point("hold.answered")
        now = self._context.clock.now()
        attempt = rules.attempt_of(rules.HOLD_CALL[transfer.direction], outcome, self._context.instance)
        if outcome.verdict is Verdict.SUCCESS:
            change = rules.taken(transfer, outcome, attempt, now)
        else:
            reason = self._context.reasoning.gateway(f"{transfer.direction} failed: {outcome.text}")
            change = rules.not_taken(transfer, outcome, attempt, reason, now)
        try:
            changed = await self._context.journal(operator).change(change)
        except JournalUnavailable:
            return await self._unrecorded(operator, transfer, outcome)
        crash_point("hold.recorded")
        if not changed.moved:
            raise await self._overtaken(operator, transfer, outcome)
        if change.reason is not None:
            self._context.reasoning.count(operator.name, change.reason)
        if outcome.balance is not None:
            return outcome.balance
        self._context.poke(operator.name, now)
        crash_point("hold.refused")
        raise answers.of_failed_hold(transfer, attempt)

    async def _unrecorded(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> Money:
        """Nobody knows whether the outcome was recorded; the game is told what stands once that is certain."""
        stands = await self._followups.disown(operator, transfer, outcome)
        if outcome.balance is None or stands is None or not rules.is_held(stands):
            raise answers.not_recorded(transfer)
        return outcome.balance

    async def _overtaken(self, operator: Operator, transfer: Transfer, outcome: Outcome) -> WalletError:
        """Others took this instance for dead and rolled the transfer back while it was out."""
        if rules.may_have_moved(outcome):
            await self._followups.undo_late(operator, transfer, outcome)
        return answers.rolled_back(transfer)

    async def _repeated(self, operator: Operator, hold: Hold, otherwise: WalletError | None = None) -> Money:
        """The answer to a hold whose id is there already, or `otherwise` if it is not."""
        watch = Watch(self._context, operator, hold.key)
        transfer = await watch.look()
        waited = False
        while transfer is None or not await self._stands(operator, hold, transfer):
            if transfer is None and hold.key not in self._context.flights:
                raise otherwise or answers.not_sent("the same call failed before it could be recorded")
            waited = True
            transfer = await watch.look_again()
        if self._action(hold, transfer) is Action.REPLAY_HOLD:
            return await balance_after(operator, transfer, transfer.hold_balance)
        if waited:
            raise await self._same_refusal(operator, transfer)
        raise answers.rolled_back(transfer)

    async def _stands(self, operator: Operator, hold: Hold, transfer: Transfer) -> bool:
        """Whether what was found may be told. A receipt may not be taken back by the one who sent the hold and could
        not record its outcome, so that it is touched first."""
        if transfer.state is not State.HELD:
            return self._action(hold, transfer) is not Action.WAIT
        self._action(hold, transfer)
        vouched = rules.vouched(hold.key, self._context.clock.now())
        changed = await recorded(self._context.journal(operator).change(vouched), "ask again")
        return changed.moved

    def _action(self, hold: Hold, transfer: Transfer) -> Action:
        if not transfer.adopted and transfer.fingerprint != hold.fingerprint:
            raise answers.id_reused(transfer)
        if transfer.adopted and transfer.amount not in (None, hold.amount):
            raise answers.id_reused(transfer)
        return states.action(Call.HOLD, transfer.state, transfer.wants)

    async def _same_refusal(self, operator: Operator, transfer: Transfer) -> WalletError:
        """Who waited for another one's hold is told what that one was told."""
        timeline = await recorded(
            self._context.journal(operator).timeline(transfer.key),
            "what came of an earlier call cannot be looked up; ask again",
        )
        tries = timeline.attempts if timeline else []
        sent = next((attempt for attempt in tries if attempt.call == rules.HOLD_CALL[transfer.direction]), None)
        return answers.rolled_back(transfer) if sent is None else answers.of_failed_hold(transfer, sent)
