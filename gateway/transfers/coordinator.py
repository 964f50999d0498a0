"""The game's calls, carried out: every answer follows the tables in `states`, every step is durable before the next.

Nothing here holds a lock: each step is a compare-and-set in the journal, and a call that finds the row changed looks
again.
"""

from __future__ import annotations

import msgspec

from gateway.money import Money
from gateway.operators.adapter import Player
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.records import Decision, Direction, Key
from gateway.telemetry import logs
from gateway.telemetry.call_context import note_session
from gateway.transfers import refusals
from gateway.transfers.balances import Balances
from gateway.transfers.context import Context
from gateway.transfers.delivery_try import DeliveryTry
from gateway.transfers.ends import EndCommand, Ends
from gateway.transfers.holds import HoldCommand, Holds
from gateway.transfers.sessions import Sessions
from gateway.transfers.unrecorded import UnrecordedOutcomes


class Coordinator:
    """Takes the game's calls. Every method answers or raises `WalletError`; cancelling one loses nothing durable."""

    def __init__(self, context: Context, delivery_try: DeliveryTry) -> None:
        self._context = context
        self._sessions = Sessions(context)
        self._balances = Balances()
        self._unrecorded = UnrecordedOutcomes(context)
        self._holds = Holds(context, self._sessions, self._balances, self._unrecorded)
        self._ends = Ends(context, self._sessions, self._balances, delivery_try)

    async def verify_session(self, operator: Operator, token: str) -> Player:
        """The player whose session it is; kept, since later calls need it. Where the operator did not give a balance,
        it is the last one known, or None. Raises `WalletError`."""
        known = await self._sessions.find(operator, token)
        try:
            player = await operator.verify_session(known)
        except OperatorError as error:
            raise refusals.operator_error(error) from error
        session = await self._sessions.save(operator, token, player)
        note_session(session)
        if player.balance is None:
            return msgspec.structs.replace(player, balance=self._balances.last_known(session))
        self._balances.remember(session, player.balance)
        return player

    async def get_balance(self, operator: Operator, token: str) -> Money:
        """The player's balance, asked of the operator. Raises `WalletError`."""
        session = await self._sessions.find(operator, token)
        note_session(session)
        try:
            balance = await operator.get_balance(session)
        except OperatorError as error:
            raise refusals.operator_error(error) from error
        self._balances.remember(session, balance)
        return balance

    async def hold(
        self, operator: Operator, direction: Direction, *, token: str, id: str, amount: Money, description: str
    ) -> Money | None:
        """A withdraw or deposit: sent at most once, whatever happens.

        Returns the balance after it, None if nobody can tell it. Raises `WalletError`.
        """
        key = Key(operator.name, direction, id)
        shown = logs.redact_of_call(description, token)
        return await self._holds.hold(operator, HoldCommand(key=key, token=token, amount=amount, description=shown))

    async def end(
        self,
        operator: Operator,
        direction: Direction,
        decision: Decision,
        *,
        token: str,
        id: str,
        amount: Money | None = None,
        reason: object = None,
    ) -> Money | None:
        """A confirm (with its `amount`) or a rollback (with its `reason`, whatever JSON the game sent as such).

        Returns the balance after it, None if nobody can tell it. Raises `WalletError`.
        """
        key = Key(operator.name, direction, id)
        given = self._context.reasons.from_game(reason, token) if decision is Decision.ROLLBACK else None
        command = EndCommand(key=key, decision=decision, token=token, amount=amount, reason=given)
        return await self._ends.end(operator, command)

    @property
    def sessions_remembered(self) -> int:
        """How many sessions are in memory."""
        return self._sessions.remembered

    async def wait_idle(self) -> None:
        """Returns once no write is left that goes on after its call."""
        await self._unrecorded.wait_idle()
