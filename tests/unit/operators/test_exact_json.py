from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.operators import Unclear, basic_auth, decode, encode


@pytest.mark.parametrize("number", ["0.1", "230.00", "1234567890123456.78", "99999999999999999999.99999999", "-0.5"])
def test_a_number_comes_out_digit_for_digit(number: str) -> None:
    value = decode(f'{{"amount":{number}}}'.encode())["amount"]
    assert value == Decimal(number)
    assert str(value) == number
    assert encode({"amount": value}) == f'{{"amount":{number}}}'.encode()


def test_a_whole_number_is_an_int_and_an_exponent_a_decimal() -> None:
    assert decode(b"[51800, 12345678901234567890, 1e2]") == [51800, 12345678901234567890, Decimal(100)]


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_every_decimal_survives_being_written_and_read(number: Decimal) -> None:
    assert Decimal(decode(encode(number))) == number


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"<html>", b'{"a":NaN}', b'{"a":Infinity}', b'{"a":1,"a":2}', b'{"a":1} x', b"\xff", b"[" * 100000],
)
def test_what_cannot_be_read_in_one_way_is_unclear(body: bytes) -> None:
    with pytest.raises(Unclear):
        decode(body)


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_unclear(body: bytes) -> None:
    try:
        value = decode(body)
    except Unclear:
        return
    assert not isinstance(value, float)


def test_basic_credentials_are_as_the_contract_prints_them() -> None:
    assert basic_auth("JohnDoe", "MyPass") == "Basic Sm9obkRvZTpNeVBhc3M="
