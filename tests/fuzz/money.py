"""Amounts: exact, within the limits, and written in one way only."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from gateway.money import FRACTION_DIGITS, INTEGER_DIGITS, MoneyError, canonical, money, parse, scaled, unscaled

WORDS: Final = (
    b"0.1",
    b"230.00",
    b"1e26",
    b"1e-12",
    b"1e-13",
    b"99999999999999999999999999.999999999999",
    b"E+",
    b"e-9999999",
    b"E+9999999",
    b"e-",
    b"-",
    b"+",
    b"_",
    b".",
    b"NaN",
    b"sNaN123",
    b"Infinity",
    b"\xd9\xa1",
    b" XAG",
    b"000000000000",
)


def check(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    try:
        amount = canonical(text)
    except MoneyError as error:
        assert len(str(error)) < 100  # noqa: PT017 - either is right
        _parses_or_refuses(text)
        return
    written = f"{amount:f}"
    assert amount == Decimal(text)
    assert amount.is_finite()
    assert len(written.lstrip("-").partition(".")[0]) <= INTEGER_DIGITS
    assert len(written.partition(".")[2]) <= FRACTION_DIGITS
    assert "." not in written or not written.endswith("0")
    assert canonical(amount) == amount == canonical(written)
    assert unscaled(scaled(amount, FRACTION_DIGITS), FRACTION_DIGITS) == amount
    assert parse(str(money(text, "XAG"))) == money(text, "XAG")


def _parses_or_refuses(text: str) -> None:
    try:
        found = parse(text)
    except MoneyError:
        return
    assert parse(str(found)) == found
