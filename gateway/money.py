"""Exact money: decimal from socket to socket, never a binary float.

This is promise 8 of docs/architecture.md; the wallet contract ("Money") asks for it.
"""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation
from typing import Final

import msgspec

INTEGER_DIGITS: Final = 26
"""The most digits that an amount may have before the point."""
FRACTION_DIGITS: Final = 12
"""The most digits that an amount may have after the point."""
BALANCE_FRACTION_DIGITS: Final = 26
"""A balance only informs, so it may have more digits: an operator that computes in floats sends 0.30000000000000004."""
_DIGITS: Final = INTEGER_DIGITS + FRACTION_DIGITS
_EXACT: Final = Context(prec=2 * _DIGITS)
"""Precise enough that nothing here is ever rounded."""


class MoneyError(ValueError):
    """An amount that cannot be kept exactly: not finite, or with more digits than the limits above."""


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount of one currency, e.g. ``Money(Decimal("230"), "XAG")``.

    `amount` is in units of the currency (not cents), finite, and may be negative only in a balance.
    Build one with `money`, which checks the limits and brings the number into canonical form.
    """

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


def money(amount: Decimal | int | str, currency: str) -> Money:
    """`Money` in canonical form: ``230.00`` and ``2.3e2`` both become ``230``. Raises `MoneyError`."""
    return Money(canonical(amount), currency)


def unchecked_money(amount: Decimal | int, currency: str, places: int = 0) -> Money:
    """`Money` as an operator sends it, in units of 10^-places: ``unchecked_money(356000, "XAG", 5)`` is 3.56 XAG.

    Every digit is kept and no limit is checked; whoever uses it must call `canonical`.
    """
    number = Decimal(amount)
    if places and number.is_finite():
        sign, digits, exponent = number.as_tuple()
        assert isinstance(exponent, int)
        number = Decimal((sign, digits, exponent - places))
    return Money(number, currency)


def parse(text: str) -> Money:
    """The inverse of ``str(Money)``: ``"230.5 XAG"``. Raises `MoneyError`."""
    amount, _, currency = text.partition(" ")
    return money(amount, currency)


def canonical(amount: Decimal | int | str, fraction_digits: int = FRACTION_DIGITS) -> Decimal:
    """The same number without exponent and trailing zeros. Raises `MoneyError` outside the limits."""
    number = _decimal(amount)
    if not number.is_finite():
        raise MoneyError("the amount is not a finite number")
    if not number:
        return Decimal(0)
    if number.adjusted() >= INTEGER_DIGITS:
        raise MoneyError(f"the amount has more than {INTEGER_DIGITS} digits before the point")
    # Before it is written out below: 1e-999999999 would take a gigabyte (tests/unit/test_money.py).
    if number.adjusted() < -fraction_digits:
        raise _too_many_digits(fraction_digits)
    whole, _, fraction = f"{number:f}".partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > fraction_digits:
        raise _too_many_digits(fraction_digits)
    return Decimal(f"{whole}.{fraction}" if fraction else whole)


def scaled(amount: Decimal, places: int) -> int:
    """The amount as a whole number of units of 10^-places: ``scaled(Decimal("3.56"), 5) == 356000``.

    Raises `MoneyError` if that would need rounding.
    """
    shifted = _EXACT.scaleb(amount, places)
    if shifted != _EXACT.to_integral_value(shifted):
        raise MoneyError(f"the amount has more than {places} digits after the point")
    return int(shifted)


def unscaled(units: int, places: int) -> Decimal:
    """The inverse of `scaled`: ``unscaled(356000, 5) == Decimal("3.56")``. Raises `MoneyError`."""
    return canonical(_EXACT.scaleb(units, -places))


def _too_many_digits(fraction_digits: int) -> MoneyError:
    return MoneyError(f"the amount has more than {fraction_digits} digits after the point")


def _decimal(amount: Decimal | int | str) -> Decimal:
    try:
        return Decimal(amount)
    except InvalidOperation:
        raise MoneyError("the amount is not a number") from None
