"""Money is exact: what comes in goes out digit for digit, and what cannot be kept is refused, never rounded."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.money import (
    FRACTION_DIGITS,
    INTEGER_DIGITS,
    Money,
    MoneyError,
    canonical,
    money,
    parse,
    scaled,
    unchecked_money,
    unscaled,
)

AMOUNTS = st.decimals(
    min_value=Decimal("-1e25"), max_value=Decimal("1e25"), places=FRACTION_DIGITS, allow_nan=False, allow_infinity=False
)


@pytest.mark.parametrize(
    "given_, kept",
    [
        ("0.1", "0.1"),
        ("230.00", "230"),
        ("1234567890123456.78", "1234567890123456.78"),
        ("99999999999999999999.99999999", "99999999999999999999.99999999"),
        ("1e2", "100"),
        ("1." + "0" * 100, "1"),
        ("-0.0", "0"),
        ("0e999999999", "0"),
        (7, "7"),
        ("99999999999999999999999999.999999999999", "99999999999999999999999999.999999999999"),
    ],
)
def test_an_amount_is_kept_exactly_in_one_way_of_writing(given_: str | int, kept: str) -> None:
    assert str(canonical(given_)) == kept


@pytest.mark.parametrize(
    "amount",
    [
        "NaN",
        "sNaN",
        "Infinity",
        "twelve",
        "",
        "1e26",
        "1" * 27,
        "1e999999999",
        "0.0000000000001",
        "1e-13",
        "1e-999999999",
        "1." + "0" * 12 + "1",
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(amount: str) -> None:
    with pytest.raises(MoneyError):
        canonical(amount)


@given(AMOUNTS)
def test_money_can_be_written_and_read_back(amount: Decimal) -> None:
    written = money(amount, "XAG")
    assert parse(str(written)) == written
    assert written.amount == amount


@given(AMOUNTS, st.integers(0, FRACTION_DIGITS))
def test_scaling_loses_nothing_or_refuses(amount: Decimal, places: int) -> None:
    try:
        units = scaled(amount, places)
    except MoneyError:
        assert -int(canonical(amount).as_tuple().exponent) > places
    else:
        assert unscaled(units, places) == amount


def test_amounts_of_different_ways_of_writing_are_equal() -> None:
    assert money("230.00", "XAG") == money("2.3e2", "XAG") == Money(Decimal(230), "XAG")
    assert INTEGER_DIGITS + FRACTION_DIGITS == 38


@pytest.mark.parametrize(
    "amount, places, kept",
    [
        (356000, 5, "3.56000"),
        (Decimal("230.00"), 0, "230.00"),
        (Decimal("0.30000000000000004"), 0, "0.30000000000000004"),
        (10**60 + 1, 5, "1" + "0" * 55 + ".00001"),
        (Decimal("1e999999999"), 2, "1E+999999997"),
        (Decimal("-1e-99"), 0, "-1E-99"),
        (Decimal("Infinity"), 2, "Infinity"),
    ],
)
def test_what_somebody_else_says_keeps_every_digit(amount: Decimal | int, places: int, kept: str) -> None:
    said = unchecked_money(amount, "XAG", places)
    assert (str(said.amount), said.currency) == (kept, "XAG")
