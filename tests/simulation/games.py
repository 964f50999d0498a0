"""The games of a simulation: they buy, confirm and roll back by the contract, and sometimes not at all by it.

Everything that a game asks, and every answer that a gateway gives it, is noted in `Told`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec

from gateway.wire.calls import WalletCall
from tests.simulation.dice import Dice

CURRENCY: Final = "XAG"
REFUSED: Final = frozenset({110, 111, 112, 113, 114})
"""Codes after which asking the same again is vain."""

CALLS: Final = {
    "withdraw": (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL),
    "deposit": (WalletCall.DEPOSIT, WalletCall.CONFIRM_DEPOSIT, WalletCall.ROLLBACK_DEPOSIT),
}
DIRECTION: Final = {call: direction for direction, calls in CALLS.items() for call in calls}
HOLDS: Final = frozenset(calls[0] for calls in CALLS.values())
CONFIRMS: Final = frozenset(calls[1] for calls in CALLS.values())
ROLLBACKS: Final = frozenset(calls[2] for calls in CALLS.values())

REASONS: Final = (
    "Withdraw request failed.",
    "the player changed their mind",
    "",
    None,
    42,
    {"code": 7, "why": ["nested"]},
    "ü" * 5000,
    "nul \x00 and \ud800 surrogate",
)


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a game; `copy` is above 0 for a copy that the network made."""

    number: int
    copy: int
    at: float
    operator: str
    call: str
    direction: str
    token: str
    id: str
    amount: str
    reason: Any = None


class Told(msgspec.Struct, kw_only=True):
    """What a gateway answered: `code` and `text` of an error, `id` and `balance` of a success. `heard`: it reached the
    game, as the first answer to its call."""

    asked: Asked
    at: float
    gateway: str
    status: int
    code: int
    text: str
    id: str
    balance: str
    heard: bool


class Gateways(Protocol):
    """Where a game can call."""

    async def call(self, asked: Asked, body: bytes) -> Told | None:
        """The first answer, None for none."""

    async def hold_outside(self, operator: str, direction: str, id: str, amount: str, token: str) -> None:
        """The operator gets a hold that did not come through a gateway."""


class Game:
    """One player's game at one operator."""

    def __init__(
        self,
        name: str,
        operator: str,
        gateways: Gateways,
        dice: Dice,
        numbers: Callable[[], int],
        time: Callable[[], float],
    ) -> None:
        self.token = f"token-of-{name}"
        self.player = f"player-{name}"
        self.asks = 0
        self._name = name
        self._operator = operator
        self._gateways = gateways
        self._dice = dice
        self._numbers = numbers
        self._time = time

    async def play(self, purchases: int, every_s: float) -> None:
        """Buys so often, at about this pace."""
        if self._dice.happens(0.8):
            await self.ask(WalletCall.VERIFY_SESSION)
        async with asyncio.TaskGroup() as running:
            for number in range(purchases):
                purchase = Purchase(self, self._dice, f"{self._name}-{number}")
                running.create_task(self._dice.one_of(STYLES)(purchase))
                await asyncio.sleep(self._dice.between(0, 2 * every_s))
                if self._dice.happens(0.1):
                    await self.ask(WalletCall.GET_BALANCE)

    async def ask(self, call: WalletCall, id: str = "", amount: str = "", reason: Any = None) -> Told | None:
        """One call."""
        self.asks += 1
        body: dict[str, Any] = {"token": self.token}
        if id:
            body["mmTransactionId"] = id
        if amount:
            body["amount"] = {"amount": Decimal(amount), "currencyCode": CURRENCY}
        if call in ROLLBACKS:
            body["rollbackReason"] = reason
        if call in HOLDS:
            body["txDescription"] = f"purchase {id}"
        asked = Asked(
            number=self._numbers(),
            copy=0,
            at=self._time(),
            operator=self._operator,
            call=call,
            direction=DIRECTION.get(call, ""),
            token=self.token,
            id=id,
            amount=amount,
            reason=reason,
        )
        return await self._gateways.call(asked, _encoded(body))

    async def hold_outside(self, direction: str, id: str, amount: str) -> None:
        await self._gateways.hold_outside(self._operator, direction, id, amount, self.token)


class Purchase:
    """One purchase in the making, with an id of its own."""

    def __init__(self, game: Game, dice: Dice, id: str) -> None:
        self._game = game
        self._dice = dice
        self._id = id
        self._direction = "deposit" if dice.happens(0.25) else "withdraw"
        self._hold, self._confirm, self._rollback = CALLS[self._direction]
        self._amount = _amount(dice)

    async def buy(self) -> None:
        """As the contract wants it."""
        if _yes(await self.hold()):
            await self.think()
            await self.insist(self.confirm)
        else:
            await self.insist(self.roll_back)

    async def regret(self) -> None:
        """Takes it back, whatever came of it."""
        await self.hold()
        await self.think()
        await self.insist(self.roll_back)

    async def buy_twice(self) -> None:
        """Sends the same hold several times at once."""
        told = await asyncio.gather(*(self.hold() for _ in range(self._dice.whole(2, 4))))
        await self.insist(self.confirm if any(map(_yes, told)) else self.roll_back)

    async def buy_again(self) -> None:
        """Sends the hold again later, and again, as the contract forbids it."""
        told = await self.hold()
        for _ in range(self._dice.whole(1, 2)):
            await self.think()
            told = await self.hold()
        await self.insist(self.confirm if _yes(told) else self.roll_back)

    async def reuse_the_id(self) -> None:
        """Uses one id for two different holds."""
        other = _amount(self._dice)
        told, _ = await asyncio.gather(self.hold(), self.later(lambda: self.hold(other)))
        await self.insist(self.confirm if _yes(told) else self.roll_back)

    async def contradict(self) -> None:
        """Wants both ends at once."""
        await self.hold()
        await asyncio.gather(self.later(self.confirm), self.later(self.roll_back), self.later(self.confirm))

    async def change_mind(self) -> None:
        """Wants one end, then the other."""
        await self.hold()
        first, second = self._dice.one_of(((self.confirm, self.roll_back), (self.roll_back, self.confirm)))
        await first()
        await self.think()
        await self.insist(second)

    async def confirm_wrong(self) -> None:
        """Confirms another amount, then the right one."""
        if _yes(await self.hold()):
            await self.confirm(_amount(self._dice))
            await self.insist(self.confirm)

    async def disappear(self) -> None:
        """Is gone as soon as it has asked."""
        await self.hold()

    async def disappear_after_deciding(self) -> None:
        """Is gone once it has said how it ends."""
        if _yes(await self.hold()):
            await self._dice.one_of((self.confirm, self.roll_back))()

    async def buy_what_was_undone(self) -> None:
        """Uses the id of a purchase once more that it has taken back."""
        await self.hold()
        await self.insist(self.roll_back)
        await self.hold()

    async def undo_first(self) -> None:
        """The rollback comes before its hold."""
        await asyncio.gather(self.later(self.roll_back), self.later(self.hold))
        await self.insist(self.roll_back)

    async def finish_what_others_began(self) -> None:
        """Ends a hold that went to the operator by another way."""
        await self._game.hold_outside(self._direction, self._id, self._amount)
        await self.insist(self._dice.one_of((self.confirm, self.roll_back)))

    async def confirm_nothing(self) -> None:
        """Confirms what nobody ever held."""
        await self.confirm()
        await self.think()
        await self.confirm()

    async def hold(self, amount: str = "") -> Told | None:
        return await self._game.ask(self._hold, self._id, amount or self._amount)

    async def confirm(self, amount: str = "") -> Told | None:
        return await self._game.ask(self._confirm, self._id, amount or self._amount)

    async def roll_back(self) -> Told | None:
        return await self._game.ask(self._rollback, self._id, reason=self._dice.one_of(REASONS))

    async def insist(self, end: Callable[[], Awaitable[Told | None]]) -> None:
        """Asks until it is done, refused for good, or the game has had enough."""
        for _ in range(self._dice.one_of((1, 4, 12))):
            told = await end()
            if _yes(told) or (told is not None and told.code in REFUSED):
                return
            await asyncio.sleep(self._dice.between(0.5, 6))

    async def later(self, do: Callable[[], Awaitable[Told | None]]) -> Told | None:
        await asyncio.sleep(self._dice.between(0, 0.5))
        return await do()

    async def think(self) -> None:
        await asyncio.sleep(self._dice.one_of((0.0, 0.1, 3.0)) * self._dice.chance())


STYLES: Final = (
    Purchase.buy,
    Purchase.buy,
    Purchase.buy,
    Purchase.regret,
    Purchase.buy_twice,
    Purchase.buy_again,
    Purchase.reuse_the_id,
    Purchase.contradict,
    Purchase.change_mind,
    Purchase.confirm_wrong,
    Purchase.disappear,
    Purchase.disappear_after_deciding,
    Purchase.buy_what_was_undone,
    Purchase.undo_first,
    Purchase.finish_what_others_began,
    Purchase.confirm_nothing,
)


def _yes(told: Told | None) -> bool:
    return told is not None and told.status == 200


def _amount(dice: Dice) -> str:
    whole = dice.one_of((dice.whole(1, 60), dice.whole(1, 60), dice.whole(100, 900)))
    return dice.one_of((f"{whole}", f"{whole}.{dice.whole(1, 99):02}", f"{whole}.00001"))


def _encoded(body: dict[str, Any]) -> bytes:
    """JSON with exact numbers, and lone surrogates as a sloppy client writes them."""
    amount = body.get("amount")
    plain = json.dumps({name: value for name, value in body.items() if name != "amount"})
    if amount is None:
        return plain.encode()
    return f'{plain[:-1]}, "amount": {{"amount": {amount["amount"]}, "currencyCode": "{CURRENCY}"}}}}'.encode()
