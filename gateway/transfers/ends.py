"""Confirms and rollbacks: the first decision that is durable wins, and is delivered at once while the game waits.

An end's way: write the decision (or find what stands in its way), make one try at the operator, answer. What is done
with the row that is found stands in `states.END_ACTIONS`; the loop in `Ends._follow` matches on it.
"""

from __future__ import annotations

from typing import NamedTuple, assert_never

import msgspec
import structlog

from gateway.crashpoints import crash_point
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Inserted
from gateway.money import Money
from gateway.operators.operator import Operator
from gateway.operators.outcome import match_currency
from gateway.records import Decision, Key, Reason, Session, State, Transfer
from gateway.telemetry.call_context import note_session
from gateway.transfers import refusals, rules, states
from gateway.transfers.balances import Balances
from gateway.transfers.context import Context, await_journal
from gateway.transfers.delivery_try import DeliveryTry
from gateway.transfers.rules import SessionOwner
from gateway.transfers.sessions import Sessions
from gateway.transfers.states import EndAction
from gateway.transfers.watch import Watch
from gateway.wire.errors import WalletError

log = structlog.get_logger(__name__)


class EndCommand(msgspec.Struct, frozen=True, kw_only=True):
    """The game asks to end a transfer: `amount` comes with a confirm, `reason` with a rollback."""

    key: Key
    decision: Decision
    token: str
    amount: Money | None = None
    reason: Reason | None = None


class Step(NamedTuple):
    """The row after a step. `is_ours`: this call must now deliver it. `has_ended`: only an answer is left."""

    transfer: Transfer | None
    is_ours: bool = False
    has_ended: bool = False


class _Progress(msgspec.Struct):
    """What a call has already done that it does only once. `caller`: its session, if it is the transfer's player's."""

    caller: Session | None = None
    is_identified: bool = False
    is_noted: bool = False


class Ends:
    """Carries out confirms and rollbacks."""

    def __init__(self, context: Context, sessions: Sessions, balances: Balances, delivery_try: DeliveryTry) -> None:
        self._context = context
        self._sessions = sessions
        self._balances = balances
        self._delivery_try = delivery_try

    async def end(self, operator: Operator, command: EndCommand) -> Money | None:
        """Returns the balance after the end, None if nobody can tell it. Raises `WalletError`."""
        crash_point("end.begun")
        # Entered here, and again in `DeliveryTry.deliver` for tries that no call began: within one of the same key the
        # second does nothing, so that a transfer is in progress from the decision to the record of its try.
        with self._context.single_flight.begin(command.key):
            unsent = await self._end_unsent(operator, command)
            if unsent is not None:
                return await self._balances.after_step(operator, unsent, unsent.session, None)
            first = await self._write_first(operator, command)
            if first.is_ours and first.transfer is not None:
                return await self._deliver(operator, command, first.transfer)
        # Outside the block above: `_follow` waits for whoever is working on the transfer, and would wait for itself.
        return await self._follow(operator, command, first.transfer)

    async def _end_unsent(self, operator: Operator, command: EndCommand) -> Transfer | None:
        """If this process did not send the hold because it could not write a row for it: writes it as ended, and
        returns the row. None: it is not such a hold, or somebody else has written its row. Raises `WalletError` where
        the call is another player's, or a confirm."""
        # The entry stays after its row is written: the next call then finds the row by the insert.
        session = self._context.unsent.get(command.key)
        if session is None:
            return None
        now = self._context.clock.now()
        reason = command.reason or self._context.reasons.from_gateway(f"{command.key.direction} was never sent")
        lease = self._context.lease(operator)
        adopted = rules.adopt(command.key, Decision.ROLLBACK, session, lease, now, amount=None, reason=reason)
        transfer = rules.end_unsent(adopted, reason, now)
        try:
            await self.identify_caller(operator, command, transfer)
        except WalletError:
            # Another gateway may have sent a hold of this id for another player: its row says whose it is
            # (test_a_row_that_another_gateway_writes_meanwhile_says_whose_a_hold_is).
            if await Watch(self._context, operator, command.key).look() is None:
                raise
            return None
        # The insert decides the race with a gateway that sends the hold after all: if the journal has no row by now,
        # nobody has sent it, and who inserts one later finds this one.
        inserted = await self._insert(operator, transfer, reason)
        if not inserted.created:
            return None
        self._context.metrics.ended(operator.name, transfer.direction, transfer.state)
        if command.decision is Decision.CONFIRM:
            raise refusals.rolled_back(transfer)
        return inserted.transfer

    async def _write_first(self, operator: Operator, command: EndCommand) -> Step:
        """Writes the most probable change without reading first; if it applies, this call delivers. The journal's
        compare-and-set decides whether the guess was right (test_an_end_takes_two_commits). Where nothing can be
        guessed it only looks."""
        session = self._context.opened_here.get(command.key)
        # Nothing is decided before it is known whose transfer it is. Only the very token with which this process
        # opened it needs no look (test_whose_an_unverified_session_is_is_asked_before_anything_is_decided).
        if session is not None and session.token == command.token:
            note_session(session)
            return await self._decide(operator, command)
        adopts = operator.settings.unknown_transfers == "forward"
        if session is None and adopts and self._context.journal(operator).exclusive:
            return await self._adopt(operator, command)
        return Step(await Watch(self._context, operator, command.key).look())

    async def _follow(self, operator: Operator, command: EndCommand, transfer: Transfer | None) -> Money | None:
        """Does what the table says for the row that is found, until this call has delivered it or it has ended."""
        watch = Watch(self._context, operator, command.key)
        progress = _Progress()
        while True:
            if transfer is not None:
                await self._identify_once(operator, command, transfer, progress)
                command = _spell_currency(command, transfer)
                _require_same_amount(command, transfer)
            step = await self._act(operator, command, transfer, progress)
            if step is None:
                transfer = await watch.look_again()
            elif step.has_ended and step.transfer is not None:
                session = progress.caller or step.transfer.session
                return await self._balances.after_step(operator, step.transfer, session, step.transfer.end_balance)
            elif step.is_ours and step.transfer is not None:
                return await self._deliver(operator, command, step.transfer, _resume_at(transfer), progress.caller)
            else:
                transfer = step.transfer

    async def _act(  # noqa: PLR0911 - one branch for each action of the table
        self, operator: Operator, command: EndCommand, transfer: Transfer | None, progress: _Progress
    ) -> Step | None:
        """One step. None: wait, then look again. Raises `WalletError` where the table refuses."""
        action = states.end_action(command.decision, transfer)
        if action is EndAction.ADOPT:
            return await self._adopt(operator, command)
        assert transfer is not None
        match action:
            case EndAction.DECIDE:
                return await self._decide(operator, command)
            case EndAction.JOIN:
                return await self._join(operator, transfer)
            case EndAction.NOTE_AND_JOIN:
                await self._note_once(operator, command, progress)
                return await self._join(operator, transfer)
            case EndAction.REPLAY:
                return Step(transfer, has_ended=True)
            case EndAction.NOTE_AND_REPLAY:
                await self._note_once(operator, command, progress)
                return Step(transfer, has_ended=True)
            case EndAction.WAIT:
                return None
            case EndAction.REFUSE_ROLLED_BACK:
                raise refusals.rolled_back(transfer)
            case EndAction.REFUSE_CONFIRMED:
                raise refusals.confirmed(transfer)
            case _:
                assert_never(action)

    async def _identify_once(
        self, operator: Operator, command: EndCommand, transfer: Transfer, progress: _Progress
    ) -> None:
        # Once for a call: an answer that comes while the call waits must not change the owner in the middle of it
        # (test_whose_a_session_is_is_asked_once_for_a_call_however_long_that_waits).
        if not progress.is_identified:
            progress.caller = await self.identify_caller(operator, command, transfer)
            progress.is_identified = True

    async def identify_caller(self, operator: Operator, command: EndCommand, transfer: Transfer) -> Session | None:
        """The session that the call names, if it is another one of the transfer's player; the operator is asked whose
        it is where that is not known. None: it is the transfer's own, or nobody can say; then the own one is used.

        Raises `WalletError` if it is another player's: a transfer's end is its own player's to ask for
        (docs/decisions/090-whose-transfer-it-is.md).
        """
        is_same_token = command.token == transfer.session.token
        if is_same_token and transfer.session.player_id:
            note_session(transfer.session)
            return None
        named = await self._sessions.find(operator, command.token)
        note_session(named)
        if is_same_token:
            return named if named.player_id else None
        if rules.session_owner(transfer.session, named) is SessionOwner.UNKNOWN:
            named = await self._sessions.identify(operator, named)
            own = await self._sessions.identify(operator, transfer.session) if named.player_id else transfer.session
            transfer = msgspec.structs.replace(transfer, session=own)
        owner = rules.session_owner(transfer.session, named)
        if owner is SessionOwner.OTHER:
            log.warning(
                "refused: another player's session",
                operator=operator.name,
                call=command.decision,
                id=transfer.id,
                player=transfer.session.logged_player,
                other=named.logged_player,
            )
            raise refusals.other_player(transfer)
        return named if owner is SessionOwner.SAME else None

    async def _decide(self, operator: Operator, command: EndCommand) -> Step:
        change = rules.decide(
            command.key,
            command.decision,
            self._context.lease(operator),
            self._context.clock.now(),
            amount=command.amount,
            reason=command.reason,
        )
        changed = await await_journal(
            self._context.journal(operator).change(change), "the decision may not be recorded; send it again"
        )
        crash_point("end.decided")
        if changed.moved:
            self._count_reason(command)
        return Step(changed.transfer, is_ours=changed.moved)

    async def _adopt(self, operator: Operator, command: EndCommand) -> Step:
        """Takes over a transfer that this gateway never saw, unless the configuration refuses that."""
        if operator.settings.unknown_transfers == "refuse":
            raise refusals.unknown_transfer(command.key.id)
        session = await self._sessions.find(operator, command.token)
        note_session(session)
        transfer = rules.adopt(
            command.key,
            command.decision,
            session,
            self._context.lease(operator),
            self._context.clock.now(),
            amount=command.amount,
            reason=command.reason,
        )
        inserted = await self._insert(operator, transfer, command.reason)
        if inserted.created:
            self._context.opened_here.put(command.key, session)
        return Step(inserted.transfer, is_ours=inserted.created)

    async def _insert(self, operator: Operator, transfer: Transfer, reason: Reason | None) -> Inserted:
        """Inserts a row for a transfer without one; if another call was faster, gives that one's."""
        inserted = await await_journal(
            self._context.journal(operator).insert(transfer, reason), "the decision may not be recorded; send it again"
        )
        crash_point("end.adopted")
        if inserted.created and reason is not None:
            self._context.reasons.count(operator.name, reason)
        return inserted

    async def _join(self, operator: Operator, transfer: Transfer) -> Step | None:
        """One try now. None: somebody, here or on another instance, is making one at this moment."""
        if transfer.key in self._context.single_flight or rules.is_leased(transfer, self._context.clock.now()):
            return None
        change = rules.take_up(transfer, self._context.lease(operator), self._context.clock.now())
        changed = await await_journal(
            self._context.journal(operator).change(change), "the decision is recorded and will be sent again"
        )
        crash_point("end.joined")
        return Step(changed.transfer, is_ours=changed.moved)

    async def _note_once(self, operator: Operator, command: EndCommand, progress: _Progress) -> None:
        if progress.is_noted:
            return
        assert command.reason is not None
        await await_journal(
            self._context.journal(operator).add_reason(command.key, command.reason),
            "the reason may not be recorded; the rollback is decided",
        )
        crash_point("end.noted")
        self._count_reason(command)
        progress.is_noted = True

    async def _deliver(
        self,
        operator: Operator,
        command: EndCommand,
        transfer: Transfer,
        resume_at: float | None = None,
        caller: Session | None = None,
    ) -> Money | None:
        """One try, with the call's session (`caller`, of the same player) beside the transfer's own."""
        claimed = transfer if caller is None else await self._add_session(operator, transfer, caller)
        try:
            after = await self._delivery_try.deliver(operator, claimed, resume_at)
        except JournalUnavailable as error:
            raise refusals.journal_unavailable("the decision is recorded and will be sent again") from error
        crash_point("end.delivered")
        if after.end_balance is not None:
            self._balances.remember(after.session, after.end_balance)
        if after.state is states.DELIVERED[command.decision]:
            return await self._balances.after_step(operator, after, caller or after.session, after.end_balance)
        raise refusals.pending(after)

    async def _add_session(self, operator: Operator, transfer: Transfer, caller: Session) -> Transfer:
        own = [session for session in (transfer.session, transfer.spare_session) if session is not None]
        known = [await self._sessions.find(operator, session.token) for session in own]
        return rules.add_session(transfer, caller, known)

    def _count_reason(self, command: EndCommand) -> None:
        if command.reason is not None:
            self._context.reasons.count(command.key.operator, command.reason)


def _spell_currency(command: EndCommand, transfer: Transfer) -> EndCommand:
    """A confirm's amount with the currency spelled as the hold's was: `xag` confirms what `XAG` held."""
    if transfer.amount is None or command.amount is None:
        return command
    amount = match_currency(command.amount, transfer.amount.currency) or command.amount
    return msgspec.structs.replace(command, amount=amount)


def _require_same_amount(command: EndCommand, transfer: Transfer) -> None:
    """Raises `WalletError` if a confirm names another amount than the one that is held."""
    if command.amount is not None and transfer.amount not in (None, command.amount):
        raise refusals.amount_differs(transfer, command.amount)


def _resume_at(transfer: Transfer | None) -> float | None:
    """When the schedule goes on if this call's own try fails, since tries at the game's request use up none of it
    (test_a_game_that_asks_often_uses_up_no_scheduled_try). `STAYS_PARKED`: it was parked. None: no schedule yet."""
    if transfer is None:
        return None
    if transfer.state is State.PARKED:
        return rules.STAYS_PARKED
    return transfer.due_at if transfer.state in rules.DECISION_OF_DELIVERY else None
