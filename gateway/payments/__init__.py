"""Payments: a player has paid at an operator, and the game is told. What the author of a format imports is all here.

`record` is a payment, `errors` what a callback comes to, `format` the interface of a form of callback (docs/payment).
`reading`, `signature`, `checks` and `answers` are what formats are written with; `registry` finds the installed ones.
`catalogue` compares a payment with what the game sells, and `to_game` writes what the game is told.
"""

from __future__ import annotations

from gateway.payments.answers import error_answer
from gateway.payments.checks import check_time
from gateway.payments.errors import (
    Forged,
    Malformed,
    OtherContent,
    PaymentOutcome,
    PaymentRefused,
    RefusedAfterSignature,
    Stale,
    UnknownProduct,
    WrongPrice,
)
from gateway.payments.format import (
    INTERFACE_VERSION,
    PaymentAnswer,
    PaymentCallback,
    PaymentFormat,
    PaymentFormatSettings,
)
from gateway.payments.reading import (
    Number,
    as_milliseconds,
    as_number,
    as_order_id,
    as_price,
    as_text,
    as_whole,
    json_members,
    json_number,
    json_text,
    query_parameters,
)
from gateway.payments.record import EXT_PARAMS_LIMIT, Payment, content_fingerprint
from gateway.payments.signature import callback_sign, is_any_of
from gateway.settings.values import Duration, Secret

__all__ = [
    "EXT_PARAMS_LIMIT",
    "INTERFACE_VERSION",
    "Duration",
    "Forged",
    "Malformed",
    "Number",
    "OtherContent",
    "Payment",
    "PaymentAnswer",
    "PaymentCallback",
    "PaymentFormat",
    "PaymentFormatSettings",
    "PaymentOutcome",
    "PaymentRefused",
    "RefusedAfterSignature",
    "Secret",
    "Stale",
    "UnknownProduct",
    "WrongPrice",
    "as_milliseconds",
    "as_number",
    "as_order_id",
    "as_price",
    "as_text",
    "as_whole",
    "callback_sign",
    "check_time",
    "content_fingerprint",
    "error_answer",
    "is_any_of",
    "json_members",
    "json_number",
    "json_text",
    "query_parameters",
]
