"""What a sandbox does around the wallet when it is told to: as an operator it launches the game, asks how a transfer
has ended, and calls back for payments; as the game it takes the notices of payments."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import uuid4

import aiohttp
import msgspec

from gateway.money import MoneyError, canonical
from gateway.records import Direction
from gateway.sandbox.gateway_calls import QUERIES, GatewayAnswer, GatewayCalls
from gateway.sandbox.notices import Notices
from gateway.sandbox.payment_system import PaidOrder, Trick, callbacks

USERNAME: Final = "sandbox"
PASSWORD: Final = "password of the sandbox"  # noqa: S105 - of an operator that has no money
PAYMENT_SECRET: Final = "secret of the sandbox's payment system"  # noqa: S105 - as above
GAME_SECRET: Final = "secret of the sandbox's game"  # noqa: S105 - as above

GAME_CLIENT: Final = "https://game.example/play?lang={language}&currency={currency}"
TIMEOUT_S: Final = 30.0

TRICKS: Final = {trick.name.lower(): trick for trick in Trick}
"""How a trick is written in a request: ``other_price``."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class WantedQuery(msgspec.Struct, forbid_unknown_fields=True):
    """The body that asks the gateway how a transfer has ended."""

    id: Text
    direction: Direction = Direction.WITHDRAW


class WantedPayment(msgspec.Struct, forbid_unknown_fields=True):
    """The body that lets a player pay; `trick` is what is odd about the callbacks, such as ``twice``."""

    player_id: Text
    product_id: Text = "gems.100"
    price: str = "4.99"
    trick: str = "none"
    order_id: Text | None = None
    server_id: int = 1
    ext_params: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class NoGateway(Exception):
    """What was asked for needs a gateway to call."""

    def __init__(self) -> None:
        super().__init__("no gateway to call; start the sandbox with --gateway http://HOST:8081/operators/NAME")


class AroundWallet:
    """The sandbox's side of all that is not the wallet. `gateway` is the address of its part of the operators'
    listener, such as ``http://127.0.0.1:8081/operators/acme``; None: it has none to call."""

    def __init__(self, gateway: str | None) -> None:
        self._gateway = gateway
        self._client: aiohttp.ClientSession | None = None
        self.notices = Notices()

    async def close(self) -> None:
        """Closes the connections to the gateway."""
        if self._client is not None:
            await self._client.close()

    async def launch(self, body: bytes) -> object:
        """Launches the game; `body` is the gateway's call."""
        return _shown(await self._calls().launch(body))

    async def query(self, body: bytes) -> object:
        """Asks how a transfer has ended."""
        wanted = msgspec.json.decode(body, type=WantedQuery)
        if wanted.direction not in QUERIES:
            raise msgspec.ValidationError(f'direction is "{wanted.direction}"; write one of: {", ".join(QUERIES)}')
        return _shown(await self._calls().query(wanted.direction, wanted.id))

    async def pay(self, body: bytes) -> object:
        """A player pays, and the payment system calls back. Returns the order and each callback with its answer."""
        order = _order(msgspec.json.decode(body, type=WantedPayment))
        calls = self._calls()
        answered: list[tuple[bytes, GatewayAnswer]] = []
        for group in callbacks(order, PAYMENT_SECRET):
            answered += zip(group, await asyncio.gather(*map(calls.call_back, group)), strict=True)
        sent = [{"callback": callback.decode(), **_shown(answer)} for callback, answer in answered]
        return {"order_id": order.id, "trick": order.trick, "callbacks": sent}

    def show_notices(self) -> object:
        """What the game was told, and how often it handed out goods, by order."""
        orders = self.notices.bodies.items()
        return {
            order: {"goods": self.notices.goods[order], "notices": [body.decode() for body in bodies]}
            for order, bodies in orders
        }

    def configuration(self, url: str, currency: str) -> dict[str, Any]:
        """What an operator's part of the gateway's configuration says of all this; `url` is where notices go."""
        return {
            "inbound": {"credentials": [{"username": USERNAME, "password": PASSWORD}]},
            "launch": {"url": GAME_CLIENT, "verify": True},
            "payment": {
                "settings": {"secrets": [PAYMENT_SECRET]},
                "currency": currency,
                "game": {"url": url, "secret": GAME_SECRET},
            },
        }

    def _calls(self) -> GatewayCalls:
        if self._gateway is None:
            raise NoGateway
        if self._client is None:  # not before a loop runs
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_S))
        address = self._gateway.rstrip("/")
        return GatewayCalls(self._client, lambda: address, USERNAME, PASSWORD)


def _order(wanted: WantedPayment) -> PaidOrder:
    if wanted.trick not in TRICKS:
        raise msgspec.ValidationError(f'trick is "{wanted.trick}"; write one of: {", ".join(TRICKS)}')
    try:
        is_price = Decimal(canonical(wanted.price)) > 0
    except MoneyError:
        is_price = False
    if not is_price:
        raise msgspec.ValidationError(f'price is "{wanted.price}"; write an amount above 0 in quotes, such as "4.99"')
    return PaidOrder(
        id=wanted.order_id or f"order-{uuid4()}",
        player_id=wanted.player_id,
        product_id=wanted.product_id,
        price=wanted.price,
        paid_at=time.time(),
        trick=TRICKS[wanted.trick],
        server_id=wanted.server_id,
        ext_params=wanted.ext_params,
    )


def _shown(answer: GatewayAnswer) -> dict[str, Any]:
    if answer.status == 0:
        return {"status": None, "answer": "the gateway did not answer"}
    return {"status": answer.status, "answer": _readable(answer.body)}


def _readable(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")
