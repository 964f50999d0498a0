"""What the gateway tells the game of a payment: the vendor's own callback, whatever form the operator's had."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.payments.record import Payment, from_memory, to_memory
from gateway.payments.signature import callback_sign

__all__ = ["delivery_body", "from_memory", "to_memory"]

_encode: Final = msgspec.json.Encoder().encode


def delivery_body(payment: Payment, secret: str) -> bytes:
    """The body of the POST to the game, signed with the secret that the game knows: the same bytes on every try.

    The price has the digits that came; `serverId` and `ts` (milliseconds) are plain digits.
    """
    sign = callback_sign(
        order_id=payment.order_id,
        server_id=str(payment.server_id),
        player_id=payment.player_id,
        price=payment.price_digits,
        product_id=payment.product_id,
        ts=str(payment.ts),
        secret=secret,
    )
    return _encode(
        {
            "uid": payment.player_id,
            "serverId": payment.server_id,
            "cpOrderId": payment.order_id,
            "productId": payment.product_id,
            "productPrice": msgspec.Raw(payment.price_digits.encode("ascii")),
            "extParams": payment.ext_params,
            "ts": payment.ts,
            "sign": sign,
        }
    )
