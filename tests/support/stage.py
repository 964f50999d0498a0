"""One gateway in its surroundings: operators that misbehave, a game that plays, and a journal that is looked into."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway.demo.shop import SECRET, Shop
from gateway.journal.interface import TransferFilter
from gateway.records import CLAIMABLE, Decision, Direction, Key, State, Timeline
from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.payment_system import PaidOrder, callbacks
from gateway.wire.calls import WalletCall
from tests.support.auditing import Evidence, gathered, timelines
from tests.support.far_operators import KINDS, FarOperators
from tests.support.gateway_process import GatewayProcess
from tests.support.journal_places import PostgresSchema, SqliteFile, looked_into
from tests.support.playing import Game, Purchase

OPERATOR_TIMEOUT_MS: Final = 500
BREAKER_FAILURES: Final = 8
STATEMENT_TIMEOUT_S: Final = 1.5
WAVE: Final = 8
PLAYED: Final = ("acme", "hub", "oblivion")
STRICT: Final = "strict"
"""An operator whose deliveries are given up at once; the game finishes there what it has begun."""

PAYS: Final = "acme"
"""The operator that has payments."""

PAYMENT_SECRET: Final = "the payment system's"
PAYMENT: Final = Direction.PAYMENT
FINISH_S: Final = 60.0
KEEP: Final = "3d"
"""Longer than the game may name what is finished: no gateway takes less."""

AGED_S: Final = 4 * 86_400.0
DELIVERY: Final = {
    "schedule": ["0s", "200ms", "300ms"],
    "then_every": "500ms",
    "until": "20m",
    "late_arrival_window": "400ms",
}
GIVING_UP: Final = {
    "schedule": ["0s", "100ms"],
    "then_every": "100ms",
    "until": "300ms",
    "late_arrival_window": "100ms",
}


class Stage:
    """All that a drive may touch. `outside` are the holds booked before there was a gateway."""

    def __init__(
        self,
        folder: Path,
        store: SqliteFile | PostgresSchema,
        operators: FarOperators,
        shop: Shop,
        chance: random.Random,
        operator_timeout_ms: int,
    ) -> None:
        self.store = store
        self.operators = operators
        self.chance = chance
        self.outside: set[Key] = set()
        self.shop = shop
        self.paid: dict[str, bool] = {}
        """Orders whose payment system called back, and whether that was acknowledged."""
        self._reloads = 0
        self._timeout_ms = operator_timeout_ms
        self.gateway = GatewayProcess(self._configuration(), folder)
        self.game = Game(lambda: self.gateway.wallet_url, operators, chance)
        self._rows: dict[Key, Timeline] = {}
        self._payments: dict[str, State] = {}
        """The states of payments by their orders, also of those that were forgotten since."""

    async def wave(self) -> None:
        """A few purchases at once, each by a player who has just come."""
        played = [self.game.any_purchase(PLAYED) for _ in range(WAVE)]
        await asyncio.gather(*(self._come_and_play(purchase) for purchase in played))

    async def pay(self) -> None:
        """A payment system calls back, once."""
        order = PaidOrder(
            id=f"paid-{len(self.paid)}", player_id="payer", product_id="gems", price="4.990", paid_at=time.time()
        )
        self.paid[order.id] = False
        ((body,),) = callbacks(order, PAYMENT_SECRET)
        url = f"{self.gateway.operators_url}/operators/{PAYS}/pay/quantum"
        with suppress(aiohttp.ClientError, OSError):
            async with aiohttp.request("POST", url, data=body) as answer:
                self.paid[order.id] = answer.status == HTTPStatus.OK

    async def payment_problems(self) -> list[str]:
        """What is wrong with payments, once nothing moves any more."""
        await self.remember()
        problems = [
            f"{order} was told in several ways" for order, told in self.shop.bodies.items() if len(set(told)) > 1
        ]
        for order, acknowledged in self.paid.items():
            state, goods = self._payments.get(order), self.shop.goods[order]
            if state is None and (acknowledged or goods):
                problems.append(f"{order} is not in the journal; acknowledged: {acknowledged}, goods: {goods}")
            elif state is not None and (state is not State.CONFIRMED or goods != 1):
                problems.append(f"{order} is {state}, the game handed out goods {goods} times")
        return problems

    async def tell(self, sign: signal.Signals) -> None:
        """Sends the gateway a signal, if it still lives."""
        with suppress(ProcessLookupError):
            self.gateway.send_signal(sign)

    async def reconfigure(self, **journal: Any) -> None:
        """Has the gateway take up a configuration with another rhythm and these settings of the journal."""
        self._reloads += 1
        self.gateway.configure(self._configuration(**journal))
        await self.tell(signal.SIGHUP)

    async def reconfigured_at_rest(self, **journal: Any) -> None:
        """As `reconfigure`; returns once it is in force."""
        self.gateway.configure(self._configuration(**journal))
        await self.gateway.reload()

    def restore(self) -> None:
        """Undoes what drives have done to the configuration and the operators."""
        self.gateway.configure(self._configuration())
        self.operators.misbehave()
        self.operators[STRICT].switch()

    def fail(self, operator: str, *calls: WalletCall, fault: Fault = Fault.ERROR_BEFORE, delay_s: float = 0.0) -> None:
        """From now on this operator does nothing else to these calls, and nothing to others."""
        self.operators[operator].switch(FaultRule(fault=fault, calls=calls, delay_s=delay_s))

    def book_outside(self) -> Purchase:
        """A withdraw that acme took before there was a gateway, which the game wants to confirm."""
        purchase = self.game.purchase("acme", wants=Decision.CONFIRM)
        self.operators["acme"].book_outside(purchase.id, purchase.token, purchase.amount)
        self.outside.add(Key("acme", Direction.WITHDRAW, purchase.id))
        return purchase

    async def remember(self) -> None:
        """Keeps what the journal says now, since the gateway is about to forget some of it."""
        async with looked_into(self.store) as journal:
            for key, timeline in (await timelines(journal)).items():
                if key.direction is PAYMENT:
                    self._payments[key.id] = timeline.transfer.state
                    continue
                known = self._rows.get(key)
                if known is None:
                    self._rows[key] = timeline
                elif known.transfer.opened_at != timeline.transfer.opened_at:
                    self._rows[key] = _united(known, timeline)
                elif _fullness(timeline) >= _fullness(known):
                    self._rows[key] = timeline

    async def age(self, ended_s: float = 0.0) -> None:
        """What ended at least so long ago is kept for `KEEP` no longer: a test has no three days to wait."""
        await self.store.age(AGED_S, time.time() - ended_s)

    async def finished(self) -> list[str]:
        """Lets the game and the gateway finish everything. Returns what is not finished."""
        self.operators.behave()
        left = await self.game.finish(FINISH_S)
        problems = [f"the game could not finish {purchase.id}: {purchase.wants}" for purchase in left]
        async with looked_into(self.store) as journal:
            unfinished = TransferFilter(states=(*CLAIMABLE, State.PARKED))
            with suppress(TimeoutError):
                async with asyncio.timeout(FINISH_S):
                    while await journal.list_transfers(unfinished, limit=1):
                        await asyncio.sleep(0.1)
        return problems

    async def evidence(self) -> Evidence:
        await self.remember()
        return gathered(self._rows, [self.game], self.operators, self.outside)

    async def _come_and_play(self, purchase: Purchase) -> None:
        await self.game.verify(purchase.operator, purchase.token)
        await self.game.play(purchase)

    def _configuration(self, **journal: Any) -> dict[str, Any]:
        breaker = {"failures": BREAKER_FAILURES, "open_for": "300ms"}
        timeout_ms = self._timeout_ms + self._reloads  # with every reload every operator is another
        common = {"timeout": f"{timeout_ms}ms", "breaker": breaker}
        operators = {
            name: operator.settings(**common, **({"delivery": GIVING_UP} if name == STRICT else {}))
            for name, operator in self.operators.items()
        }
        operators[PAYS] |= payments_of(self.shop)
        return {
            "operators_server": {"host": "127.0.0.1", "port": 0},
            "server": {"request_timeout": "3s", "stop_timeout": "3s"},
            "journal": {"url": self.store.url, "statement_timeout": f"{STATEMENT_TIMEOUT_S}s", **journal},
            "delivery": DELIVERY,
            "operators": operators,
        }


def _united(forgotten: Timeline, anew: Timeline) -> Timeline:
    """A transfer that the game asked for again after it was forgotten, and so was adopted, with its former life."""
    return Timeline(
        transfer=anew.transfer,
        attempts=[*(each for each in forgotten.attempts if each not in anew.attempts), *anew.attempts],
        reasons=[*(each for each in forgotten.reasons if each not in anew.reasons), *anew.reasons],
    )


def _fullness(timeline: Timeline) -> tuple[int, int]:
    """Of two looks at one transfer the later has more. Unless it was forgotten in that very moment: then it lacks what
    belongs to it."""
    return timeline.transfer.revision, len(timeline.attempts) + sum(reason.times for reason in timeline.reasons)


def payments_of(shop: Shop) -> dict[str, Any]:
    """What an operator's configuration needs for payments of which this shop is told."""
    game = {"url": shop.url, "secret": SECRET}
    payment = {"settings": {"secrets": [PAYMENT_SECRET]}, "currency": "EUR", "game": game}
    return {"inbound": {}, "payment": payment}


@asynccontextmanager
async def open_shop() -> AsyncIterator[Shop]:
    """A game that is told of payments, and does not always acknowledge at once."""
    shop = Shop()
    await shop.open()
    try:
        yield shop
    finally:
        await shop.close()


@asynccontextmanager
async def staged(
    folder: Path,
    store: SqliteFile | PostgresSchema,
    chance: random.Random,
    operator_timeout_ms: int = OPERATOR_TIMEOUT_MS,
) -> AsyncIterator[Stage]:
    """A stage whose operators serve; at the end everything is let go of."""
    kinds = {**KINDS, STRICT: KINDS["acme"]}
    await store.prepare()
    try:
        async with FarOperators(folder, chance, kinds) as operators, open_shop() as shop:
            stage = Stage(folder, store, operators, shop, chance, operator_timeout_ms)
            stage.restore()
            try:
                yield stage
            finally:
                if stage.gateway.running:
                    await stage.gateway.kill()
                await stage.game.close()
    finally:
        await store.discard()
