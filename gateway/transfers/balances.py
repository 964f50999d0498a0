"""The balance that goes with an answer. It only informs: no answer fails because there is none."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from gateway.bounded import BoundedMap
from gateway.money import Money
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.operators.outcome import match_currency
from gateway.records import Session, Transfer

ASK_S: Final = 1.0
"""How long the operator is asked for a balance that it did not give with its yes: the game is waiting."""

REMEMBERED: Final = 100_000

log = structlog.get_logger(__name__)


class Balances:
    """The last balance of up to `capacity` players, to fill in where the operator gave none."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._last: BoundedMap[tuple[str, str, str], Money] = BoundedMap(capacity)

    def remember(self, session: Session, balance: Money) -> None:
        """The operator has given this balance."""
        self._last.put(_player(session), balance)

    def last_known(self, session: Session) -> Money | None:
        """The last balance that this process has seen of the player."""
        return self._last.get(_player(session))

    async def after_step(
        self, operator: Operator, transfer: Transfer, session: Session, recorded: Money | None
    ) -> Money | None:
        """The balance after a step of the transfer that is durable: the one that the operator gave with it
        (`recorded`), else asked for within `ASK_S` under `session`, else the last known, else the hold's. None if there
        is none: a number is never made up (docs/decisions/092-acknowledged-without-a-balance.md)."""
        # Recorded perhaps long ago, so that it does not become the last known
        # (test_a_receipt_that_is_repeated_is_not_the_last_that_is_known).
        if recorded is not None:
            return recorded
        asked = await self._ask(operator, session)
        if asked is not None:
            self.remember(session, asked)
            asked = _in_transfers_currency(transfer, asked)
        if asked is not None:
            return asked
        known = self.last_known(session)
        last = (None if known is None else _in_transfers_currency(transfer, known)) or transfer.hold_balance
        log.warning(
            "the operator gave no balance",
            operator=operator.name,
            id=transfer.id,
            given="the last known" if last is not None else "none",
        )
        return last

    @staticmethod
    async def _ask(operator: Operator, session: Session) -> Money | None:
        try:
            async with asyncio.timeout(ASK_S):
                return await operator.get_balance(session)
        except (OperatorError, TimeoutError):
            return None


def _in_transfers_currency(transfer: Transfer, balance: Money) -> Money | None:
    """The balance as it goes with an answer about the transfer: None in another currency than its own."""
    return balance if transfer.amount is None else match_currency(balance, transfer.amount.currency)


def _player(session: Session) -> tuple[str, str, str]:
    """By the player where they are known: a new session has the same purse."""
    return (session.operator, session.player_id, "" if session.player_id else session.token)
