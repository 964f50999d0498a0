"""The operators' payment systems: they call back for what was paid, and some for what was not."""

from __future__ import annotations

import asyncio
import random
from itertools import chain
from time import time
from typing import Final

import msgspec

from gateway.records import Direction, Key
from gateway.sandbox.payment_system import GENUINE, callbacks
from tests.chaos.game import OK, Balancer, Reply
from tests.chaos.plan import Order

PAUSE_S: Final = (0.05, 0.5)
"""Between two tries; the shorter, the more of them meet a gateway that has just been killed."""

BAD_REQUEST: Final = 400
SERVER_ERROR: Final = 500


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """One callback as it was sent (each time the same bytes), and the status of each answer: 0 where there was none.

    `genuine`: it is signed with the operator's secret, and not too old.
    """

    key: Key
    body: bytes
    genuine: bool
    statuses: tuple[int, ...]

    @property
    def acknowledged(self) -> bool:
        return OK in self.statuses

    @property
    def refused(self) -> bool:
        """Whether it was told that it is wrong, and never that it is right."""
        return not self.acknowledged and any(BAD_REQUEST <= status < SERVER_ERROR for status in self.statuses)


def secret_of(operator: str) -> str:
    """What its payment system signs with."""
    return f"secret of {operator}'s payment system"


class PaymentSystems:
    """Calls back through a balancer before the listener for operators."""

    def __init__(self, balancer: Balancer, dice: random.Random) -> None:
        self._balancer = balancer
        self._dice = dice

    async def pay(self, order: Order) -> list[Callback]:
        """Everything that comes of one order."""
        groups = callbacks(msgspec.structs.replace(order.paid, paid_at=time()), secret_of(order.operator))
        if order.hurried:
            groups = [list(chain.from_iterable(groups))]
        sent: list[Callback] = []
        for number, group in enumerate(groups):
            if number:
                await asyncio.sleep(order.pause_s)
            sent += await self._call_back(order, group)
        return sent

    async def _call_back(self, order: Order, bodies: list[bytes]) -> list[Callback]:
        """These at the same moment, each to another gateway; and each again until it is answered."""
        path = f"/operators/{order.operator}/pay/quantum"
        first = await self._balancer.send_at_once(path, bodies)
        statuses = await asyncio.gather(
            *(self._insist(path, body, reply, order.tries) for body, reply in zip(bodies, first, strict=True))
        )
        key = Key(order.operator, Direction.PAYMENT, order.paid.id)
        genuine = order.paid.trick in GENUINE
        return [
            Callback(key=key, body=body, genuine=genuine, statuses=of)
            for body, of in zip(bodies, statuses, strict=True)
        ]

    async def _insist(self, path: str, body: bytes, first: Reply, tries: int | None) -> tuple[int, ...]:
        statuses = [first.status]
        while not _is_answer(statuses[-1]) and len(statuses) != tries:
            await asyncio.sleep(self._dice.uniform(*PAUSE_S))
            statuses.append((await self._balancer.send(path, body)).status)
        return tuple(statuses)


def _is_answer(status: int) -> bool:
    """Whether it says yes or no: after an error of the server the same has to be sent again."""
    return 0 < status < SERVER_ERROR
