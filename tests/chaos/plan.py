"""What is played and how big it is: decided from the seed before anything starts.

The seed fixes who buys what, in which order, and which misfortune comes when. Real processes and a real network decide
the rest, so a seed brings back a play's shape, not its every interleaving: that is what the simulator is for.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Final

import msgspec

from gateway.money import Money, money
from gateway.records import Decision, Direction, Key
from gateway.sandbox.payment_system import PaidOrder, Trick
from gateway.wire.calls import WalletCall

CURRENCY: Final = "XAG"
OPENED_WITH: Final = money("1000000000000.00", CURRENCY)
"""Enough for everything that a player may buy, and more digits than a binary float keeps with those of the cents."""

PLAYERS: Final = 40
MOST_CENTS: Final = 50_000

ACME: Final = "acme"
BETA: Final = "beta"
STUBBORN: Final = "stubborn"
"""Declines every confirm and rollback until it is healed: the only one whose transfers may be parked."""

PROTOCOLS: Final = {ACME: "quantum", BETA: "hub88", STUBBORN: "quantum"}
_TURNS: Final = (ACME, ACME, ACME, BETA, ACME, ACME, BETA, ACME, STUBBORN, ACME)

DEPOSITS: Final = 0.15
UNDONE: Final = 0.25
FORGETFUL: Final = 0.3
DUPLICATED: Final = 0.1

PAYMENT_EVERY: Final = 5
"""So many purchases are played for each order that is paid at an operator's payment system."""

HURRIED: Final = 0.5
IMPATIENT: Final = 0.15
"""How many payment systems give up before they are answered: then journal and game have only to agree."""

PRICES: Final = ("4.99", "4.990", "12", "0.5", "1234567890123456.78")
EXT_PARAMS: Final = ("", "chest=gold&place=3", 'ü "quoted" \\ and {braces}')

HOLD_CALLS: Final = {Direction.WITHDRAW: WalletCall.WITHDRAW, Direction.DEPOSIT: WalletCall.DEPOSIT}
END_CALLS: Final = {
    (Direction.WITHDRAW, Decision.CONFIRM): WalletCall.CONFIRM_WITHDRAWAL,
    (Direction.WITHDRAW, Decision.ROLLBACK): WalletCall.ROLLBACK_WITHDRAWAL,
    (Direction.DEPOSIT, Decision.CONFIRM): WalletCall.CONFIRM_DEPOSIT,
    (Direction.DEPOSIT, Decision.ROLLBACK): WalletCall.ROLLBACK_DEPOSIT,
}


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How much is played, how many gateways there are, and how often what happens to them (seconds)."""

    seed: int
    transfers: int = 10_000
    instances: int = 4
    kill_every_s: float = 2.0
    restart_database_every_s: float = 10.0
    at_once: int = 64
    """Transfers that are under way side by side."""


class Purchase(msgspec.Struct, frozen=True, kw_only=True):
    """One transfer as the game means it. `wants` is how it ends it once the withdraw has succeeded.

    A `duplicated` hold is posted to two instances at the same moment. A `forgetful` game sends no rollback once the
    gateway has said that it rolls back by itself. `work_s` is how long the game's own work takes in between.
    """

    operator: str
    direction: Direction
    id: str
    player: int
    amount: Money
    wants: Decision
    duplicated: bool
    forgetful: bool
    work_s: float

    @property
    def key(self) -> Key:
        return Key(self.operator, self.direction, self.id)

    @property
    def token(self) -> str:
        """The sandbox's own: see `mm-gateway sandbox`."""
        return f"token-of-player-{self.player}"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One order at an operator's payment system, or what somebody gives out for one; when it is paid is decided then.

    All callbacks of a `hurried` one are sent at the same moment, each to another gateway; of any other, the second
    comes `pause_s` after the first was answered. What is not answered is sent again, `tries` times in all; for None
    until it is answered.
    """

    operator: str
    paid: PaidOrder
    hurried: bool
    pause_s: float
    tries: int | None


def played(sizes: Sizes) -> list[Purchase | Order]:
    """Everything in the order in which it is played: payments spread evenly among purchases."""
    everything: list[Purchase | Order] = list(purchases(sizes))
    for number, order in enumerate(orders(sizes)):
        everything.insert(number * (PAYMENT_EVERY + 1), order)
    return everything


def orders(sizes: Sizes) -> list[Order]:
    """Each operator counts its own, so that several have the same ids: an order is its operator's."""
    dice = random.Random(f"payments of {sizes.seed}")
    counts: Counter[str] = Counter()
    planned = []
    for number in range(sizes.transfers // PAYMENT_EVERY):
        operator = _TURNS[number % len(_TURNS)]
        counts[operator] += 1
        planned.append(_order(operator, f"paid-{counts[operator]:06}", dice))
    return planned


def _order(operator: str, id: str, dice: random.Random) -> Order:
    return Order(
        operator=operator,
        paid=PaidOrder(
            id=id,
            player_id=f"player-{dice.randint(1, PLAYERS)}",
            product_id=f"gems.{dice.randint(1, 9)}",
            price=dice.choice(PRICES),
            paid_at=0.0,
            trick=dice.choice(tuple(Trick)),
            server_id=dice.randint(1, 9),
            ext_params=dice.choice(EXT_PARAMS),
        ),
        hurried=dice.random() < HURRIED,
        pause_s=dice.uniform(0, 2),
        tries=dice.randint(1, 2) if dice.random() < IMPATIENT else None,
    )


def purchases(sizes: Sizes) -> list[Purchase]:
    dice = random.Random(sizes.seed)
    return [_purchase(number, dice) for number in range(sizes.transfers)]


def _purchase(number: int, dice: random.Random) -> Purchase:
    return Purchase(
        operator=_TURNS[number % len(_TURNS)],
        direction=Direction.DEPOSIT if dice.random() < DEPOSITS else Direction.WITHDRAW,
        id=f"order-{number + 1:06}",
        player=dice.randint(1, PLAYERS),
        amount=money(Decimal(dice.randint(1, MOST_CENTS)).scaleb(-2), CURRENCY),
        wants=Decision.ROLLBACK if dice.random() < UNDONE else Decision.CONFIRM,
        duplicated=dice.random() < DUPLICATED,
        forgetful=dice.random() < FORGETFUL,
        work_s=dice.uniform(0, 0.6),
    )
