"""The demo's game. It keeps to the wallet contract ("The rules of a withdrawal"), except where it leaves an end to the
gateway on purpose."""

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
CALL_TIMEOUT_S: Final = 5.0
MAX_PLAYER_WAIT_S: Final = 0.5
MIN_PAUSE_S: Final = 0.2
MAX_PAUSE_S: Final = 2.0

HOLD_FAILED: Final = "Withdraw request failed."
GOODS_UNDELIVERED: Final = "The goods could not be delivered."

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class GameResponse(msgspec.Struct, frozen=True):
    """The gateway's answer to a call; status 0 and no content if there was none."""

    status: int = 0
    content: Mapping[str, Any] = {}

    @property
    def ok(self) -> bool:
        return self.status == OK

    @property
    def has_answer(self) -> bool:
        """Whether there was an answer. Without one the gateway may hold the withdraw for a success: then only the game
        knows that it failed, and has to roll it back."""
        return self.status != 0

    @property
    def is_pending(self) -> bool:
        """Whether the gateway answers that it will deliver the end by itself."""
        return self.content.get("errorCode") == ErrorCode.PENDING


class PurchaseResult(msgspec.Struct, frozen=True):
    """A purchase after it was played: whether the withdraw succeeded, which end the game asked for (None: it left the
    end to the gateway), whether that end was acknowledged, and after how many tries."""

    purchase: Purchase
    held: bool
    requested: Decision | None = None
    acknowledged: bool = False
    tries: int = 0


class Game:
    """Plays purchases at the gateway whose address `wallet_url` gives; it changes with each start of the gateway."""

    def __init__(
        self, client: aiohttp.ClientSession, wallet_url: Callable[[], str], operators: Mapping[str, DemoOperator]
    ) -> None:
        self._client = client
        self._wallet_url = wallet_url
        self._operators = operators
        self._random = random.Random()  # noqa: S311 - how long people take
        self.holds_in_progress: Counter[str] = Counter()
        """How many withdraws have been sent and not answered yet, by operator."""

    async def play(self, purchase: Purchase) -> PurchaseResult:
        """Plays one purchase, from the session to its end."""
        operator = self._operators[purchase.operator]
        session = {"token": token(purchase.player)}
        await self._post_until_ok(operator, WalletCall.VERIFY_SESSION, session)
        await self._post_until_ok(operator, WalletCall.GET_BALANCE, session)
        await self._wait_like_a_player()
        held = await self._hold(operator, purchase)
        await self._wait_like_a_player()
        if not held.ok and held.has_answer and purchase.forgetful:
            return PurchaseResult(purchase, held.ok)
        return await self._end(operator, purchase, held=held.ok)

    async def balance(self, operator: DemoOperator, player: int) -> Money:
        """The player's balance, as the gateway answers it."""
        content = await self._post_until_ok(operator, WalletCall.GET_BALANCE, {"token": token(player)})
        return money(content["balance"]["amount"], content["balance"]["currencyCode"])

    async def _hold(self, operator: DemoOperator, purchase: Purchase) -> GameResponse:
        """Sends the withdraw or deposit once, whatever happens (wallet contract, "The rules of a withdrawal", 1)."""
        self.holds_in_progress[operator.name] += 1
        body = {**_transfer_body(purchase), "amount": _wire_money(purchase.amount), "txDescription": "A sword"}
        try:
            return await self._post(operator, HOLD_CALL[purchase.direction], body)
        finally:
            self.holds_in_progress[operator.name] -= 1

    async def _end(self, operator: DemoOperator, purchase: Purchase, *, held: bool) -> PurchaseResult:
        """Sends the end again until it is acknowledged (wallet contract, "The rules of a withdrawal", 4)."""
        decision = purchase.wants if held else Decision.ROLLBACK
        body = _transfer_body(purchase)
        if decision is Decision.CONFIRM:
            body["amount"] = _wire_money(purchase.amount)
        else:
            body["rollbackReason"] = GOODS_UNDELIVERED if held else HOLD_FAILED
        tries, pause_s = 0, MIN_PAUSE_S
        while True:
            tries += 1
            answer = await self._post(operator, END_CALL[purchase.direction, decision], body)
            if answer.ok or (purchase.forgetful and answer.is_pending):
                return PurchaseResult(purchase, held, decision, answer.ok, tries)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_PAUSE_S)

    async def _wait_like_a_player(self) -> None:
        await asyncio.sleep(self._random.uniform(0, MAX_PLAYER_WAIT_S))

    async def _post_until_ok(
        self, operator: DemoOperator, call: WalletCall, body: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Repeats a call that moves no money until it succeeds."""
        while not (answer := await self._post(operator, call, body)).ok:  # noqa: ASYNC110 - no event says when
            await asyncio.sleep(MIN_PAUSE_S)
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


def _transfer_body(purchase: Purchase) -> dict[str, Any]:
    return {"token": token(purchase.player), "mmTransactionId": purchase.id}


def _wire_money(amount: Money) -> dict[str, Any]:
    return {"amount": amount.amount, "currencyCode": amount.currency}
