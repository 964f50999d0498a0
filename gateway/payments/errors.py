"""What a callback comes to (`PaymentOutcome`), and the errors of those that are refused:

    PaymentRefused
    ├── Malformed             it cannot be read, or a value is not what it has to be
    ├── Forged                no secret gives this signature
    └── RefusedAfterSignature who sent it knows a secret; `payment` is what it says
        ├── Stale             its time is too far from the gateway's
        ├── UnknownProduct    the catalogue does not have the product
        ├── WrongPrice        the catalogue has another price
        └── OtherContent      the order is recorded, and says something else

The first two are raised before anything else is looked at, so that who cannot sign learns nothing of the rest.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from gateway.payments.record import Payment


class PaymentOutcome(StrEnum):
    """What a callback came to; the operator gets an answer for each (`PaymentFormat.answer`)."""

    RECEIVED = "received"
    """It is in the journal, and the game will be told."""

    REPEATED = "repeated"
    """The same has been received before."""

    MALFORMED = "malformed"
    FORGED = "forged"
    STALE = "stale"
    UNKNOWN_PRODUCT = "unknown_product"
    WRONG_PRICE = "wrong_price"
    OTHER_CONTENT = "other_content"
    NOT_RECORDED = "not_recorded"
    """The journal did not take it: the operator has to call again."""

    @property
    def taken(self) -> bool:
        """Whether the payment is in the journal."""
        return self in {PaymentOutcome.RECEIVED, PaymentOutcome.REPEATED}


class PaymentRefused(Exception):
    """A callback that is not taken. `text` is for the operator and the log: what is wrong, where, and what would be
    right. It never repeats a value of the callback, a secret or a signature."""

    outcome: ClassVar[PaymentOutcome]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Malformed(PaymentRefused):
    """The callback cannot be read, or a value is not what it has to be."""

    outcome = PaymentOutcome.MALFORMED


class Forged(PaymentRefused):
    """The signature is not that of the operator."""

    outcome = PaymentOutcome.FORGED


class RefusedAfterSignature(PaymentRefused):
    """The signature is right; `payment` is what the callback says."""

    def __init__(self, text: str, payment: Payment) -> None:
        super().__init__(text)
        self.payment = payment


class Stale(RefusedAfterSignature):
    """The time is too far from the gateway's. If the order is recorded with the same content it is a repeat all the
    same, and answered as one: the operator may have missed the first answer."""

    outcome = PaymentOutcome.STALE


class UnknownProduct(RefusedAfterSignature):
    """The catalogue does not have the product."""

    outcome = PaymentOutcome.UNKNOWN_PRODUCT


class WrongPrice(RefusedAfterSignature):
    """The catalogue has another price, or it was paid in another currency."""

    outcome = PaymentOutcome.WRONG_PRICE


class OtherContent(RefusedAfterSignature):
    """The order is recorded with another player, server, product, price or text."""

    outcome = PaymentOutcome.OTHER_CONTENT
