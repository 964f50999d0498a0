"""Payments and questions of a simulation: payment systems that call back, a game that is told, and operators that ask
how transfers have ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from gateway.operators import HttpResponse
from gateway.sandbox.faults import Ending, Reply
from gateway.sandbox.payment_system import PaidOrder, Trick, callbacks
from gateway.sandbox.simulated import Request
from tests.simulation.dice import Dice
from tests.simulation.network import Weather
from tests.simulation.processes import Process
from tests.support.virtual_time import EPOCH

SECRET: Final = "of the payment system"
GAMES_SECRET: Final = "of the game"
GAMES_PATH: Final = "/pay/quantum"
DIRECTIONS: Final = ("withdraw", "deposit")
QUERIES: Final = {"withdraw": "queryWithdrawal", "deposit": "queryDeposit", "payment": ""}
PRICES: Final = ("4.99", "4.990", "12", "0.5", "1234567890123456.78")

OK: Final = 200
SERVER_ERROR: Final = 500


class Notice(msgspec.Struct, frozen=True):
    """The game is told of a payment, as it left a gateway: `durable` as for `operators.Sent`."""

    number: int
    at: float
    process: str
    order: str
    body: bytes
    durable: str | None


class Answered(msgspec.Struct, frozen=True):
    """What a gateway answered an operator. `durable`: the state that a power failure at that moment would have left."""

    call: str
    operator: str
    direction: str
    id: str
    reached_at: float
    at: float
    status: int
    content: dict[str, Any]
    durable: str | None


class Shop:
    """The game of one operator's payments. It takes what it is told, and sometimes does not say so."""

    def __init__(self, name: str, dice: Dice, time: Callable[[], float], durable: Callable[..., str | None]) -> None:
        self.name = name
        self.weather = Weather()
        self.fails = 0.0
        """How often it does not acknowledge."""
        self.notices: list[Notice] = []
        self.acknowledged: set[str] = set()
        self._dice = dice
        self._time = time
        self._durable = durable

    def written(self, request: Request, process: Process | None) -> int:
        order = str(json.loads(request.body)["cpOrderId"])
        durable = self._durable(self.name, "payment", order)
        by = "" if process is None else process.name
        self.notices.append(Notice(len(self.notices), self._time(), by, order, request.body, durable))
        return len(self.notices) - 1

    def handle(self, request: Request, number: int) -> tuple[Reply, int]:
        if self._dice.happens(self.fails):
            status = self._dice.one_of((0, 404, 500, 503))
            hangs = Reply(None, Ending.HANG) if status == 0 else Reply(HttpResponse(status, {}, b"no"), Ending.WHOLE)
            return hangs, number
        self.acknowledged.add(self.notices[number].order)
        return Reply(HttpResponse(OK, {}, b"OK"), Ending.WHOLE), number

    def heard(self, handled: int) -> None:
        """Nobody asks."""


class Gateways(Protocol):
    """Where an operator can call."""

    async def call_as_operator(self, call: str, operator: str, direction: str, id: str, body: bytes) -> Answered | None:
        """The answer that was heard, None for none."""


class OperatorsSide:
    """One operator: its payment system, and its questions how transfers have ended."""

    def __init__(self, name: str, gateways: Gateways, dice: Dice, time: Callable[[], float]) -> None:
        self.name = name
        self.orders: dict[str, PaidOrder] = {}
        self._gateways = gateways
        self._dice = dice
        self._time = time

    async def pay(self, orders: int, every_s: float) -> None:
        """So many orders are paid, or are said to be, at about this pace."""
        async with asyncio.TaskGroup() as running:
            for number in range(orders):
                running.create_task(self._pay_one(f"{self.name}-order-{number}"))
                await asyncio.sleep(self._dice.between(0, 2 * every_s))

    async def ask(self, ids: list[tuple[str, str]], pause_s: Callable[[], float]) -> None:
        """Asks how these transfers (direction and id) have ended, in any order, with such pauses, until one is 0."""
        while ids and (longest_s := pause_s()):
            direction, id = self._dice.one_of(tuple(ids))
            body = json.dumps({"mmTransactionId": id}).encode()
            await self._gateways.call_as_operator(QUERIES[direction], self.name, direction, id, body)
            await asyncio.sleep(self._dice.between(0, longest_s))

    async def _pay_one(self, id: str) -> None:
        order = PaidOrder(
            id=id,
            player_id=f"player-{self.name}",
            product_id="gems",
            price=self._dice.one_of(PRICES),
            paid_at=EPOCH + self._time(),
            trick=self._dice.one_of(tuple(Trick)),
            ext_params=self._dice.one_of(("", "chest=gold", 'ü "quoted" \\ and {braces}')),
        )
        self.orders[id] = order
        for group in callbacks(order, SECRET):
            await asyncio.gather(*(self._call_back(id, body) for body in group))
            await asyncio.sleep(self._dice.between(0, 5))

    async def _call_back(self, id: str, body: bytes) -> None:
        for _ in range(self._dice.one_of((1, 4, 12))):
            answered = await self._gateways.call_as_operator("payment", self.name, "payment", id, body)
            if answered is not None and answered.status < SERVER_ERROR:
                return
            await asyncio.sleep(self._dice.between(0.5, 6))
