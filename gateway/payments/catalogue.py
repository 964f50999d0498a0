"""Comparing a payment with the catalogue: what the game sells, and for how much."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from gateway.payments.errors import UnknownProduct, WrongPrice
from gateway.payments.record import Payment


def check_catalogue(payment: Payment, catalogue: Mapping[str, Decimal] | None) -> None:
    """Without a catalogue every product is known at every price. Prices are compared as numbers: 4.99 is 4.990.

    Raises `UnknownProduct` or `WrongPrice`; only who can sign gets that far.
    """
    if catalogue is None:
        return
    if payment.product_id not in catalogue:
        raise UnknownProduct("The product is not in the game's catalogue; send one that is.", payment)
    if payment.price != catalogue[payment.product_id]:
        raise WrongPrice("The price is not the catalogue's; send the price that the product has there.", payment)
