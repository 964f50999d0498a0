"""A simulated payment system of an operator: it calls back in the form that the vendor prints, and does what real ones
do: it calls again, late, or twice at once; and what somebody does who wants to have without paying.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from gateway.money import canonical
from gateway.payments import Payment
from gateway.payments.to_game import delivery_body

OLD_MS: Final = 24 * 3600 * 1000
"""A day: by so much an old callback is older than the order."""


class Trick(StrEnum):
    """What is odd about the callbacks of an order; each value ends the sentence "the payment system …"."""

    NONE = "called once"
    TWICE = "called twice at once"
    AGAIN = "called again, later"
    FORGED = "did not know the secret"
    OLD = "sent a time of yesterday"
    OTHER_PRICE = "named another price the second time"


GENUINE: Final = frozenset({Trick.NONE, Trick.TWICE, Trick.AGAIN, Trick.OTHER_PRICE})
"""Tricks of orders that were paid: the first callback is as it should be."""


class PaidOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a player has bought: `price` as its digits, `paid_at` in Unix seconds."""

    id: str
    player_id: str
    product_id: str
    price: str
    paid_at: float
    trick: Trick = Trick.NONE
    server_id: int = 1
    ext_params: str = ""


def callbacks(order: PaidOrder, secret: str) -> list[list[bytes]]:
    """The bodies to POST: one group after the other, those of a group at once."""
    genuine = _body(order, secret)
    match order.trick:
        case Trick.NONE:
            return [[genuine]]
        case Trick.TWICE:
            return [[genuine, genuine]]
        case Trick.AGAIN:
            return [[genuine], [genuine]]
        case Trick.FORGED:
            return [[_body(order, f"not {secret}")]]
        case Trick.OLD:
            return [[_body(order, secret, earlier_ms=OLD_MS)]]
        case Trick.OTHER_PRICE:
            cheaper = msgspec.structs.replace(order, price=f"{Decimal(order.price) / 2:f}")
            return [[genuine], [_body(cheaper, secret)]]


def _body(order: PaidOrder, secret: str, earlier_ms: int = 0) -> bytes:
    payment = Payment(
        order_id=order.id,
        player_id=order.player_id,
        server_id=order.server_id,
        product_id=order.product_id,
        price=canonical(order.price),
        price_digits=order.price,
        ext_params=order.ext_params,
        ts=int(order.paid_at * 1000) - earlier_ms,
    )
    return delivery_body(payment, secret)
