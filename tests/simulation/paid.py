"""What is promised of payments, and of the answers how transfers have ended."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from gateway.sandbox.payment_system import GENUINE, PaidOrder, Trick
from tests.simulation.evidence import Evidence, Violation
from tests.simulation.payments import OK, Answered

FINALS: Final = {"CONFIRMED": "confirmed", "ROLLED_BACK": "rolled_back"}
KNOWN: Final = frozenset({"confirming", "confirmed", "parked"})


def acknowledged_once_durable(evidence: Evidence) -> Iterator[Violation]:
    """No payment system is told yes before the payment is durable."""
    for one in evidence.world.answered:
        if one.call == "payment" and one.status == OK and one.durable not in KNOWN:
            yield Violation("acknowledged_once_durable", f"{one.operator} {one.id} was acknowledged, and {one.durable}")


def payments_arrive(evidence: Evidence) -> Iterator[Violation]:
    """The game hears of every payment that was acknowledged, and acknowledges it, or a person is told."""
    for one in evidence.world.answered:
        if one.call != "payment" or one.status != OK:
            continue
        state = evidence.payments.get((one.operator, "payment", one.id))
        told = one.id in evidence.world.shops[one.operator].acknowledged
        if state not in {"confirmed", "parked"} or (state == "confirmed" and not told):
            yield Violation("payments_arrive", f"{one.operator} {one.id} is {state}, the game knows of it: {told}")


def told_alike(evidence: Evidence) -> Iterator[Violation]:
    """The game hears of an order only what was paid, when that is durable, and always in the same words."""
    for name, shop in evidence.world.shops.items():
        said: dict[str, bytes] = {}
        for notice in shop.notices:
            order = evidence.world.operators_sides[name].orders.get(notice.order)
            content = json.loads(notice.body, parse_float=Decimal, parse_int=Decimal)
            if order is None or order.trick not in GENUINE or content["productPrice"] not in _prices(order):
                yield Violation("told_alike", f"{name} {notice.order} was told, and not paid like that")
            if said.setdefault(notice.order, notice.body) != notice.body:
                yield Violation("told_alike", f"{name} {notice.order} was told in other words")
            if notice.durable not in KNOWN:
                yield Violation("told_alike", f"{name} {notice.order} was told while {notice.durable} was durable")


def _prices(order: PaidOrder) -> set[Decimal]:
    """What the payment system signed: of two prices, the one that came through first counts."""
    price = Decimal(order.price)
    return {price, price / 2} if order.trick is Trick.OTHER_PRICE else {price}


def untrue_is_refused(evidence: Evidence) -> Iterator[Violation]:
    """Who does not know the secret, or comes a day late, gets no yes."""
    for one in evidence.world.answered:
        if one.call != "payment" or one.status != OK:
            continue
        order = evidence.world.operators_sides[one.operator].orders[one.id]
        if order.trick not in GENUINE:
            yield Violation("untrue_is_refused", f"{one.operator} {one.id} {order.trick}, and was acknowledged")


def finals_stay(evidence: Evidence) -> Iterator[Violation]:
    """An end that an operator was told is true, and is never taken back."""
    answers: dict[tuple[str, str, str], list[Answered]] = defaultdict(list)
    for one in evidence.world.answered:
        if one.call != "payment" and one.status == OK:
            answers[one.operator, one.direction, one.id].append(one)
    for key, told in answers.items():
        for earlier in told:
            end = earlier.content["state"]
            if end not in FINALS:
                continue
            versions = [version for version in evidence.versions[key] if version.at <= earlier.at]
            if not any(version.state == FINALS[end] for version in versions):
                yield Violation("finals_stay", f"told {end}, and it had not ended so", key)
            for later in told:
                if later.reached_at > earlier.at and later.content["state"] != end:
                    yield Violation("finals_stay", f"told {end}, and then {later.content['state']}", key)


INVARIANTS: Final = (acknowledged_once_durable, payments_arrive, told_alike, untrue_is_refused, finals_stay)
