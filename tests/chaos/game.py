"""The game, behind a load balancer: it keeps to the wallet contract, and notes every answer that it gets."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import cycle, repeat
from time import monotonic
from typing import Any, Final

import aiohttp
import msgspec

from gateway.money import BALANCE_FRACTION_DIGITS, Money, canonical
from gateway.records import Decision
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.chaos.plan import END_CALLS, HOLD_CALLS, STUBBORN, Purchase
from tests.support.doors import basic

OK: Final = 200
PATIENCE_S: Final = 5.0
"""Above the gateways' `request_timeout`."""

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 1.0
AVOIDED_S: Final = 1.0
"""How long the balancer sends nothing to an instance that did not answer."""

SEES_TO_IT: Final = frozenset(
    {
        ErrorCode.OTHER,
        ErrorCode.LIMIT,
        ErrorCode.AMOUNT,
        ErrorCode.ROLLED_BACK,
        ErrorCode.UNCLEAR,
        ErrorCode.NOT_SENT,
    }
)
"""Errors of a withdraw with which the gateway says that it is, or will be, undone. A forgetful game relies on them."""

FINAL_REFUSALS: Final = frozenset({ErrorCode.ROLLED_BACK, ErrorCode.CONFIRMED})
"""Errors of a confirm or rollback that no repetition changes."""

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Answer(msgspec.Struct, frozen=True):
    """What a call came to; status 0 if there was no answer."""

    status: int = 0
    balance: Money | None = None
    code: int = 0
    text: str = ""

    @property
    def ok(self) -> bool:
        return self.status == OK


class Reply(msgspec.Struct, frozen=True):
    """What came back, word for word; status 0 if nothing did."""

    status: int = 0
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return self.status == OK


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """All that the game knows of a purchase: the answers to its hold (two where it was duplicated), how it asked it to
    end (None: it left that to the gateway), and the last answer to that."""

    purchase: Purchase
    holds: tuple[Answer, ...]
    asked: Decision | None = None
    end: Answer = Answer()
    tries: int = 0

    @property
    def held(self) -> bool:
        return any(answer.ok for answer in self.holds)


class Balancer:
    """Sends each call to an instance chosen at random, and to another where the connection was refused: then, and only
    then, nothing can have been sent. One that did not answer is avoided for a while, as a health check would see to."""

    def __init__(self, client: aiohttp.ClientSession, urls: Sequence[Callable[[], str]], dice: random.Random) -> None:
        self._client = client
        self._urls = urls
        self._dice = dice
        self._avoided_until = [0.0] * len(urls)

    def to(self, url: Callable[[], str]) -> Balancer:
        """One that sends everything to this instance, with the same client."""
        return Balancer(self._client, [url], self._dice)

    async def post(self, operator: str, call: WalletCall, body: bytes) -> Answer:
        return _answer(await self.send(f"/wallet/{call}", body, basic(f"{operator}:secret")))

    async def post_twice(self, operator: str, call: WalletCall, body: bytes) -> list[Answer]:
        """The same to two instances at the same moment."""
        replies = await self.send_at_once(f"/wallet/{call}", [body, body], basic(f"{operator}:secret"))
        return [_answer(reply) for reply in replies]

    async def send(self, path: str, body: bytes, authorization: str = "") -> Reply:
        for instance in self._order():
            try:
                return await self._send(instance, path, body, authorization)
            except aiohttp.ClientConnectorError:
                continue
        return Reply()

    async def send_at_once(self, path: str, bodies: Sequence[bytes], authorization: str = "") -> list[Reply]:
        """Each to another instance, as long as there are so many."""
        sent = (self._send(*each, authorization) for each in zip(cycle(self._order()), repeat(path), bodies))
        replies = await asyncio.gather(*sent, return_exceptions=True)
        return [Reply() if isinstance(reply, BaseException) else reply for reply in replies]

    def _order(self) -> list[int]:
        everyone = list(range(len(self._urls)))
        self._dice.shuffle(everyone)
        now = monotonic()
        return sorted(everyone, key=lambda instance: self._avoided_until[instance] > now)

    async def _send(self, instance: int, path: str, body: bytes, authorization: str) -> Reply:
        """Raises `ClientConnectorError` where there was no connection."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": authorization} if authorization else {})
        try:
            async with self._client.post(f"{self._urls[instance]()}{path}", data=body, headers=headers) as answer:
                return Reply(answer.status, await answer.read())
        except aiohttp.ClientConnectorError:
            self.avoid(instance, AVOIDED_S)
            raise
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.avoid(instance, AVOIDED_S)
            return Reply()

    def avoid(self, instance: int, for_s: float) -> None:
        """Sends nothing there for so long, unless the others do not answer either."""
        self._avoided_until[instance] = max(self._avoided_until[instance], monotonic() + for_s)


class Game:
    """Plays purchases through a balancer."""

    def __init__(self, balancer: Balancer) -> None:
        self._balancer = balancer

    async def play(self, purchase: Purchase) -> Told:
        await self._verify(purchase)
        holds = await self._hold(purchase)
        held = any(answer.ok for answer in holds)
        await asyncio.sleep(purchase.work_s)
        if not held and purchase.forgetful and any(answer.code in SEES_TO_IT for answer in holds):
            return Told(purchase=purchase, holds=holds)
        return await self._end(purchase, holds, purchase.wants if held else Decision.ROLLBACK)

    async def _verify(self, purchase: Purchase) -> None:
        """Moves no money, so it may be repeated as often as one likes."""
        body = _encode({"token": purchase.token})
        while True:
            if (await self._balancer.post(purchase.operator, WalletCall.VERIFY_SESSION, body)).ok:
                return
            await asyncio.sleep(FIRST_PAUSE_S)

    async def _hold(self, purchase: Purchase) -> tuple[Answer, ...]:
        """Sent once, whatever happens; what stands between the game and the gateway may double it."""
        body = _encode({**_about(purchase), "amount": _wire(purchase.amount), "txDescription": "A sword"})
        call = HOLD_CALLS[purchase.direction]
        if purchase.duplicated:
            return tuple(await self._balancer.post_twice(purchase.operator, call, body))
        return (await self._balancer.post(purchase.operator, call, body),)

    async def _end(self, purchase: Purchase, holds: tuple[Answer, ...], decision: Decision) -> Told:
        """Sent again until it is acknowledged, or refused for ever."""
        body = _encode(_ending(purchase, decision))
        tries, pause_s = 0, FIRST_PAUSE_S
        while True:
            tries += 1
            end = await self._balancer.post(purchase.operator, END_CALLS[purchase.direction, decision], body)
            if end.ok or end.code in FINAL_REFUSALS or _is_left_to_a_person(purchase, end):
                return Told(purchase=purchase, holds=holds, asked=decision, end=end, tries=tries)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def reason_of(id: str) -> str:
    """The reason that the game gives for this one's rollback, which must be kept."""
    return f"Withdraw request failed: {id}."


def _is_left_to_a_person(purchase: Purchase, end: Answer) -> bool:
    """Whether the decision is recorded, and the operator is the one that acknowledges nothing."""
    return purchase.operator == STUBBORN and end.code == ErrorCode.PENDING and "is recorded" in end.text


def _ending(purchase: Purchase, decision: Decision) -> dict[str, Any]:
    if decision is Decision.CONFIRM:
        return {**_about(purchase), "amount": _wire(purchase.amount)}
    return {**_about(purchase), "rollbackReason": reason_of(purchase.id)}


def _about(purchase: Purchase) -> dict[str, Any]:
    return {"token": purchase.token, "mmTransactionId": purchase.id}


def _wire(amount: Money) -> dict[str, Any]:
    return {"amount": amount.amount, "currencyCode": amount.currency}


def _answer(reply: Reply) -> Answer:
    if not reply.status:
        return Answer()
    content = json.loads(reply.body, parse_float=Decimal)
    if not reply.ok:
        return Answer(reply.status, None, content["errorCode"], content["errorDescription"])
    balance = content.get("balance")
    if balance is None:  # nobody could tell it
        return Answer(reply.status)
    return Answer(reply.status, Money(canonical(balance["amount"], BALANCE_FRACTION_DIGITS), balance["currencyCode"]))
