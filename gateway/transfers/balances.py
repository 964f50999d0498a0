"""The balance that goes with an answer. It only informs: no answer fails because it cannot be told."""

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
"""How long the operator is asked for a balance that it did not give with its yes: the game waits for the yes."""

REMEMBERED: Final = 100_000

log = structlog.get_logger(__name__)


class Balances:
    """Remembers the last balance that each of `capacity` players was told, and fills in what is missing. Who has been
    known for longest is forgotten first."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._last: BoundedMap[tuple[str, str, str], Money] = BoundedMap(capacity)

    def told(self, session: Session, balance: Money) -> None:
        """The operator has said so."""
        self._last.put(_player(session), balance)

    def last(self, session: Session) -> Money | None:
        """What the player was told last, by this process."""
        return self._last.get(_player(session))

    async def after(
        self, operator: Operator, transfer: Transfer, session: Session, recorded: Money | None
    ) -> Money | None:
        """The balance after a step of the transfer that is durable: the operator's own with it (`recorded`), else
        asked for within `ASK_S` under `session`, else the last that is known. None: nobody can tell it, and no number
        is made up."""
        if recorded is not None:  # perhaps long ago, so that it is not the last that is known
            return recorded
        asked = await self._asked(operator, session)
        if asked is not None:
            self.told(session, asked)
            asked = _of(transfer, asked)
        if asked is not None:
            return asked
        known = self.last(session)
        last = (None if known is None else _of(transfer, known)) or transfer.hold_balance
        log.warning(
            "balance not told by the operator",
            operator=operator.name,
            id=transfer.id,
            told="the last that is known" if last is not None else "none",
        )
        return last

    @staticmethod
    async def _asked(operator: Operator, session: Session) -> Money | None:
        try:
            async with asyncio.timeout(ASK_S):
                return await operator.get_balance(session)
        except (OperatorError, TimeoutError):
            return None


def _of(transfer: Transfer, balance: Money) -> Money | None:
    """The balance as it goes with an answer about the transfer: None in another currency than its own."""
    return balance if transfer.amount is None else match_currency(balance, transfer.amount.currency)


def _player(session: Session) -> tuple[str, str, str]:
    """By the player where they are known: a new session has the same purse."""
    return (session.operator, session.player_id, "" if session.player_id else session.token)
