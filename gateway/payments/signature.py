"""The signature of the game's own payment callback, and comparing signatures."""

from __future__ import annotations

import hmac
from collections.abc import Iterable

from gateway.toolbox import md5_hex


def callback_sign(
    *, order_id: str, server_id: str, player_id: str, price: str, product_id: str, ts: str, secret: str
) -> str:
    """`sign` of the game's own callback: the MD5 of these texts, with nothing between them, in upper-case hex.

    `server_id`, `price` and `ts` are digits as they stand in the JSON: 4.99 and 4.990 have different signatures.
    """
    return md5_hex(f"{order_id}{server_id}{player_id}{price}{product_id}{ts}{secret}".encode()).upper()


def is_any_of(given: str, expected: Iterable[str]) -> bool:
    """Whether a signature is one of those expected. The time that it takes depends on no content; every expected one is
    compared, also after one that fits."""
    sent = given.encode("utf-8", "surrogatepass")
    found = [hmac.compare_digest(sent, each.encode()) for each in expected]
    return any(found)
