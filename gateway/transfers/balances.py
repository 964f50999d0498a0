"""The balance that goes with an answer. It only informs: no answer fails because it cannot be told."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

import structlog

from gateway.journal.records import Session, Transfer
from gateway.money import Money
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator

ASK_S: Final = 1.0
"""How long the operator is asked for a balance that it did not give with its yes: the game waits for the yes."""

REMEMBERED: Final = 100_000

log = structlog.get_logger(__name__)


class Balances:
    """Remembers the last balance that each of the latest `capacity` players was told, and fills in what is missing."""

    def __init__(self, capacity: int = REMEMBERED) -> None:
        self._capacity = capacity
        self._last: OrderedDict[tuple[str, str, str], Money] = OrderedDict()

    def told(self, session: Session, balance: Money) -> None:
        """The operator has said so."""
        player = _player(session)
        self._last[player] = balance
        self._last.move_to_end(player)
        if len(self._last) > self._capacity:
            self._last.popitem(last=False)

    def last(self, session: Session) -> Money | None:
        """What the player was told last, by this process."""
        return self._last.get(_player(session))

    async def after(
        self, operator: Operator, transfer: Transfer, session: Session, recorded: Money | None
    ) -> Money | None:
        """The balance after a step of the transfer that is durable: the operator's own with it (`recorded`), else
        asked for within `ASK_S` under `session`, else the last that is known. None: nobody can tell it, and no number
        is made up."""
        if recorded is not None:
            self.told(session, recorded)
            return recorded
        asked = await self._asked(operator, session)
        if asked is not None:
            self.told(session, asked)
            return asked
        last = self.last(session) or transfer.hold_balance
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


def _player(session: Session) -> tuple[str, str, str]:
    """By the player where they are known: a new session has the same purse."""
    return (session.operator, session.player_id, "" if session.player_id else session.token)
