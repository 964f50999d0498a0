from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.money import BALANCE_FRACTION_DIGITS, INTEGER_DIGITS
from gateway.operators import Unclear, decode, decode_members, encode
from gateway.toolbox import basic_auth


@pytest.mark.parametrize("number", ["0.1", "230.00", "1234567890123456.78", "99999999999999999999.99999999", "-0.5"])
def test_a_number_comes_out_digit_for_digit(number: str) -> None:
    value = decode(f'{{"amount":{number}}}'.encode())["amount"]
    assert value == Decimal(number)
    assert str(value) == number
    assert encode({"amount": value}) == f'{{"amount":{number}}}'.encode()


@pytest.mark.parametrize("body", [b'{"id": "1"}', b'{"id": "1", "x": NaN}'])
def test_the_mark_that_some_servers_put_before_utf_8_says_nothing(body: bytes) -> None:
    assert decode_members(b"\xef\xbb\xbf" + body, {"id"})["id"] == "1"
    assert decode(b"\xef\xbb\xbf[1]") == [1]


def test_a_whole_number_is_an_int_and_an_exponent_a_decimal() -> None:
    assert decode(b"[51800, 12345678901234567890, 1e2]") == [51800, 12345678901234567890, Decimal(100)]


AMOUNTS = st.builds(
    Decimal,
    st.tuples(
        st.sampled_from((0, 1)),
        st.lists(st.integers(0, 9), min_size=1, max_size=40).map(tuple),
        st.integers(-BALANCE_FRACTION_DIGITS, INTEGER_DIGITS),
    ),
)


class Priced(msgspec.Struct):
    price: object


@given(
    AMOUNTS.filter(bool),
    st.sampled_from((lambda n: n, lambda n: [{"a": (n,)}], lambda n: {"a": Priced(n), "E+": "E-"}, lambda n: {n})),
)
def test_every_decimal_is_written_in_plain_digits_wherever_it_stands(number: Decimal, place: Any) -> None:
    written = encode(place(number))
    assert f"{number:f}".encode() in written
    assert re.search(rb"[0-9][eE]", written) is None


@given(AMOUNTS)
def test_every_decimal_survives_being_written_and_read(number: Decimal) -> None:
    assert Decimal(decode(encode(number))) == number


@pytest.mark.parametrize("number", ["1E+999999999", "1E-999999999"])
def test_a_number_that_would_fill_the_memory_is_not_written(number: str) -> None:
    with pytest.raises(ValueError, match="digits"):
        encode([Decimal(number)])


def test_what_is_written_already_stays_as_it_is_beside_a_small_number() -> None:
    assert encode({"a": msgspec.Raw(b"[ 1.10 ]"), "b": Decimal("1E-7")}) == b'{"a":[ 1.10 ],"b":0.0000001}'


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


@pytest.mark.parametrize(
    "informing, read",
    [
        (b'{"amount": NaN}', {}),
        (b'{"amount": 1, "amount": 2}', {}),
        (b'{"a": 1e99999999999999999999}', {}),
        (b"9" * 5000, None),
        (b'"\\ud83d"', None),
        (b'"\xff"', None),
        (b"[" * 5000 + b"]" * 5000, None),
        (b'1, "informs": 1', None),
        (b'{}, "informs": {}', {}),
        (b'1, "\\ud83d": 1', 1),
        (b'1, "else": 1, "else": 1', 1),
        (b'{"amount": 0.1}', {"amount": Decimal("0.1")}),
    ],
)
def test_what_only_informs_never_spoils_an_answer(informing: bytes, read: object) -> None:
    said = decode_members(b' {"id": "1234abcd", "informs": %s} ' % informing, {"id"})
    assert (said["id"], said["informs"]) == ("1234abcd", read)


@pytest.mark.parametrize(
    "body, problem",
    [
        (b"[]", "not a JSON object"),
        (b"1", "not a JSON object"),
        (b"OK", "not JSON"),
        (b'{"id": "1"} x', "not JSON"),
        (b'{"id": NaN}', "not JSON"),
        (b'{"id": "\\ud83d"}', "not JSON"),
        (b'{"id": "1", "id": "1"}', "gives id twice"),
        (b'{"id": "1", "x": [}', "not JSON"),
    ],
)
def test_what_an_answer_needs_must_be_said_once_and_clearly(body: bytes, problem: str) -> None:
    with pytest.raises(Unclear, match=problem):
        decode_members(body, {"id"})


@given(st.binary(max_size=60))
def test_any_informing_bytes_are_left_aside_or_the_answer_is_unclear(odd: bytes) -> None:
    with suppress(Unclear):
        assert decode_members(b'{"informs": %s, "id": "1"}' % odd, {"id"})["id"] == "1"


def test_basic_credentials_are_as_the_contract_prints_them() -> None:
    assert basic_auth("JohnDoe", "MyPass") == "Basic Sm9obkRvZTpNeVBhc3M="


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_a_number_that_json_cannot_say_is_not_written(number: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        encode({"amount": Decimal(number)})


def test_a_text_may_say_nan() -> None:
    assert encode({"text": "NaN E-7", "amount": Decimal("1E-7")}) == b'{"text":"NaN E-7","amount":0.0000001}'


@pytest.mark.parametrize("read", [decode, lambda body: decode_members(body, {"id"})])
def test_an_answer_in_another_encoding_is_told_by_its_mark(read: Callable[[bytes], object]) -> None:
    with pytest.raises(Unclear, match="begins with a byte order mark of UTF-16"):
        read('{"id": "1"}'.encode("utf-16"))


def test_an_answer_of_nothing_but_brackets_is_not_taken_apart() -> None:
    with pytest.raises(Unclear, match="not JSON that can be read in one way"):
        decode_members(b'{"id": 1, "a": %s%s}' % (b"[" * 100_000, b"]" * 100_000), {"id"})
