"""Players who buy at a steady pace, whatever becomes of what they bought before: as the world outside does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any, Final

import msgspec

from gateway.records import Decision, Direction
from gateway.wire.calls import END_CALL, HOLD_CALL, WalletCall
from tests.chaos.game import FINAL_REFUSALS, Balancer
from tests.monitoring.operators import CURRENCY, PLAYERS, token

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 2.0
DEPOSIT_EVERY: Final = 7
ROLLBACK_EVERY: Final = 5
WORK_S: Final = 0.1
"""How long the game's own work takes between a withdraw and its end."""

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode


class Manner(Enum):
    """What the game does with what was bought."""

    CONTRACT = auto()
    NEVER_ENDS = auto()
    """It neither confirms nor rolls back, until it takes to the contract again."""
    OTHER_PLAYER = auto()
    """It confirms with another player's session first."""


class Shoppers:
    """The players at one operator. From `shop` on, until that is cancelled, one buys every `every_s` seconds."""

    def __init__(self, operator: str, balancer: Balancer, every_s: float) -> None:
        self.operator = operator
        self.every_s = every_s
        self.bought = 0
        self._balancer = balancer
        self._manner = Manner.CONTRACT
        self._keeps_contract = asyncio.Event()
        self.take_to(Manner.CONTRACT)

    def take_to(self, manner: Manner) -> None:
        """The game does so from now on; what it had left open it ends as soon as it keeps to the contract again."""
        self._manner = manner
        if manner is Manner.CONTRACT:
            self._keeps_contract.set()
        else:
            self._keeps_contract.clear()

    async def hold(self, ids: Iterable[str], wallet_url: str = "") -> None:
        """Withdraws of these ids, side by side, all at one gateway if its address is given. What comes of them is left
        to the gateways."""
        balancer = self._balancer.to(lambda: wallet_url) if wallet_url else self._balancer
        await asyncio.gather(*(self._withdraw(balancer, id) for id in ids))

    async def _withdraw(self, balancer: Balancer, id: str) -> None:
        about = {"token": token(0), "mmTransactionId": id, "txDescription": "A sword"}
        body = _encode({**about, "amount": {"amount": 1, "currencyCode": CURRENCY}})
        await balancer.post(self.operator, WalletCall.WITHDRAW, body)

    async def look(self, times: int) -> None:
        """Asks for a balance so often, one call after the other."""
        for _ in range(times):
            await self._post(WalletCall.GET_BALANCE, {"token": token(0)})

    def id_of(self, number: int) -> str:
        """Of the purchase with this number, in the order in which they were made."""
        return f"{self.operator}-{number}"

    async def shop(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._buy(self.bought))
                self.bought += 1
                await asyncio.sleep(self.every_s)

    async def _buy(self, number: int) -> None:
        manner = self._manner
        player = number % PLAYERS
        for call in (WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE):
            if not (await self._balancer.post(self.operator, call, _encode({"token": token(player)}))).ok:
                return
        direction = Direction.DEPOSIT if number % DEPOSIT_EVERY == 0 else Direction.WITHDRAW
        about = {"token": token(player), "mmTransactionId": self.id_of(number)}
        amount = {"amount": {"amount": 1 + number % 100, "currencyCode": CURRENCY}}
        held = (await self._post(HOLD_CALL[direction], {**about, **amount, "txDescription": "A sword"})).ok
        await asyncio.sleep(WORK_S)
        if held and manner is Manner.NEVER_ENDS:
            await self._keeps_contract.wait()
        if held and number % ROLLBACK_EVERY:
            if manner is Manner.OTHER_PLAYER:
                await self._post(END_CALL[direction, Decision.CONFIRM], {**about, **amount, "token": token(player - 1)})
            await self._end(END_CALL[direction, Decision.CONFIRM], {**about, **amount})
        else:
            why = "The goods could not be delivered." if held else "Withdraw request failed."
            await self._end(END_CALL[direction, Decision.ROLLBACK], {**about, "rollbackReason": why})

    async def _end(self, call: WalletCall, body: dict[str, Any]) -> None:
        """Again and again until it is acknowledged, or refused for ever."""
        pause_s = FIRST_PAUSE_S
        while not ((answer := await self._post(call, body)).ok or answer.code in FINAL_REFUSALS):
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _post(self, call: WalletCall, body: dict[str, Any]) -> Any:
        return await self._balancer.post(self.operator, call, _encode(body))
