"""A game that buys: it keeps to the wallet contract, repeats what was not acknowledged, and writes down every answer.

It counts as told only what it was told: an answer that never came is none.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import aiohttp
import msgspec

from gateway.money import Money
from gateway.records import Decision, Direction
from gateway.toolbox import basic_auth
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.far_operators import PASSWORD, FarOperator

HOLD: Final = {Direction.WITHDRAW: WalletCall.WITHDRAW, Direction.DEPOSIT: WalletCall.DEPOSIT}
END: Final = {
    (Direction.WITHDRAW, Decision.CONFIRM): WalletCall.CONFIRM_WITHDRAWAL,
    (Direction.WITHDRAW, Decision.ROLLBACK): WalletCall.ROLLBACK_WITHDRAWAL,
    (Direction.DEPOSIT, Decision.CONFIRM): WalletCall.CONFIRM_DEPOSIT,
    (Direction.DEPOSIT, Decision.ROLLBACK): WalletCall.ROLLBACK_DEPOSIT,
}
REASONS: Final = ("Withdraw request failed.", "Item sold out — “Größe” 🎮", "", None, 17, {"why": "unknown"})
TRIES: Final = 3
PAUSE_S: Final = 0.1
ANSWER_S: Final = 15.0
ABREAST: Final = 64
IDLE_S: Final = 2.0
"""How long an unused connection is kept: what the gateway holds open follows the load at hand, not its last peak."""

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Whim(StrEnum):
    """What a game does with a purchase whose hold has succeeded."""

    CONFIRM = "confirm"
    ROLL_BACK = "roll back"
    CONTRADICT = "confirm and roll back at once"


class Purchase(msgspec.Struct, kw_only=True):
    """One transfer as the game sees it. `wants` is what it repeats until it is `done`; who `forgets` does not roll a
    failed hold back, who is `hasty` sends the same hold twice at once."""

    operator: str
    direction: Direction
    id: str
    token: str
    amount: Money
    whim: Whim = Whim.CONFIRM
    forgets: bool = False
    hasty: bool = False
    wants: Decision | None = None
    done: bool = False


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One call and its answer; status 0 where none came."""

    operator: str
    call: WalletCall
    id: str
    at: float
    took_s: float
    status: int
    reason: Any = None
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return self.status == 200

    @property
    def code(self) -> int:
        return int(self.body.get("errorCode", 0))

    @property
    def balance(self) -> Decimal | None:
        return self.body["balance"]["amount"] if self.ok else None


class Game:
    """Plays purchases at these operators. `url` is where the gateway listens just now."""

    def __init__(
        self, url: Callable[[], str], operators: dict[str, FarOperator], chance: random.Random, prefix: str = "p"
    ) -> None:
        self.told: list[Told] = []
        self.purchases: list[Purchase] = []
        self._url = url
        self._operators = operators
        self._chance = chance
        self._prefix = prefix
        self._count = 0
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=ANSWER_S),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
        )
        self._headers = {
            name: {
                "Authorization": basic_auth(name, PASSWORD),
                "Content-Type": "application/json",
            }
            for name in operators
        }

    async def close(self) -> None:
        await self._client.close()

    def purchase(self, operator: str, **traits: Any) -> Purchase:
        """A new purchase at this operator, of a random player and amount."""
        self._count += 1
        far = self._operators[operator]
        made = Purchase(
            operator=operator,
            direction=traits.pop("direction", Direction.WITHDRAW),
            id=f"{self._prefix}-{self._count}",
            token=self._chance.choice(far.tokens),
            amount=far.amount(self._chance),
            **traits,
        )
        self.purchases.append(made)
        return made

    def any_purchase(self, operators: Iterable[str]) -> Purchase:
        """A new purchase of any sort."""
        roll = self._chance.random
        return self.purchase(
            self._chance.choice(sorted(operators)),
            direction=Direction.DEPOSIT if roll() < 0.2 else Direction.WITHDRAW,
            whim=self._chance.choices(list(Whim), (12, 6, 2))[0],
            forgets=roll() < 0.2,
            hasty=roll() < 0.1,
        )

    async def play(self, purchase: Purchase) -> None:
        """From its hold to its end, or as far as it goes."""
        if await self.hold(purchase):
            await self.end_by_whim(purchase)
        elif not purchase.forgets:
            purchase.wants = Decision.ROLLBACK
            await self.bring_to_end(purchase)

    async def hold(self, purchase: Purchase) -> bool:
        """Whether the game was told that it succeeded."""
        copies = [self._hold(purchase) for _ in range(2 if purchase.hasty else 1)]
        answers = await asyncio.gather(*copies)
        return any(told.ok for told in answers)

    async def end_by_whim(self, purchase: Purchase) -> None:
        purchase.wants = Decision.ROLLBACK if purchase.whim is Whim.ROLL_BACK else Decision.CONFIRM
        if purchase.whim is Whim.CONTRADICT:
            await asyncio.gather(self.end(purchase, Decision.CONFIRM), self.end(purchase, Decision.ROLLBACK))
        await self.bring_to_end(purchase)
        if purchase.done and self._chance.random() < 0.1:
            await self.end(purchase, purchase.wants)

    async def bring_to_end(self, purchase: Purchase, tries: int = TRIES, pause_s: float = PAUSE_S) -> bool:
        """Repeats what the game wants, a few times. Whether it was acknowledged."""
        for _ in range(tries):
            if await self._acknowledged(purchase):
                return True
            await asyncio.sleep(pause_s)
        return False

    async def finish(self, wait_limit_s: float) -> list[Purchase]:
        """Repeats everything that was not acknowledged yet. Returns what still is not when patience is over."""
        until = time.monotonic() + wait_limit_s
        while (left := self.unfinished()) and time.monotonic() < until:
            for first in range(0, len(left), ABREAST):
                await asyncio.gather(*(self.bring_to_end(each, tries=1) for each in left[first : first + ABREAST]))
        return left

    def unfinished(self) -> list[Purchase]:
        return [purchase for purchase in self.purchases if purchase.wants is not None and not purchase.done]

    async def end(self, purchase: Purchase, decision: Decision, reason: Any = ...) -> Told:
        """One confirm or rollback. A reason that is not given is made up."""
        body: dict[str, Any] = {"token": purchase.token, "mmTransactionId": purchase.id}
        if decision is Decision.CONFIRM:
            body["amount"] = _wire(purchase.amount)
            reason = None
        else:
            reason = self._chance.choice(REASONS) if reason is ... else reason
            body["rollbackReason"] = reason
        return await self.post(purchase.operator, END[purchase.direction, decision], purchase.id, body, reason)

    async def verify(self, operator: str, token: str) -> Told:
        return await self.post(operator, WalletCall.VERIFY_SESSION, "", {"token": token})

    async def get_balance(self, operator: str, token: str) -> Told:
        return await self.post(operator, WalletCall.GET_BALANCE, "", {"token": token})

    async def post(self, operator: str, call: WalletCall, id: str, body: dict[str, Any], reason: Any = None) -> Told:
        at, status, content = time.time(), 0, b"{}"
        begun = time.monotonic()
        try:
            async with self._client.post(
                f"{self._url()}/wallet/{call}", data=_encode(body), headers=self._headers[operator]
            ) as answer:
                content = await answer.read()
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            content = b"{}"
        told = Told(
            operator=operator,
            call=call,
            id=id,
            at=at,
            took_s=time.monotonic() - begun,
            status=status,
            reason=reason,
            body=json.loads(content, parse_float=Decimal, parse_int=Decimal),
        )
        self.told.append(told)
        return told

    async def _hold(self, purchase: Purchase) -> Told:
        body = {
            "token": purchase.token,
            "mmTransactionId": purchase.id,
            "amount": _wire(purchase.amount),
            "txDescription": f"Purchase {purchase.id}",
        }
        return await self.post(purchase.operator, HOLD[purchase.direction], purchase.id, body)

    async def _acknowledged(self, purchase: Purchase) -> bool:
        assert purchase.wants is not None
        told = await self.end(purchase, purchase.wants)
        if told.ok:
            purchase.done = True
        elif purchase.whim is Whim.CONTRADICT and told.code == ErrorCode.ROLLED_BACK:
            purchase.wants = Decision.ROLLBACK  # of its two wishes the other one won
        return told.ok


def _wire(amount: Money) -> dict[str, Any]:
    return {"amount": amount.amount, "currencyCode": amount.currency}
