"""Amounts as contracts write them: counted in minor units, as decimal text, as an exact JSON number; and read back.

What is sent is exact or not sent at all. What comes back only informs, so that it is read as far as it can be.
"""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from gateway.money import Money, MoneyError, scaled, unchecked_money
from gateway.operators.errors import Declined, Kind

ISO_4217_PLACES: Final = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
"""The digits after the point of each currency that has not two of them. Source: ISO 4217, list one, "minor unit"."""

# Decimal() would also read "NaN", "1_000" and the digits of other scripts, which no amount of money holds.
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)

_LARGEST_EXPONENT: Final = 10**12
"""Where a number's is far larger, moving its point raises an error, which would turn a clear yes with such a balance
into an unknown one."""


def minor_units(amount: Money, places: int, limit: int | None = None) -> int:
    """The amount as a whole number of units of 10^-places: 3.56 with 2 places is 356.

    Raises `Declined` (amount) if that would need rounding, or is more than `limit`.
    """
    units = _scaled(amount, places)
    if limit is not None and units > limit:
        raise _declined("the amount is larger than the operator can count")
    return units


def decimal_text(amount: Money, places: int, *, padded: bool = True, integer_digits: int | None = None) -> str:
    """The amount in plain digits: ``10.50`` with exactly two places, ``10.5`` with at most two if not `padded`.

    Raises `Declined` (amount) if it has more places, or more than `integer_digits` digits before the point.
    """
    _scaled(amount, places)
    text = f"{amount.amount:.{places}f}"
    whole, _, fraction = text.partition(".")
    if integer_digits is not None and len(whole.lstrip("-")) > integer_digits:
        raise _declined(f"the amount has more than {integer_digits} digits before the point")
    fraction = fraction if padded else fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def decimal_number(amount: Money, places: int) -> msgspec.Raw:
    """The amount as a JSON number for `encode`, in plain digits, with at most that many places: ``10.5``.

    Raises `Declined` (amount) if it has more places.
    """
    return msgspec.Raw(decimal_text(amount, places, padded=False).encode())


def from_minor_units(value: object, currency: str, places: int) -> Money | None:
    """Money from a count of units of 10^-places, as an answer gives it: an int, a Decimal or a text that holds one.
    None if it cannot be read. Its size is not checked (`gateway.money.unchecked_money`)."""
    number = _number(value)
    return None if number is None or not currency else unchecked_money(number, currency, places)


def from_decimal(value: object, currency: str) -> Money | None:
    """Money from an amount in units of the currency, as an answer gives it: an int, a Decimal or a text that holds one.
    None if it cannot be read. Its size is not checked (`gateway.money.unchecked_money`)."""
    return from_minor_units(value, currency, 0)


def _scaled(amount: Money, places: int) -> int:
    try:
        return scaled(amount.amount, places)
    except MoneyError as error:
        raise _declined(str(error)) from None


def _declined(text: str) -> Declined:
    return Declined(Kind.AMOUNT, f"{text}; nothing was sent")


def _number(value: object) -> Decimal | None:
    number = _any_number(value)
    return number if number is not None and number.is_finite() and abs(number.adjusted()) < _LARGEST_EXPONENT else None


def _any_number(value: object) -> Decimal | None:
    if isinstance(value, str):
        return _parse_decimal(value.strip())
    if isinstance(value, Decimal):
        return value
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _parse_decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:  # an exponent beyond what a Decimal can have
        return None
