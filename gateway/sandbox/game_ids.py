"""The game's own ids of transfers, where a protocol carries only ids that an adapter has derived from them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.money import money
from gateway.operators import Adapter, Direction, Headers, Http, HttpResponse, Session, Transfer, Unclear
from gateway.operators.registry import adapter, validate
from gateway.records import State
from gateway.sandbox.simulated import Misunderstood, Order, Request

TOKEN: Final = "token-of-player-nobody"  # noqa: S105 - nobody has it

Understand = Callable[[Request], Order]


class _Ear(Http):
    """Keeps the request, and lets nothing out."""

    request_made: Request | None = None

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        lowered = {name.lower(): value for name, value in dict(headers).items()}
        self.request_made = Request(method, path, lowered, body or b"")
        raise Unclear("this goes nowhere")

    def now(self) -> float:
        return 0.0

    def nonce(self) -> str:
        return "0" * 32


class GameIds:
    """What one operator's names of holds mean. Each is learnt from the hold that the adapter would send.

    `settings` are the adapter's for this operator, `understand` is its simulated side's.
    """

    def __init__(
        self, operator: str, protocol: str, settings: dict[str, Any], understand: Understand, currency: str
    ) -> None:
        self._operator = operator
        self._ear = _Ear()
        self._adapter: Adapter = adapter(protocol)(validate(protocol, settings), self._ear)
        self._understand = understand
        self._currency = currency
        self._id_of: dict[str, str] = {}
        self._learnt: set[tuple[str, str]] = set()

    def learn(self, direction: str, id: str) -> None:
        """From now on, requests about this transfer are known by its id."""
        if (direction, id) in self._learnt:
            return
        self._learnt.add((direction, id))
        hold = self._adapter.withdraw if direction == Direction.WITHDRAW else self._adapter.deposit
        self._ear.request_made = None
        _run(hold(self._transfer(Direction(direction), id)))
        if self._ear.request_made is None:
            return
        try:
            self._id_of[self._understand(self._ear.request_made).reference] = id
        except Misunderstood:
            return  # it wants a player whom it knows; such a protocol carries the game's own id (test_game_ids.py)

    def id_of(self, order: Order) -> str:
        """The game's id of what an order is about; the order's own where none was learnt."""
        return self._id_of.get(order.reference, order.id)

    def _transfer(self, direction: Direction, id: str) -> Transfer:
        # Where bets name no currency, an adapter sends none for a player whose currency is not remembered.
        memory = {"currency": self._currency}
        return Transfer(
            operator=self._operator,
            direction=direction,
            id=id,
            state=State.SENDING,
            amount=money("1", self._currency),
            session=Session(operator=self._operator, token=TOKEN, player_id="player-nobody", memory=memory),
            opened_at=0.0,
            changed_at=0.0,
        )


def _run(work: Coroutine[Any, Any, object]) -> None:
    """As far as it comes without waiting for anything."""
    with suppress(Exception):  # it was never to succeed
        work.send(None)
    work.close()
