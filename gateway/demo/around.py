"""What the demo plays around the wallet: launches, payments, and the operators' questions how transfers have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import aiohttp
import msgspec

from gateway.clock import SystemClock
from gateway.demo.operators import PASSWORD, DemoOperator, player_id, token
from gateway.demo.plan import CURRENCY
from gateway.records import Direction
from gateway.sandbox.gateway_calls import GatewayAnswer, GatewayCalls
from gateway.sandbox.payment_system import GENUINE, PaidOrder, Trick, callbacks

OK: Final = 200
PAUSE_S: Final = 0.2
PRICES: Final = ("4.99", "4.990", "12", "0.5")
"""With different digits for the same money: a signature covers digits."""


class PaymentResult(msgspec.Struct, frozen=True):
    """An order's callbacks, each with the status that it was answered with."""

    operator: str
    order: PaidOrder
    statuses: tuple[int, ...]

    @property
    def is_paid(self) -> bool:
        """Whether the player has paid, so that the game has to be told."""
        return self.order.trick in GENUINE

    @property
    def is_answered_rightly(self) -> bool:
        """Whether each callback got the answer that it should: 200 for what is true and came before or not, no 200 for
        what is forged, old or says something else."""
        if not self.is_paid:
            return OK not in self.statuses
        if self.order.trick is Trick.OTHER_PRICE:
            return self.statuses[0] == OK and self.statuses[1] != OK
        return set(self.statuses) == {OK}


class LaunchResult(msgspec.Struct, frozen=True):
    """The URL that an operator was given for a player, and whether a repeat gave the same one."""

    operator: str
    player: int
    url: str
    same_again: bool


def orders(operator: str, players: int) -> list[PaidOrder]:
    """Two orders with each trick."""
    now = SystemClock().now()
    return [
        PaidOrder(
            id=f"{operator}-pay-{number + 1:02}",
            player_id=player_id(number % players + 1),
            product_id=f"gems.{number % len(PRICES)}",
            price=PRICES[number % len(PRICES)],
            paid_at=now,
            trick=trick,
            ext_params="" if number % 2 else "chest=gold&place=3",
        )
        for number, trick in enumerate((*Trick, *Trick))
    ]


class OperatorsSide:
    """Calls of the operators at the gateway whose address `url` gives; it changes with each start of the gateway."""

    def __init__(self, client: aiohttp.ClientSession, url: Callable[[], str]) -> None:
        self._client = client
        self._url = url

    async def launch(self, operator: DemoOperator, player: int) -> LaunchResult:
        """Asks for the URL of the game's client, twice."""
        body = msgspec.json.encode({"token": token(player), "language": "en", "currency": CURRENCY})
        calls = self._calls(operator)
        first, second = [await _ask(lambda: calls.launch(body)) for _ in range(2)]
        return LaunchResult(operator.name, player, str(first.get("url", "")), same_again=first == second)

    async def pay(self, operator: DemoOperator, order: PaidOrder) -> PaymentResult:
        """Calls back for one order. What gets no answer, or one that the gateway could not keep it, is sent again."""
        calls = self._calls(operator)
        statuses: list[int] = []
        for group in callbacks(order, operator.payment_secret):
            answers = await asyncio.gather(
                *(_repeat(partial(calls.call_back, body), lambda answer: not answer.is_open) for body in group)
            )
            statuses += [answer.status for answer in answers]
        return PaymentResult(operator.name, order, tuple(statuses))

    async def final_state(self, operator: DemoOperator, direction: Direction, id: str) -> Mapping[str, Any]:
        """What the gateway says how a transfer has ended."""
        calls = self._calls(operator)
        return await _ask(lambda: calls.query(direction, id))

    def _calls(self, operator: DemoOperator) -> GatewayCalls:
        def address() -> str:
            return f"{self._url()}/operators/{operator.name}"

        return GatewayCalls(self._client, address, f"operator-{operator.name}", PASSWORD)


async def _ask(call: Callable[[], Awaitable[GatewayAnswer]]) -> dict[str, Any]:
    """Calls until it is answered 200, and returns that answer."""
    answer = await _repeat(call, lambda answer: answer.is_ok)
    return msgspec.json.decode(answer.body, type=dict[str, Any])


async def _repeat(
    call: Callable[[], Awaitable[GatewayAnswer]], is_enough: Callable[[GatewayAnswer], bool]
) -> GatewayAnswer:
    while True:
        answer = await call()
        if is_enough(answer):
            return answer
        await asyncio.sleep(PAUSE_S)
