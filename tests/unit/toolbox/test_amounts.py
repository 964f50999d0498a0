from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.money import Money, canonical, money, scaled
from gateway.operators import Declined, Kind, encode
from gateway.toolbox import (
    ISO_4217_PLACES,
    Currencies,
    decimal_number,
    decimal_text,
    from_decimal,
    from_minor_units,
    minor_units,
)

AMOUNTS = st.decimals(min_value=0, max_value=10**20, places=6).map(lambda number: money(number, "XAG"))


def xag(amount: str) -> Money:
    return money(amount, "XAG")


@pytest.mark.parametrize("amount, places, units", [("3.56", 2, 356), ("3.56", 5, 356000), ("230", 0, 230), ("0", 2, 0)])
def test_an_amount_is_counted_in_minor_units(amount: str, places: int, units: int) -> None:
    assert minor_units(xag(amount), places) == units


@pytest.mark.parametrize("amount, places, limit", [("3.561", 2, None), ("0.5", 0, None), ("10", 2, 999)])
def test_what_cannot_be_counted_exactly_is_declined_before_it_is_sent(
    amount: str, places: int, limit: int | None
) -> None:
    with pytest.raises(Declined, match="nothing was sent") as no:
        minor_units(xag(amount), places, limit)
    assert no.value.kind is Kind.AMOUNT


def test_the_limit_itself_can_be_counted() -> None:
    assert minor_units(xag("10"), 2, 1000) == 1000


@pytest.mark.parametrize(
    "amount, places, padded, text",
    [
        ("10.5", 2, True, "10.50"),
        ("10.5", 2, False, "10.5"),
        ("10", 6, True, "10.000000"),
        ("10", 6, False, "10"),
        ("0.0000001", 7, False, "0.0000001"),
        ("1000000", 0, True, "1000000"),
        ("1000000", 2, False, "1000000"),
    ],
)
def test_an_amount_is_written_in_plain_digits(amount: str, places: int, padded: bool, text: str) -> None:
    assert decimal_text(xag(amount), places, padded=padded) == text


@pytest.mark.parametrize("amount, places, digits", [("0.001", 2, None), ("100", 2, 2), ("99999999.001", 2, 8)])
def test_what_does_not_fit_is_declined_before_it_is_sent(amount: str, places: int, digits: int | None) -> None:
    with pytest.raises(Declined, match="nothing was sent") as no:
        decimal_text(xag(amount), places, integer_digits=digits)
    assert no.value.kind is Kind.AMOUNT


def test_as_many_digits_as_allowed_fit() -> None:
    assert decimal_text(xag("99999999.99"), 2, integer_digits=8) == "99999999.99"


@given(AMOUNTS, st.booleans())
def test_what_is_written_is_the_same_amount(amount: Money, padded: bool) -> None:
    text = decimal_text(amount, 6, padded=padded)
    assert re.fullmatch(r"[0-9]+(\.[0-9]{1,6})?", text)
    assert Decimal(text) == amount.amount
    assert encode([decimal_number(amount, 6)]) == f"[{decimal_text(amount, 6, padded=False)}]".encode()


@given(AMOUNTS, st.integers(6, 12))
def test_what_is_counted_is_read_as_the_same_amount(amount: Money, places: int) -> None:
    units = minor_units(amount, places)
    for answer in (units, str(units), Decimal(units)):
        read = from_minor_units(answer, "XAG", places)
        assert read is not None
        assert canonical(read.amount) == amount.amount


@pytest.mark.parametrize("value", [230, "230", " 230.00 ", Decimal("2.3e2"), "2.3E+2"])
def test_a_balance_is_read_from_a_number_or_a_text(value: object) -> None:
    read = from_decimal(value, "XAG")
    assert read is not None
    assert canonical(read.amount) == 230


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        "",
        "NaN",
        "Infinity",
        "1_000",
        "1,5",
        "٣",
        "+1",
        ".5",
        "1e99999999999999999999",
        "1e999999999999999999",
        "1e-1999999999999999997",
        Decimal("-1e999999999999999999"),
        Decimal("NaN"),
        {},
    ],
)
def test_what_is_not_an_amount_is_none(value: object) -> None:
    assert from_decimal(value, "XAG") is None
    assert from_minor_units(value, "XAG", 2) is None
    assert from_decimal(1, "") is None


def test_only_currencies_without_two_places_are_listed() -> None:
    assert set(ISO_4217_PLACES.values()) == {0, 3, 4}
    assert (ISO_4217_PLACES["JPY"], ISO_4217_PLACES["KWD"], ISO_4217_PLACES["CLF"]) == (0, 3, 4)


def test_a_currency_has_its_own_places_then_those_of_iso_4217_then_two() -> None:
    currencies = Currencies(places={"xag": 5, "JPY": 2})
    assert [currencies.places_of(ours) for ours in ("XAG", "JPY", "jpy", "krw", "EUR")] == [5, 2, 2, 0, 2]


def test_currencies_are_translated_in_any_case() -> None:
    currencies = Currencies(codes={"XAG": "EUR"})
    assert (currencies.operators_code("xag"), currencies.games_code("eur")) == ("EUR", "XAG")
    assert (currencies.operators_code("USD"), currencies.games_code("USD")) == ("USD", "USD")


def test_a_currency_may_be_counted_in_thousands() -> None:
    currencies = Currencies(codes={"GOLD": "IDR"}, factors={"GOLD": 1000})
    sent = currencies.operators_money(money("15500", "gold"))
    assert decimal_text(sent, 6, padded=False) == "15.5"
    assert sent.currency == "IDR"
    back = currencies.games_money(sent)
    assert back.currency == "GOLD"
    assert canonical(back.amount) == 15500
    assert currencies.operators_money(xag("3.56")) == xag("3.56")


@given(AMOUNTS, st.integers(0, 6))
def test_a_factor_never_loses_a_digit(amount: Money, digits: int) -> None:
    currencies = Currencies(factors={"XAG": 10**digits})
    sent = currencies.operators_money(amount)
    assert scaled(sent.amount, 12) * 10**digits == scaled(amount.amount, 12)
    assert canonical(currencies.games_money(sent).amount) == amount.amount


@pytest.mark.parametrize(
    "settings, problem",
    [
        ({"codes": {"XAG": "EUR", "XAU": "eur"}}, "the same code"),
        ({"codes": {"XAG": "EUR", "xag": "USD"}}, "twice"),
        ({"places": {"XAG": 2, "xag": 3}}, "twice"),
        ({"places": {"XAG": -1}}, "greater than or equal"),
        ({"places": {"XAG": 13}}, "less than or equal"),
        ({"factors": {"XAG": 0}}, "power of ten"),
        ({"factors": {"XAG": 300}}, "power of ten"),
        ({"factors": {"XAG": -10}}, "power of ten"),
        ({"code": {}}, "not permitted"),
    ],
)
def test_currencies_that_cannot_be_meant_are_refused(settings: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Currencies.model_validate(settings)


def test_a_currency_of_the_games_own_has_the_places_of_the_operators() -> None:
    currencies = Currencies(codes={"XAG": "jpy", "JPY": "USD"})
    assert [currencies.places_of(ours) for ours in ("XAG", "xag", "JPY")] == [0, 0, 2]


def test_no_balance_of_an_answer_is_an_error() -> None:
    currencies = Currencies(factors={"IDR": 1000})
    for text in ("9" * 9999, "-1e9999", "1e-9999", "0.000e-9996"):
        balance = from_minor_units(text, "IDR", 12)
        assert balance is not None
        assert currencies.games_money(balance).currency == "IDR"
