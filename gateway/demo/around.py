"""What the demo plays around the wallet: launches, payments, and the operators' questions how transfers have ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import aiohttp
import msgspec

from gateway.clock import SystemClock
from gateway.demo.operators import DemoOperator, player_id, token
from gateway.demo.plan import CURRENCY
from gateway.records import Direction
from gateway.sandbox.payment_system import GENUINE, PaidOrder, Trick, callbacks

OK: Final = 200
PAUSE_S: Final = 0.2
PRICES: Final = ("4.99", "4.990", "12", "0.5")
"""With different digits for the same money: a signature covers digits."""

QUERIES: Final = {Direction.WITHDRAW: "queryWithdrawal", Direction.DEPOSIT: "queryDeposit"}


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
        body = json.dumps({"token": token(player), "language": "en", "currency": CURRENCY}).encode()
        first, second = [await self._ask(operator, "launch", body) for _ in range(2)]
        return LaunchResult(operator.name, player, str(first.get("url", "")), same_again=first == second)

    async def pay(self, operator: DemoOperator, order: PaidOrder) -> PaymentResult:
        """Calls back for one order. What gets no answer, or one that the gateway could not keep it, is sent again."""
        statuses: list[int] = []
        for group in callbacks(order, operator.payment_secret):
            statuses += await asyncio.gather(*(self._call_back(operator, body) for body in group))
        return PaymentResult(operator.name, order, tuple(statuses))

    async def final_state(self, operator: DemoOperator, direction: Direction, id: str) -> Mapping[str, Any]:
        """What the gateway says how a transfer has ended."""
        body = json.dumps({"mmTransactionId": id}).encode()
        return await self._ask(operator, f"payment/{QUERIES[direction]}", body)

    async def _ask(self, operator: DemoOperator, path: str, body: bytes) -> Mapping[str, Any]:
        while True:
            status, content = await self._post(
                f"/operators/{operator.name}/{path}", body, operator.inbound_authorization
            )
            if status == OK:
                answer: dict[str, Any] = json.loads(content)
                return answer
            await asyncio.sleep(PAUSE_S)

    async def _call_back(self, operator: DemoOperator, body: bytes) -> int:
        while True:
            status, _ = await self._post(f"/operators/{operator.name}/pay/quantum", body)
            if 0 < status < 500:  # noqa: PLR2004 - a server's error: RFC 9110, 15.6
                return status
            await asyncio.sleep(PAUSE_S)

    async def _post(self, path: str, body: bytes, authorization: str = "") -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        try:
            async with self._client.post(f"{self._url()}{path}", data=body, headers=headers) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return 0, b""
