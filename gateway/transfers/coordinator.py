"""The game's calls, carried out: every answer follows the table in `states`, every step is durable before the next.

Nothing here holds a lock: each step is a compare-and-set in the journal, and a call that finds the transfer moved
looks again.
"""

from __future__ import annotations

import msgspec

from gateway.money import Money
from gateway.operators.adapter import Player
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.records import Decision, Direction, Key
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

    def __init__(self, context: Context, deliverer: DeliveryTry) -> None:
        self._context = context
        self._sessions = Sessions(context)
        self._balances = Balances()
        self._followups = UnrecordedOutcomes(context)
        self._holds = Holds(context, self._sessions, self._balances, self._followups)
        self._endings = Ends(context, self._sessions, self._balances, deliverer)

    async def verify_session(self, operator: Operator, token: str) -> Player:
        """Whose session it is; remembered, since later calls need it. A balance that the operator did not tell is the
        last that is known, None if none is."""
        known = await self._sessions.known(operator, token)
        try:
            player = await operator.verify_session(known)
        except OperatorError as error:
            raise refusals.operator_error(error) from error
        session = await self._sessions.remember(operator, token, player)
        if player.balance is None:
            return msgspec.structs.replace(player, balance=self._balances.last(session))
        self._balances.told(session, player.balance)
        return player

    async def get_balance(self, operator: Operator, token: str) -> Money:
        session = await self._sessions.known(operator, token)
        try:
            balance = await operator.get_balance(session)
        except OperatorError as error:
            raise refusals.operator_error(error) from error
        self._balances.told(session, balance)
        return balance

    async def hold(
        self, operator: Operator, direction: Direction, *, token: str, id: str, amount: Money, description: str
    ) -> Money | None:
        """A withdraw or deposit: sent once, whatever happens. Returns the balance after it, None if nobody can tell
        it."""
        key = Key(operator.name, direction, id)
        return await self._holds.hold(
            operator, HoldCommand(key=key, token=token, amount=amount, description=description)
        )

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
        """A confirm (with its `amount`) or a rollback (with its `reason`, whatever the game sent as such).

        Returns the balance after it, None if nobody can tell it.
        """
        key = Key(operator.name, direction, id)
        given = self._context.reasoning.game(reason) if decision is Decision.ROLLBACK else None
        ending = EndCommand(key=key, decision=decision, token=token, amount=amount, reason=given)
        return await self._endings.end(operator, ending)

    async def wait_idle(self) -> None:
        """Returns once no write is left that outlived its call."""
        await self._followups.wait_idle()
