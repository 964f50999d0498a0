"""The games of a simulation: they buy, confirm and roll back by the contract, and sometimes not at all by it.

Everything that a game asks, and every answer that a gateway gives it, is noted in `Told`.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

import msgspec

from gateway.wire.calls import WalletCall
from tests.simulation.dice import Dice

T = TypeVar("T")

CURRENCY: Final = "XAG"
REFUSED: Final = frozenset({110, 111, 112, 113, 114, 115})
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


HALF_AN_EMOJI: Final = "half an emoji \ud83d"

DESCRIPTIONS: Final = (*("a purchase",) * 8, HALF_AN_EMOJI, "nul \x00 and bell \x07", "long " * 400, None)


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
    """What a gateway answered: `code` and `text` of an error, `id`, `balance` and `currency` of a success, the latter
    two empty where it told none. `reached_at` is when the call had come to the gateway. `heard`: the answer reached the
    game, as the first one to its call."""

    asked: Asked
    reached_at: float
    at: float
    gateway: str
    status: int
    code: int
    text: str
    id: str
    balance: str
    currency: str
    heard: bool


class Gateways(Protocol):
    """Where a game can call."""

    async def call(self, asked: Asked, body: bytes) -> Told | None:
        """The first answer, None for none."""

    async def hold_outside(self, operator: str, direction: str, id: str, amount: str, token: str) -> None:
        """The operator gets a hold that did not come through a gateway."""

    def has_one_session(self, operator: str) -> bool:
        """Whether each player of this operator has one session, which does not end."""

    def open_session(self, operator: str, player: str, token: str) -> None:
        """The operator opens one more session of a player."""

    def end_session(self, operator: str, token: str) -> None:
        """The operator ends a session."""


class Game:
    """One player's game at one operator, with a rival who knows the ids of its purchases."""

    def __init__(
        self,
        name: str,
        operator: str,
        gateways: Gateways,
        dice: Dice,
        numbers: Callable[[], int],
        time: Callable[[], float],
    ) -> None:
        self.player = f"player-{name}"
        self.token = f"token-of-{self.player}"
        self.rivals_token = f"{self.token}-rival"
        self.asks = 0
        self.name = name
        self._sessions = itertools.count()
        self._operator = operator
        self._gateways = gateways
        self._dice = dice
        self._numbers = numbers
        self._time = time

    async def play(self, purchases: int, every_s: float) -> None:
        """Buys so often, at about this pace."""
        if self._dice.happens(0.8):
            await self.ask(WalletCall.VERIFY_SESSION)
        if self._dice.happens(0.6):
            await self.ask(WalletCall.VERIFY_SESSION, token=self.rivals_token)
        async with asyncio.TaskGroup() as running:
            for number in range(purchases):
                purchase = Purchase(self, self._dice, f"{self.name}-{number}")
                running.create_task(self._dice.one_of(STYLES)(purchase))
                await asyncio.sleep(self._dice.between(0, 2 * every_s))
                if self._dice.happens(0.1):
                    await self.ask(WalletCall.GET_BALANCE)

    def session(self) -> str:
        """The token of a new session of this player; the only one's, where a token names nothing but its player."""
        if self._gateways.has_one_session(self._operator):
            return self.token
        token = f"{self.token}/{next(self._sessions)}"
        self._gateways.open_session(self._operator, self.player, token)
        return token

    def end_session(self, token: str) -> None:
        if not self._gateways.has_one_session(self._operator):
            self._gateways.end_session(self._operator, token)

    async def ask(
        self,
        call: WalletCall,
        id: str = "",
        amount: str = "",
        reason: Any = None,
        description: str | None = "",
        token: str = "",
    ) -> Told | None:
        """One call, under the game's own session if under no other."""
        self.asks += 1
        token = token or self.token
        body: dict[str, Any] = {"token": token}
        if id:
            body["mmTransactionId"] = id
        if amount:
            body["amount"] = {"amount": Decimal(amount), "currencyCode": CURRENCY}
        if call in ROLLBACKS:
            body["rollbackReason"] = reason
        if call in HOLDS:
            body["txDescription"] = description
        asked = Asked(
            number=self._numbers(),
            copy=0,
            at=self._time(),
            operator=self._operator,
            call=call,
            direction=DIRECTION.get(call, ""),
            token=token,
            id=id,
            amount=amount,
            reason=reason,
        )
        return await self._gateways.call(asked, _encoded(body))

    async def hold_outside(self, direction: str, id: str, amount: str, token: str) -> None:
        await self._gateways.hold_outside(self._operator, direction, id, amount, token)


class Purchase:
    """One purchase in the making, with an id of its own; `token` is of the session that its next call names."""

    def __init__(self, game: Game, dice: Dice, id: str) -> None:
        self._game = game
        self._dice = dice
        self._id = id
        self._direction = "deposit" if dice.happens(0.25) else "withdraw"
        self._hold, self._confirm, self._rollback = CALLS[self._direction]
        self._amount = _amount(dice)
        self._description = dice.one_of(DESCRIPTIONS)
        self._token = game.session() if dice.happens(0.2) else game.token

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
        await self._game.hold_outside(self._direction, self._id, self._amount, self._token)
        await self.insist(self._dice.one_of((self.confirm, self.roll_back)))

    async def confirm_nothing(self) -> None:
        """Confirms what nobody ever held."""
        await self.confirm()
        await self.think()
        await self.confirm()

    async def confirm_first(self) -> None:
        """The confirm comes before its hold, which then may be taken back."""
        await self.confirm()
        await self.think()
        await self.hold()
        if self._dice.happens(0.5):
            await self.insist(self.roll_back)

    async def come_back(self) -> None:
        """The session ends between the hold and its end, which names the player's next one."""
        self._token = before = await self.session()
        held = _yes(await self.hold())
        if self._dice.happens(0.7):
            self._game.end_session(before)
        self._token = await self.session()
        await self.think()
        await self.insist(self.confirm if held and self._dice.happens(0.7) else self.roll_back)

    async def name_a_session_that_is_over(self) -> None:
        """The end names a newer session that is over, while the hold's is not."""
        self._token = await self.session()
        held = _yes(await self.hold())
        self._token = await self.session()
        self._game.end_session(self._token)
        await self.insist(self.confirm if held and self._dice.happens(0.7) else self.roll_back)

    async def name_nobodys_session(self) -> None:
        """The end names a session that nobody ever had."""
        held = _yes(await self.hold())
        self._token = f"token-of-nobody-{self._id}"
        await self.insist(self.confirm if held and self._dice.happens(0.7) else self.roll_back)

    async def buy_without_a_session(self) -> None:
        """The hold names a session that is over, or that nobody ever had."""
        self._token = await self.session()
        self._game.end_session(self._token)
        if self._dice.happens(0.3):
            self._token = f"token-of-nobody-{self._id}"
        for _ in range(self._dice.whole(0, 3)):
            await self._game.ask(WalletCall.VERIFY_SESSION, token=self._token)
        await self.hold()
        if self._dice.happens(0.7):
            await self.insist(self.roll_back)

    async def be_meddled_with(self) -> None:
        """The rival ends it, before the game itself does, at once with it, or after it."""
        held = _yes(await self.hold())
        end = self.confirm if held and self._dice.happens(0.6) else self.roll_back
        if self._dice.happens(0.5):
            await self.meddle()
            await self.insist(end)
        else:
            await asyncio.gather(self.later(self.meddle), self.later(end))

    async def share_the_id(self) -> None:
        """The rival uses the same id for a purchase, and both go on by the contract."""
        rival = Purchase(self._game, self._dice, self._id)
        rival._direction, rival._token = self._direction, self._game.rivals_token
        rival._hold, rival._confirm, rival._rollback = self._hold, self._confirm, self._rollback
        await asyncio.gather(self.buy(), self.later(rival.buy))

    async def meddle(self) -> Told | None:
        token = self._game.rivals_token
        if self._dice.happens(0.4):
            return await self._game.ask(self._confirm, self._id, self._amount, token=token)
        reason = f"the rival of {self._id} wants it back"
        return await self._game.ask(self._rollback, self._id, reason=reason, token=token)

    async def session(self) -> str:
        """A new session of the player, verified or not."""
        token = self._game.session()
        if self._dice.happens(0.6):
            await self._game.ask(WalletCall.VERIFY_SESSION, token=token)
        return token

    async def hold(self, amount: str = "") -> Told | None:
        amount = amount or self._amount
        return await self._game.ask(self._hold, self._id, amount, description=self._description, token=self._token)

    async def confirm(self, amount: str = "") -> Told | None:
        return await self._game.ask(self._confirm, self._id, amount or self._amount, token=self._token)

    async def roll_back(self) -> Told | None:
        return await self._game.ask(self._rollback, self._id, reason=self._dice.one_of(REASONS), token=self._token)

    async def insist(self, end: Callable[[], Awaitable[Told | None]]) -> None:
        """Asks until it is done, refused for good, or the game has had enough."""
        for _ in range(self._dice.one_of((1, 4, 12))):
            told = await end()
            if _yes(told) or (told is not None and told.code in REFUSED):
                return
            await asyncio.sleep(self._dice.between(0.5, 6))

    async def later(self, do: Callable[[], Awaitable[T]]) -> T:
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
    Purchase.confirm_first,
    Purchase.come_back,
    Purchase.come_back,
    Purchase.name_a_session_that_is_over,
    Purchase.name_a_session_that_is_over,
    Purchase.name_nobodys_session,
    Purchase.buy_without_a_session,
    Purchase.be_meddled_with,
    Purchase.be_meddled_with,
    Purchase.share_the_id,
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
