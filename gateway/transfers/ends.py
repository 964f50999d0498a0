"""Confirms and rollbacks: the first decision that is durable wins, and is delivered at once while the game waits."""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Changed, Inserted
from gateway.money import Money
from gateway.operators.operator import Operator
from gateway.operators.outcome import match_currency
from gateway.records import FINAL, Decision, Key, Reason, Session, State, Transfer
from gateway.transfers import refusals, rules, states
from gateway.transfers.balances import Balances
from gateway.transfers.context import Context, await_journal
from gateway.transfers.delivery_try import DeliveryTry
from gateway.transfers.rules import SessionOwner
from gateway.transfers.sessions import Sessions
from gateway.transfers.states import Action, TransferCall
from gateway.transfers.watch import Watch
from gateway.wire.errors import WalletError

_NOTES: Final = frozenset({Action.NOTE_AND_JOIN, Action.NOTE_AND_REPLAY})

log = structlog.get_logger(__name__)


class EndCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The game's wish to end a transfer: `amount` comes with a confirm, `reason` with a rollback."""

    key: Key
    decision: Decision
    token: str
    amount: Money | None = None
    reason: Reason | None = None

    @property
    def call(self) -> TransferCall:
        return TransferCall.CONFIRM if self.decision is Decision.CONFIRM else TransferCall.ROLLBACK


class Ends:
    """Carries out confirms and rollbacks. `end` answers the balance after it (None: nobody can tell it) or raises
    `WalletError`."""

    def __init__(self, context: Context, sessions: Sessions, balances: Balances, deliverer: DeliveryTry) -> None:
        self._context = context
        self._sessions = sessions
        self._balances = balances
        self._deliverer = deliverer

    async def end(self, operator: Operator, ending: EndCommand) -> Money | None:
        crash_point("end.begun")
        with self._context.flights.begin(ending.key):
            unsent = await self._end_unsent(operator, ending)
            if unsent is not None:
                return await self._balances.after(operator, unsent, unsent.session, None)
            decided = await self._begun(operator, ending)
            if decided.moved and decided.transfer is not None:
                return await self._deliver(operator, ending, decided.transfer)
        return await self._follow(operator, ending, decided.transfer)

    async def _end_unsent(self, operator: Operator, ending: EndCommand) -> Transfer | None:
        """The row, ended, of a hold for which this process could not write one and which it did not send. Another
        gateway has sent none either, if the journal has no row of it by now. None: it is not such a one."""
        session = self._context.unsent.get(ending.key)
        if session is None:
            return None
        now = self._context.clock.now()
        reason = ending.reason or self._context.reasoning.gateway(f"{ending.key.direction} was never sent")
        lease = self._context.lease(operator)
        begun = rules.adopt(ending.key, Decision.ROLLBACK, session, lease, now, amount=None, reason=reason)
        transfer = rules.end_unsent(begun, reason, now)
        try:
            await self._named(operator, ending, transfer)
        except WalletError:
            if await Watch(self._context, operator, ending.key).look() is None:
                raise
            return None  # somebody has written its row, and that says whose it is
        opened = await self._open(operator, transfer, reason)
        if not opened.created:
            return None
        self._context.metrics.ended(operator.name, transfer.direction, transfer.state)
        if ending.decision is Decision.CONFIRM:
            raise refusals.rolled_back(transfer)
        return opened.transfer

    async def _begun(self, operator: Operator, ending: EndCommand) -> Changed:
        """The write that is most likely to make the transfer this call's to deliver. Nothing is decided before it is
        known whose transfer it is: only where this process opened it under the very same token that needs no look."""
        session = self._context.opened_here.get(ending.key)
        if session is not None and session.token == ending.token:
            return await self._decide(operator, ending)
        adopts = operator.settings.unknown_transfers == "forward"
        if session is None and adopts and self._context.journal(operator).exclusive:
            return await self._adopt(operator, ending)
        return Changed(await Watch(self._context, operator, ending.key).look(), moved=False)

    async def _follow(self, operator: Operator, ending: EndCommand, transfer: Transfer | None) -> Money | None:
        """Does what the table says for the state that was found, until the transfer is this call's to deliver or
        has ended."""
        watch = Watch(self._context, operator, ending.key)
        noted, named, asked = False, None, False
        while True:
            if transfer is not None and not asked:  # once a call: what is answered later must not change it half way
                named, asked = await self._named(operator, ending, transfer), True
            ending = _in_its_currency(ending, transfer)
            action = self._action(ending, transfer)
            if action in _NOTES and not noted:
                await self._note(operator, ending)
                noted = True
            if transfer is not None and transfer.state in FINAL:
                return await self._balances.after(operator, transfer, named or transfer.session, transfer.end_balance)
            changed = await self._step(operator, ending, action, transfer)
            if changed is None:
                transfer = await watch.look_again()
            elif changed.moved and changed.transfer is not None:
                return await self._deliver(operator, ending, changed.transfer, _resume_at(transfer), named)
            else:
                transfer = changed.transfer

    async def _named(self, operator: Operator, ending: EndCommand, transfer: Transfer) -> Session | None:
        """The session that the call names, if it is known to be of the transfer's player; the operator is asked whose
        it is where that is not known. None: nobody can say, and the end goes out with the transfer's own.

        Raises `WalletError` if it is another player's: the end of a transfer is its own player's to ask for.
        """
        same = ending.token == transfer.session.token
        if same and transfer.session.player_id:
            return None
        named = await self._sessions.known(operator, ending.token)
        if same:
            return named if named.player_id else None
        if rules.session_owner(transfer.session, named) is SessionOwner.UNKNOWN:
            named = await self._sessions.identify(operator, named)
            own = await self._sessions.identify(operator, transfer.session) if named.player_id else transfer.session
            transfer = msgspec.structs.replace(transfer, session=own)
        payer = rules.session_owner(transfer.session, named)
        if payer is SessionOwner.OTHER:
            log.warning(
                "refused: another player's session",
                operator=operator.name,
                call=ending.call,
                id=transfer.id,
                player=transfer.session.player_id,
                other=named.player_id,
            )
            raise refusals.other_player(transfer)
        return named if payer is SessionOwner.SAME else None

    def _action(self, ending: EndCommand, transfer: Transfer | None) -> Action:
        """The table's word on this call, refusals raised."""
        if transfer is None:
            return states.action_for(ending.call, None)
        if ending.amount is not None and transfer.amount not in (None, ending.amount):
            raise refusals.amount_differs(transfer, ending.amount)
        action = states.action_for(ending.call, transfer.state, transfer.wants)
        if action is Action.REFUSE_ROLLED_BACK:
            raise refusals.rolled_back(transfer)
        if action is Action.REFUSE_CONFIRMED:
            raise refusals.confirmed(transfer)
        return action

    async def _step(
        self, operator: Operator, ending: EndCommand, action: Action, transfer: Transfer | None
    ) -> Changed | None:
        """One try to make the transfer this call's to deliver; None when it has to wait for others."""
        if transfer is None:
            return await self._adopt(operator, ending)
        if action is Action.DECIDE:
            return await self._decide(operator, ending)
        if action is Action.WAIT or self._busy(transfer):
            return None
        return await self._take_up(operator, transfer)

    def _busy(self, transfer: Transfer) -> bool:
        """Whether somebody is at it right now, here or on another instance."""
        return transfer.key in self._context.flights or rules.is_leased(transfer, self._context.clock.now())

    async def _decide(self, operator: Operator, ending: EndCommand) -> Changed:
        change = rules.decide(
            ending.key,
            ending.decision,
            self._context.lease(operator),
            self._context.clock.now(),
            amount=ending.amount,
            reason=ending.reason,
        )
        changed = await await_journal(
            self._context.journal(operator).change(change), "the decision may not be recorded; send it again"
        )
        crash_point("end.decided")
        if changed.moved:
            self._count_reason(ending)
        return changed

    async def _adopt(self, operator: Operator, ending: EndCommand) -> Changed:
        """A transfer that this gateway never saw: taken over, unless configured otherwise."""
        if operator.settings.unknown_transfers == "refuse":
            raise refusals.unknown_transfer(ending.key.id)
        session = await self._sessions.known(operator, ending.token)
        transfer = rules.adopt(
            ending.key,
            ending.decision,
            session,
            self._context.lease(operator),
            self._context.clock.now(),
            amount=ending.amount,
            reason=ending.reason,
        )
        opened = await self._open(operator, transfer, ending.reason)
        if opened.created:
            self._context.opened_here.put(ending.key, session)
        return Changed(opened.transfer, moved=opened.created)

    async def _open(self, operator: Operator, transfer: Transfer, reason: Reason | None) -> Inserted:
        """The row of a transfer whose hold has none, unless somebody has made one."""
        opened = await await_journal(
            self._context.journal(operator).insert(transfer, reason), "the decision may not be recorded; send it again"
        )
        crash_point("end.adopted")
        if opened.created and reason is not None:
            self._context.reasoning.count(operator.name, reason)
        return opened

    async def _take_up(self, operator: Operator, transfer: Transfer) -> Changed:
        change = rules.take_up(transfer, self._context.lease(operator), self._context.clock.now())
        changed = await await_journal(
            self._context.journal(operator).change(change), "the decision is recorded and will be sent again"
        )
        crash_point("end.joined")
        return changed

    async def _note(self, operator: Operator, ending: EndCommand) -> None:
        assert ending.reason is not None
        await await_journal(
            self._context.journal(operator).add_reason(ending.key, ending.reason),
            "the reason may not be recorded; the rollback is decided",
        )
        crash_point("end.noted")
        self._count_reason(ending)

    async def _deliver(
        self,
        operator: Operator,
        ending: EndCommand,
        transfer: Transfer,
        resume_at: float | None = None,
        named: Session | None = None,
    ) -> Money | None:
        """One try, with the session that the call names beside the transfer's own (`named`, of the same player)."""
        mine = transfer if named is None else await self._with_session(operator, transfer, named)
        try:
            after = await self._deliverer.deliver(operator, mine, resume_at)
        except JournalUnavailable as error:
            raise refusals.journal_unavailable("the decision is recorded and will be sent again") from error
        crash_point("end.delivered")
        if after.end_balance is not None:
            self._balances.told(after.session, after.end_balance)
        if after.state is states.DELIVERED[ending.decision]:
            return await self._balances.after(operator, after, named or after.session, after.end_balance)
        raise refusals.pending(after)

    async def _with_session(self, operator: Operator, transfer: Transfer, named: Session) -> Transfer:
        own = [one for one in (transfer.session, transfer.spare_session) if one is not None]
        known = [await self._sessions.known(operator, one.token) for one in own]
        return rules.add_session(transfer, named, known)

    def _count_reason(self, ending: EndCommand) -> None:
        if ending.reason is not None:
            self._context.reasoning.count(ending.key.operator, ending.reason)


def _in_its_currency(ending: EndCommand, transfer: Transfer | None) -> EndCommand:
    """A confirm's amount with the currency spelled as the hold's was: codes differ in more than case."""
    if transfer is None or transfer.amount is None or ending.amount is None:
        return ending
    return msgspec.structs.replace(
        ending, amount=match_currency(ending.amount, transfer.amount.currency) or ending.amount
    )


def _resume_at(transfer: Transfer | None) -> float | None:
    """When the schedule goes on, should this call's own try fail: a game that asks often uses up no tries, and what was
    parked is parked again."""
    if transfer is None:
        return None
    if transfer.state is State.PARKED:
        return rules.NEVER
    return transfer.due_at if transfer.state in rules.DECISION_OF_DELIVERY else None
