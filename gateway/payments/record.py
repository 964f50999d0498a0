"""A payment as every form of callback says it, and how it is kept with its transfer."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Final

import msgspec

from gateway.money import canonical

EXT_PARAMS_LIMIT: Final = 1024
"""Characters of `ext_params`: they are kept with the transfer."""

_FINGERPRINT_BYTES: Final = 16


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """What a player has paid for at an operator, and the game must be told of.

    `order_id` is the game's `cpOrderId`: 1 to 128 visible ASCII characters, once per operator. `player_id` is the
    player's account (`uid`), 1 to 255 characters. `server_id` is the game server that the goods are for, not negative.
    `price` is exact and more than 0, in units of the currency that the operator's settings name; `price_digits` is the
    same number as it stood in the callback ("4.990"), since signatures cover digits. `ext_params` is the game's own
    text, empty if there was none. `ts` is when it was paid, in Unix milliseconds; where the callback does not say so in
    a way that can be relied on, when it was received.
    """

    order_id: str
    player_id: str
    server_id: int
    product_id: str
    price: Decimal
    price_digits: str
    ext_params: str = ""
    ts: int

    def __post_init__(self) -> None:
        assert self.price == canonical(self.price_digits)


def content_fingerprint(payment: Payment) -> str:
    """32 hex digits that tell whether another callback for the same order says the same.

    They cover all but the time: a payment system that calls again may give the time of that call. 4.99 and 4.990 are
    the same price.
    """
    content = (payment.player_id, payment.server_id, payment.product_id, f"{payment.price:f}", payment.ext_params)
    return blake2b(msgspec.json.encode(content), digest_size=_FINGERPRINT_BYTES).hexdigest()


def to_memory(payment: Payment) -> Mapping[str, str]:
    """What a transfer remembers of its payment, under the vendor's names; its id and its player are its own."""
    return {
        "serverId": str(payment.server_id),
        "productId": payment.product_id,
        "productPrice": payment.price_digits,
        "extParams": payment.ext_params,
        "ts": str(payment.ts),
    }


def from_memory(order_id: str, player_id: str, memory: Mapping[str, str]) -> Payment:
    """The payment of a transfer: the inverse of `to_memory`. Raises `KeyError` for a memory that is not a payment's."""
    return Payment(
        order_id=order_id,
        player_id=player_id,
        server_id=int(memory["serverId"]),
        product_id=memory["productId"],
        price=canonical(memory["productPrice"]),
        price_digits=memory["productPrice"],
        ext_params=memory["extParams"],
        ts=int(memory["ts"]),
    )
