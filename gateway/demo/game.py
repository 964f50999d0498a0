"""The demo's game: it keeps to the wallet contract, as far as it does not leave things to the gateway on purpose."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import aiohttp
import msgspec

from gateway.demo.operators import DemoOperator, token
from gateway.demo.plan import Purchase
from gateway.money import Money, money
from gateway.records import Decision
from gateway.wire.calls import END_CALL, HOLD_CALL, WalletCall
from gateway.wire.errors import ErrorCode

OK: Final = 200
PATIENCE_S: Final = 5.0
LONGEST_WORK_S: Final = 0.5
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0

FAILED: Final = "Withdraw request failed."
UNDELIVERED: Final = "The goods could not be delivered."

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class GameResponse(msgspec.Struct, frozen=True):
    """What a call came to; status 0 and no content if there was no answer at all."""

    status: int = 0
    content: Mapping[str, Any] = {}

    @property
    def ok(self) -> bool:
        return self.status == OK

    @property
    def is_an_answer(self) -> bool:
        """Without one nobody but the game knows that it does not hold the withdraw for a success: it has to say so."""
        return self.status != 0

    @property
    def is_recorded(self) -> bool:
        """Whether the gateway says that it will see to it."""
        return self.content.get("errorCode") == ErrorCode.PENDING


class Played(msgspec.Struct, frozen=True):
    """A purchase, and what the game knows of it: whether the withdraw succeeded, which end it asked for (None: it left
    that to the gateway), whether that was acknowledged, and in how many tries."""

    purchase: Purchase
    held: bool
    asked: Decision | None = None
    acknowledged: bool = False
    tries: int = 0


class Game:
    """Plays purchases at the gateway that `wallet_url` tells the address of."""

    def __init__(
        self, client: aiohttp.ClientSession, wallet_url: Callable[[], str], operators: Mapping[str, DemoOperator]
    ) -> None:
        self._client = client
        self._wallet_url = wallet_url
        self._operators = operators
        self._dice = random.Random()  # noqa: S311 - how long people take
        self.holding: Counter[str] = Counter()
        """How many withdraws are on their way just now, by operator."""

    async def play(self, purchase: Purchase) -> Played:
        """From the session to the end."""
        operator = self._operators[purchase.operator]
        session = {"token": token(purchase.player)}
        await self._asked_until_answered(operator, WalletCall.VERIFY_SESSION, session)
        await self._asked_until_answered(operator, WalletCall.GET_BALANCE, session)
        await self._while_people_do_things()
        held = await self._hold(operator, purchase)
        await self._while_people_do_things()
        if not held.ok and held.is_an_answer and purchase.forgetful:
            return Played(purchase, held.ok)
        return await self._end(operator, purchase, held=held.ok)

    async def balance(self, operator: DemoOperator, player: int) -> Money:
        """What the gateway says that a player has."""
        content = await self._asked_until_answered(operator, WalletCall.GET_BALANCE, {"token": token(player)})
        return money(content["balance"]["amount"], content["balance"]["currencyCode"])

    async def _hold(self, operator: DemoOperator, purchase: Purchase) -> GameResponse:
        """Sent once, whatever happens."""
        self.holding[operator.name] += 1
        body = {**_about(purchase), "amount": _wire(purchase.amount), "txDescription": "A sword"}
        try:
            return await self._post(operator, HOLD_CALL[purchase.direction], body)
        finally:
            self.holding[operator.name] -= 1

    async def _end(self, operator: DemoOperator, purchase: Purchase, *, held: bool) -> Played:
        """Sent again until it is acknowledged."""
        decision = purchase.wants if held else Decision.ROLLBACK
        body = _about(purchase)
        if decision is Decision.CONFIRM:
            body["amount"] = _wire(purchase.amount)
        else:
            body["rollbackReason"] = UNDELIVERED if held else FAILED
        tries, pause_s = 0, FIRST_PAUSE_S
        while True:
            tries += 1
            answer = await self._post(operator, END_CALL[purchase.direction, decision], body)
            if answer.ok or (purchase.forgetful and answer.is_recorded):
                return Played(purchase, held, decision, answer.ok, tries)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _while_people_do_things(self) -> None:
        await asyncio.sleep(self._dice.uniform(0, LONGEST_WORK_S))

    async def _asked_until_answered(
        self, operator: DemoOperator, call: WalletCall, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """For calls that move no money: they may be repeated as often as one likes."""
        while not (answer := await self._post(operator, call, body)).ok:  # noqa: ASYNC110 - asking is all one can do
            await asyncio.sleep(FIRST_PAUSE_S)
        return answer.content

    async def _post(self, operator: DemoOperator, call: WalletCall, body: Mapping[str, Any]) -> GameResponse:
        headers = {"Authorization": operator.authorization, "Content-Type": "application/json"}
        try:
            async with self._client.post(
                f"{self._wallet_url()}/wallet/{call}", data=_encode(body), headers=headers
            ) as answer:
                return GameResponse(answer.status, json.loads(await answer.read(), parse_float=Decimal))
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return GameResponse()


def _about(purchase: Purchase) -> dict[str, Any]:
    return {"token": token(purchase.player), "mmTransactionId": purchase.id}


def _wire(amount: Money) -> dict[str, Any]:
    return {"amount": amount.amount, "currencyCode": amount.currency}
