from __future__ import annotations

import json
from contextlib import suppress
from decimal import Decimal
from time import process_time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.money import Money, money
from gateway.wire.errors import ErrorCode, WalletError
from gateway.wire.requests import (
    ConfirmRequest,
    HoldRequest,
    LaunchRequest,
    RollbackRequest,
    SessionRequest,
    read,
    read_strictly,
)

ROLLBACK = b'{"token": "t", "mmTransactionId": "1234abcd", "rollbackReason": %s}'


def hold(amount: str = "230.00", **other: Any) -> bytes:
    fields = {"token": "t", "mmTransactionId": "1234abcd", "txDescription": "a sword"} | other
    rest = json.dumps(fields)[1:-1]
    return f'{{"amount": {{"amount": {amount}, "currencyCode": "XAG"}}, {rest}}}'.encode()


def refusal(body: bytes) -> str:
    with pytest.raises(WalletError) as caught:
        read(HoldRequest, body)
    assert caught.value.code is ErrorCode.BAD_REQUEST
    return caught.value.text


def test_a_hold_is_read_whole() -> None:
    request = read(HoldRequest, hold())
    assert (request.token, request.id, request.amount, request.description) == (
        "t",
        "1234abcd",
        Money(Decimal(230), "XAG"),
        "a sword",
    )


def test_a_confirm_is_read_whole() -> None:
    request = read(ConfirmRequest, hold("0.1"))
    assert (request.token, request.id, request.amount) == ("t", "1234abcd", Money(Decimal("0.1"), "XAG"))


def test_the_contract_s_example_of_a_rollback_is_read_whole() -> None:
    request = read(
        RollbackRequest,
        b'{"token": "0fabcdc4-fe07-44f2-b968-93da3b324898", "mmTransactionId": "1234abcd",\n'
        b' "rollbackReason": "Withdraw request failed."}',
    )
    assert (request.token, request.id, request.reason) == (
        "0fabcdc4-fe07-44f2-b968-93da3b324898",
        "1234abcd",
        "Withdraw request failed.",
    )


def test_fields_nobody_knows_are_let_through() -> None:
    assert read(SessionRequest, b'{"token": "t", "new": {"deep": [1.5]}, "float": 1e5}').token == "t"


@pytest.mark.parametrize(
    "written, meant",
    [
        ("0.1", "0.1"),
        ("230.00", "230"),
        ("1234567890123456.78", "1234567890123456.78"),
        ("99999999999999999999.99999999", "99999999999999999999.99999999"),
        ("1e2", "100"),
        ("1E+2", "100"),
        ("0.000000000001", "0.000000000001"),
        ('"230.50"', "230.5"),
        ('"1e2"', "100"),
        ("9" * 26, "9" * 26),
    ],
)
def test_money_comes_in_digit_for_digit(written: str, meant: str) -> None:
    amount = read(HoldRequest, hold(written)).amount
    assert amount == money(meant, "XAG")
    assert f"{amount.amount:f}" == meant


@given(st.decimals(min_value="0.000000000001", max_value="1e25", places=12))
def test_every_amount_within_the_limits_survives_reading(amount: Decimal) -> None:
    assert read(HoldRequest, hold(f"{amount:f}")).amount.amount == amount


@pytest.mark.parametrize(
    "written, problem",
    [
        ("0", "is not greater than 0"),
        ("-0.0", "is not greater than 0"),
        ("0e999999999", "is not greater than 0"),
        ("-1", "is not greater than 0"),
        ('"-1"', "is not greater than 0"),
        ("9" * 27, "has more than 26 digits before the point"),
        ("1e999999999", "has more than 26 digits before the point"),
        ('"1e999999999999999999999999"', "is not a"),
        ("1e-999999999", "has more than 12 digits after the point"),
        ("0.0000000000001", "has more than 12 digits after the point"),
        ("0." + "1" * 60_000, "digits"),
        ("true", "is not a number"),
        ("null", "is not a number"),
        ("[1]", "is not a number"),
        ("{}", "is not a number"),
        ('""', "is a string that does not contain a number"),
        ('"abc"', "is a string that does not contain a number"),
        ('"NaN"', "is a string that does not contain a number"),
        ('"Infinity"', "is a string that does not contain a number"),
        ('"1_000"', "is a string that does not contain a number"),
        ('" 1"', "is a string that does not contain a number"),
        ('"\\u0661"', "is a string that does not contain a number"),
    ],
)
def test_an_amount_that_is_none_is_refused_with_field_problem_and_remedy(written: str, problem: str) -> None:
    text = refusal(hold(written))
    assert text.startswith("amount.amount ")
    assert problem in text
    assert text.endswith("; send a decimal number greater than 0 with at most 26 digits before and 12 after the point.")


@pytest.mark.parametrize(
    "written", ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x10", "1e99999999999999999999"]
)
def test_a_number_that_json_does_not_know_is_refused(written: str) -> None:
    assert refusal(hold(written)).startswith("The body is not valid JSON: ")


@pytest.mark.parametrize(
    "name, value",
    [
        ("token", None),
        ("token", 7),
        ("token", ""),
        ("token", "x" * 513),
        ("token", "a\x00b"),
        ("token", "a\nb"),
        ("mmTransactionId", 7),
        ("mmTransactionId", ""),
        ("mmTransactionId", "x" * 129),
        ("mmTransactionId", "a b"),
        ("mmTransactionId", "a\n"),
        ("mmTransactionId", "ä"),
        ("amount", None),
        ("amount", 230),
        ("amount", []),
    ],
)
def test_a_field_outside_its_limits_is_refused_by_name_and_its_value_not_repeated(name: str, value: object) -> None:
    fields = {"token": "t", "mmTransactionId": "1", "amount": {"amount": 1, "currencyCode": "XAG"}} | {name: value}
    text = refusal(json.dumps(fields).encode())
    assert text.startswith(f"{name} ")
    assert "; send " in text
    assert not (isinstance(value, str) and len(value) > 1 and value in text)


@pytest.mark.parametrize("currency", ["", "X" * 17, "X Y", "€"])
def test_a_currency_outside_its_limits_is_refused(currency: str) -> None:
    body = json.dumps(
        {"token": "t", "mmTransactionId": "1", "amount": {"amount": 1, "currencyCode": currency}}
    ).encode()
    assert refusal(body).startswith("amount.currencyCode has a wrong length or characters")


def test_fields_at_their_limits_are_taken() -> None:
    body = json.dumps(
        {
            "token": "ü" * 512,
            "mmTransactionId": "~" * 128,
            "amount": {"amount": 1, "currencyCode": "X" * 16},
            "txDescription": "d" * 1024,
        }
    ).encode()
    request = read(HoldRequest, body)
    assert [len(text) for text in (request.token, request.id, request.amount.currency, request.description)] == [
        512,
        128,
        16,
        1024,
    ]


def test_what_is_missing_is_named_up_to_three_at_once() -> None:
    text = refusal(b"{}")
    assert "token is missing; " in text
    assert "mmTransactionId is missing; " in text
    assert "amount is missing; " in text
    assert refusal(b'{"amount": {}}').endswith(" (1 more.)")


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"text"'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert refusal(body) == "The body is not an object; send one JSON object."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"not json",
        b'{"token": "\xff"}',
        b'{"token": "\\ud800"}',
        b'{"token": "a\x00b"}',
        b'{"token": "a"} {}',
        b'\xef\xbb\xbf{"token": "a"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"9" * 100_000 + b"} x",
    ],
)
def test_a_body_that_is_no_json_is_refused_at_once(body: bytes) -> None:
    begun = process_time()
    text = refusal(body)
    assert process_time() - begun < 1
    assert text.startswith("The body is not valid JSON: ")
    assert len(text) < 200


@pytest.mark.parametrize(
    "mark, encoding", [(b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16")]
)
def test_a_byte_order_mark_is_named(mark: bytes, encoding: str) -> None:
    assert f"it begins with a byte order mark ({encoding})" in refusal(mark + hold())


@pytest.mark.parametrize("name", ["token", "mmTransactionId", "amount"])
def test_what_is_needed_twice_is_refused_since_others_might_read_the_other_one(name: str) -> None:
    twice = hold().replace(b"{", b'{"\\u%04x%s": 1, ' % (ord(name[0]), name[1:].encode()), 1)
    assert refusal(twice) == f"{name} is there twice; send it once."


def test_what_is_needed_twice_within_the_amount_is_refused() -> None:
    twice = hold().replace(b'"currencyCode": "XAG"', b'"currencyCode": "XAG", "amount": 1')
    assert refusal(twice).startswith("The body is not valid JSON: Detected duplicate key")
    assert "s3cret" not in refusal(hold().replace(b'"currencyCode"', b'"s3cret": 1, "s3cret": 2, "currencyCode"'))


@pytest.mark.parametrize(
    "sent, kept",
    [
        (b"null", ""),
        (b'"%s"' % (b"x" * 1024), "x" * 1024),
        (b'"%s"' % (b"x" * 1025), "x" * 1023 + "…"),
        (b'"%s"' % (b"x" * 1_000_000), "x" * 1023 + "…"),
        (b'"line\\nline\\u0000\\u007f\\u0085\\u2028|"', "line line    |"),
        ('"Schwert für 5 €"'.encode(), "Schwert für 5 €"),
        (b"7", "7"),
        (b"1.50", "1.50"),
        (b"true", "true"),
        (b'{"item": "sword", "n": [1]}', '{"item":"sword","n":[1]}'),
        (b'"A sword \\ud83d"', "A sword \ufffd"),
        (b'"\\ude00 A sword \\ud83d\\ude00"', "\ufffd A sword \U0001f600"),
        (b'"A sword \xf0\x9f\x98"', "A sword \ufffd"),
        (b'"A sword \xed\xa0\xbd"', "A sword \ufffd\ufffd\ufffd"),
        (b'"tab\there"', "tab here"),
        (b'"\\q"', '"\\q"'),
        (b'{"name": "\\ud83d"}', '{"name": "\\ud83d"}'),
        (b"NaN", "NaN"),
        (b"9" * 5000, "9" * 1023 + "…"),
        (b"1e99999999999999999999", "1e99999999999999999999"),
        (b"[" * 100_000 + b"]" * 100_000, "[" * 1023 + "…"),
        (b"plain words", "plain words"),
        (b"", ""),
        (b'1, "txDescription": "the last one counts"', "the last one counts"),
    ],
)
def test_a_description_only_informs_so_it_is_cut_and_cleaned_and_never_refused(sent: bytes, kept: str) -> None:
    request = read(HoldRequest, hold().replace(b'"a sword"', sent))
    assert (request.token, request.id, request.amount, request.description) == (
        "t",
        "1234abcd",
        Money(Decimal(230), "XAG"),
        kept,
    )
    assert json.loads(msgspec.json.encode(request.description)) == kept


@given(st.binary(max_size=40))
def test_any_description_is_read_or_the_body_is_no_object(sent: bytes) -> None:
    with suppress(WalletError):
        assert read(HoldRequest, hold().replace(b'"a sword"', sent)).amount == Money(Decimal(230), "XAG")


@pytest.mark.parametrize(
    "odd", [b"NaN", b'"\\ud83d"', b'"\xff"', b"9" * 5000, b"[[[[", b'1, "new": 2', b'1, "\\ud83d": 2']
)
@pytest.mark.parametrize("model", [SessionRequest, ConfirmRequest, HoldRequest, RollbackRequest])
def test_a_member_that_nobody_knows_is_ignored_even_if_it_cannot_be_read(
    model: type[SessionRequest], odd: bytes
) -> None:
    closed = odd + b"]" * odd.count(b"[")
    assert read(model, hold().replace(b"{", b'{"new": %s, ' % closed, 1)).token == "t"


def test_a_description_may_be_left_out() -> None:
    body = b'{"token": "t", "mmTransactionId": "1", "amount": {"amount": 1, "currencyCode": "XAG"}}'
    assert read(HoldRequest, body).description == ""


@pytest.mark.parametrize(
    "sent, kept",
    [
        (b"null", None),
        (b'"Withdraw request failed."', "Withdraw request failed."),
        (b'""', ""),
        (b"42", "42"),
        (b"1.50", "1.50"),
        (b"true", "true"),
        (b'{"code": 7, "why": ["a", 1.5, null]}', '{"code":7,"why":["a",1.5,null]}'),
        (b'"' + b"x" * 1_000_000 + b'"', "x" * 1_000_000),
        (b'"\\u0000"', "\x00"),
        # What no parser takes is kept as it was written.
        (b"NaN", "NaN"),
        (b"1e99999999999999999999", "1e99999999999999999999"),
        (b"9" * 10_000, "9" * 10_000),
        (b'"\\ud800"', '"\\ud800"'),
        (b'"\xff"', '"\ufffd"'),
        (b'"tab\there"', '"tab\there"'),
        (b'{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        (b"[" * 100_000 + b"]" * 100_000, "[" * 100_000 + "]" * 100_000),
        (b"plain words", "plain words"),
        (b"", ""),
    ],
)
def test_a_rollback_is_read_whatever_its_reason(sent: bytes, kept: str | None) -> None:
    request = read(RollbackRequest, ROLLBACK % sent)
    assert (request.token, request.id, request.reason) == ("t", "1234abcd", kept)


def test_a_rollback_needs_no_reason() -> None:
    assert read(RollbackRequest, b'{"token": "t", "mmTransactionId": "1"}').reason is None


@given(st.binary(max_size=50))
def test_a_rollback_is_read_or_refused_but_never_fails_otherwise(reason: bytes) -> None:
    with suppress(WalletError):
        assert read(RollbackRequest, ROLLBACK % reason).id == "1234abcd"


def test_a_reason_given_twice_is_kept_as_it_was_given_last() -> None:
    request = read(
        RollbackRequest, b'{"rollbackReason": 1, "token": "t", "mmTransactionId": "1", "rollbackReason": 2, "x": NaN}'
    )
    assert request.reason == "2"


@pytest.mark.parametrize(
    "body, problem",
    [
        (b'{"rollbackReason": NaN, "token": "t"}', "mmTransactionId is missing; send "),
        (b'{"rollbackReason": NaN, "token": "t", "token": "u"}', "token is there twice; send it once."),
        (b'{"rollbackReason": NaN, "token": "\xff"}', "The body is not valid JSON: "),
        (b'{"rollbackReason": NaN, "\\ud800": 1}', "token is missing; send "),
        (b'{"token": "t", "mmTransactionId": "1", "rollbackReason": "cut', "The body is not valid JSON: "),
        (b"NaN", "The body is not valid JSON: "),
    ],
)
def test_a_rollback_is_refused_for_everything_but_its_reason(body: bytes, problem: str) -> None:
    with pytest.raises(WalletError) as caught:
        read(RollbackRequest, body)
    assert caught.value.text.startswith(problem)


@pytest.mark.parametrize(
    "body, problem",
    [
        (b'{"token": "t", "hunter2": 1}', "The body has a field that is not known; send only token, language, "),
        (b'{"token": "t", "x": 1e999999}', "The body has a field that is not known; "),
        (b'{"token": "t", "token": "t"}', "The body is not valid JSON: "),
        (b'{"token": "t", "x": "\\ud800"}', "The body is not valid JSON: "),
        (b"\xff\xfe{\x00}\x00", "The body is not valid JSON: it begins with a byte order mark (UTF-16); "),
        (b"[]", "The body is not an object; "),
        (b'{"demo": 1}', "demo is neither true nor false; send true or false."),
    ],
)
def test_a_launch_is_refused_for_whatever_is_not_known_in_it(body: bytes, problem: str) -> None:
    with pytest.raises(WalletError) as caught:
        read_strictly(LaunchRequest, body)
    assert caught.value.text.startswith(problem)
    assert "hunter2" not in caught.value.text


def test_what_a_launch_leaves_out_may_be_sent_empty() -> None:
    names = ("token", "language", "currency", "platform", "demo", "lobbyUrl")
    for empty in ({}, dict.fromkeys(names, ""), dict.fromkeys(names)):
        assert read_strictly(LaunchRequest, json.dumps(empty).encode()) == LaunchRequest()
