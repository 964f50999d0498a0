"""The game's own callback: the printed example verifies, and nothing that differs from it in one character does."""

from __future__ import annotations

import json
import string
from decimal import Decimal
from hashlib import md5
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.quantum.payments import QuantumPayments, QuantumPaymentSettings
from gateway.payments import (
    Forged,
    Malformed,
    Payment,
    PaymentCallback,
    PaymentOutcome,
    PaymentRefused,
    Stale,
    content_fingerprint,
)
from tests.support.vectors import PAYMENT_CALLBACK, PAYMENT_SECRET

NOW = 1682319749.0
TEXTS = ("uid", "cpOrderId", "productId", "extParams", "sign")
SIGNED = ("cpOrderId", "serverId", "uid", "productPrice", "productId", "ts")
"""In the order of the signature."""


def quantum(**changes: Any) -> QuantumPayments:
    return QuantumPayments(QuantumPaymentSettings.model_validate({"secrets": [PAYMENT_SECRET], **changes}))


def body(**changes: str) -> bytes:
    """The printed callback with other values, each as it stands in the JSON but for the quotes of texts."""
    values = {**PAYMENT_CALLBACK, **changes}
    return written({name: f'"{value}"' if name in TEXTS else value for name, value in values.items()})


def written(members: dict[str, str]) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in members.items()) + "}").encode()


def signed(secret: str = PAYMENT_SECRET, **changes: str) -> bytes:
    """The same with the right signature, computed here."""
    values = {**PAYMENT_CALLBACK, **changes}
    message = "".join(values[name] for name in SIGNED) + secret
    return body(**{**changes, "sign": md5(message.encode()).hexdigest().upper()})


def read(content: bytes, now: float = NOW, **changes: Any) -> Payment:
    return quantum(**changes).read(PaymentCallback(method="POST", body=content), now)


def refused(content: bytes, now: float = NOW, **changes: Any) -> PaymentRefused:
    with pytest.raises(PaymentRefused) as caught:
        read(content, now, **changes)
    return caught.value


def test_the_printed_example_verifies() -> None:
    assert read(body()) == Payment(
        order_id="c9c35cf409344312146fa7546a94d1a6",
        player_id="test",
        server_id=10001,
        product_id="wm.spin.1",
        price=Decimal("4.99"),
        price_digits="4.99",
        ts=1682319749000,
    )


def others(name: str, at: int) -> list[str]:
    """The value of this field with one character changed, left out or doubled there."""
    value = PAYMENT_CALLBACK[name]
    letters = {*string.digits, "a", "F", ".", value[at].swapcase(), "", 2 * value[at]} - {value[at]}
    return [value[:at] + letter + value[at + 1 :] for letter in sorted(letters)]


@pytest.mark.parametrize(
    "name, at", [(name, at) for name in (*SIGNED, "sign") for at in range(len(PAYMENT_CALLBACK[name]))]
)
def test_every_field_changed_by_one_character_fails(name: str, at: int) -> None:
    for other in others(name, at):
        assert isinstance(refused(body(**{name: other})), Forged | Malformed), other


def test_the_text_that_is_not_signed_is_read_and_is_part_of_the_content() -> None:
    one, other = read(body(extParams="a")), read(body(extParams="b"))
    assert (one.ext_params, other.ext_params) == ("a", "b")
    assert content_fingerprint(one) != content_fingerprint(other)


@pytest.mark.parametrize("name", SIGNED)
def test_the_digits_and_letters_that_came_are_signed_and_not_what_they_mean(name: str) -> None:
    other = {
        "cpOrderId": "C9C35CF409344312146FA7546A94D1A6",
        "serverId": "10001.0",
        "uid": "tesT",
        "productPrice": "4.990",
        "productId": "wm.spin.1 ",
        "ts": "1682319749000.0",
    }[name]
    assert isinstance(refused(body(**{name: other})), Forged)
    assert isinstance(read(signed(**{name: other})), Payment)


@pytest.mark.parametrize("digits", ["4.990", "499e-2", "0.499E1", "4.99e0", "4.99e+0"])
def test_a_price_in_any_spelling_of_json_is_exact_and_keeps_its_digits(digits: str) -> None:
    payment = read(signed(productPrice=digits))
    assert (payment.price, payment.price_digits) == (Decimal("4.99"), digits)


@pytest.mark.parametrize("digits", ["10001", "10001.00", "1.0001e4", "100010e-1"])
def test_a_server_is_a_whole_number_in_any_spelling(digits: str) -> None:
    assert read(signed(serverId=digits)).server_id == 10001


@pytest.mark.parametrize("digits", ["1682319749", "1682319749000", "1682319749.0", "1.682319749e9", "1.682319749e12"])
def test_a_time_is_in_seconds_or_milliseconds(digits: str) -> None:
    assert read(signed(ts=digits)).ts == 1682319749000


def test_names_and_texts_may_be_escaped_as_json_allows() -> None:
    content = signed(uid="tést").replace(b'"uid"', rb'"\u0075id"').replace("tést".encode(), rb"t\u00e9st")
    assert read(content).player_id == "tést"


@pytest.mark.parametrize("value", ['""', "null", None])
def test_a_text_of_the_game_may_be_empty_or_missing(value: str | None) -> None:
    members = {name: f'"{text}"' if name in TEXTS else text for name, text in PAYMENT_CALLBACK.items()}
    assert read(written(members if value is None else {**members, "extParams": value})).ext_params == ""


def test_members_that_nobody_knows_are_ignored_whatever_they_hold() -> None:
    odd = b'{"sandbox":{"a":[1e999999999,"\xff"]},"sandbox":' + b"[" * 5000 + b"]" * 5000 + b","
    assert read(odd + body()[1:]).order_id == "c9c35cf409344312146fa7546a94d1a6"


def test_any_of_the_secrets_will_do_so_that_one_can_be_changed() -> None:
    both = ["next-secret", PAYMENT_SECRET]
    assert read(body(), secrets=both) == read(signed("next-secret"), secrets=both)
    assert isinstance(refused(signed("next-secret")), Forged)


def test_a_signature_in_lower_case_is_another_one() -> None:
    assert isinstance(refused(body(sign=PAYMENT_CALLBACK["sign"].lower())), Forged)


@pytest.mark.parametrize("sign", ["", "é" * 32, "39E2", PAYMENT_CALLBACK["sign"] * 2, PAYMENT_CALLBACK["sign"] + " "])
def test_what_is_no_signature_is_refused(sign: str) -> None:
    assert isinstance(refused(body(sign=sign)), Forged | Malformed)


def test_who_cannot_sign_learns_nothing_of_time_and_servers() -> None:
    forged = refused(body(sign="0" * 32))
    assert refused(body(sign="0" * 32), now=0.0, server_ids=[1]).text == forged.text
    assert isinstance(forged, Forged)


@pytest.mark.parametrize("off_s", [601.0, -601.0])
def test_a_time_outside_the_window_is_stale_and_tells_whose_payment_it_is(off_s: float) -> None:
    error = refused(body(), now=NOW + off_s)
    assert isinstance(error, Stale)
    assert error.payment == read(body())


def test_the_window_is_a_setting_and_none_allows_every_time() -> None:
    assert isinstance(refused(body(), now=NOW + 61, ts_window="1m"), Stale)
    assert read(body(), now=NOW + 1e9, ts_window="0s") == read(body())


def test_digits_moved_from_the_server_to_the_order_are_seen_where_the_servers_are_known() -> None:
    """The signed values stand side by side with nothing between them, so both have one signature."""
    moved = body(cpOrderId=PAYMENT_CALLBACK["cpOrderId"] + "1000", serverId="1")
    assert read(moved).server_id == 1
    assert isinstance(refused(moved, server_ids=[10001, 10002]), Malformed)
    assert read(body(), server_ids=[10001, 10002]).server_id == 10001


QUOTED = {name: f'"{value}"' if name in TEXTS else value for name, value in PAYMENT_CALLBACK.items()}

WRONG = [
    ("uid", '""', "uid is missing, too long"),
    ("uid", '"' + "u" * 256 + '"', "uid is missing, too long"),
    ("uid", r'"a\u0000"', "control characters"),
    ("uid", r'"a\u2028"', "control characters"),
    ("uid", r'"\ud83d"', "uid cannot be read"),
    ("uid", '"\x01"', "uid cannot be read"),
    ("uid", "7", "uid is not a string; send it in quotes"),
    ("uid", "null", "uid is missing"),
    ("uid", "[" * 5000 + "]" * 5000, "uid is not a string"),
    ("cpOrderId", '""', "cpOrderId is not an order's id"),
    ("cpOrderId", '"' + "o" * 129 + '"', "1 to 128 visible ASCII characters"),
    ("cpOrderId", '"a b"', "visible ASCII"),
    ("cpOrderId", '"é"', "visible ASCII"),
    ("productId", "true", "productId is not a string"),
    ("productId", '"' + "p" * 256 + '"', "1 to 255 characters"),
    ("extParams", '"' + "x" * 1025 + '"', "0 to 1024 characters"),
    ("extParams", r'"\n"', "control characters"),
    ("extParams", '{"a":1}', "extParams is not a string"),
    ("productPrice", "0", "productPrice is not greater than 0"),
    ("productPrice", "0.00", "productPrice is not greater than 0"),
    ("productPrice", "-4.99", "productPrice is not greater than 0"),
    ("productPrice", "true", "productPrice is not a number"),
    ("productPrice", '"4.99"', "productPrice is not a number"),
    ("productPrice", "NaN", "productPrice is not a number"),
    ("productPrice", "Infinity", "productPrice is not a number"),
    ("productPrice", "04.99", "productPrice is not a number"),
    ("productPrice", "+4.99", "productPrice is not a number"),
    ("productPrice", "4.", "productPrice is not a number"),
    ("productPrice", ".99", "productPrice is not a number"),
    ("productPrice", "4,99", "not a JSON object"),
    ("productPrice", "1e999999999", "productPrice is out of range"),
    ("productPrice", "1e-13", "productPrice is out of range"),
    ("productPrice", "1" * 65, "up to 64 characters"),
    ("productPrice", "٤", "productPrice is not a number"),
    ("productPrice", "null", "productPrice is not a number"),
    ("serverId", "1.5", "serverId is not a whole number"),
    ("serverId", "-1", "serverId is not a whole number"),
    ("serverId", "9007199254740992", "serverId is not a whole number from 0 to 9007199254740991"),
    ("serverId", "false", "serverId is not a number"),
    ("ts", "1.5", "ts is not a whole number"),
    ("ts", '"1682319749000"', "ts is not a number"),
    ("ts", "1e30", "ts is out of range"),
    ("sign", "null", "sign is missing"),
]


@pytest.mark.parametrize("name, value, says", WRONG)
def test_what_is_not_right_is_told_with_its_place_and_what_would_be(name: str, value: str, says: str) -> None:
    error = refused(written({**QUOTED, name: value}))
    assert isinstance(error, Malformed)
    assert says in error.text
    assert "; send" in error.text
    assert error.text.isprintable()


@pytest.mark.parametrize("name", [*SIGNED, "sign"])
def test_every_signed_member_is_needed_and_once(name: str) -> None:
    without = written({key: value for key, value in QUOTED.items() if key != name})
    assert isinstance(refused(without), Malformed)
    twice = written(QUOTED)[:-1] + f',"{name}":{QUOTED[name]}}}'.encode()
    assert refused(twice).text == f"{name} is there twice; send it once."


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b"\xef\xbb\xbf" + body(), body()[:-1], body() + body(), b"[" * 9999]
)
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    assert refused(content).outcome is PaymentOutcome.MALFORMED


def mutate(content: bytes, at: int, removed: int, put: bytes) -> bytes:
    at %= len(content) + 1
    return content[:at] + put + content[at + removed :]


MUTATIONS = st.builds(
    mutate, st.just(body(extParams="x")), st.integers(0, 400), st.integers(0, 40), st.binary(max_size=20)
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
REPLACED = st.builds(
    lambda changes: json.dumps({**json.loads(body()), **changes}).encode(),
    st.dictionaries(st.sampled_from([*QUOTED, "extParams"]), VALUES, min_size=1, max_size=3),
)


@settings(max_examples=1000, deadline=None)
@given(MUTATIONS | REPLACED, st.floats(0, 1e11))
@example(body(), NOW)
def test_a_thousand_mutated_callbacks_give_a_documented_outcome_each(content: bytes, now: float) -> None:
    form = quantum()
    found = outcome_of(form, content, now)
    if isinstance(found, Payment):
        # Only what is not signed may differ, and how the JSON is written.
        assert (found.order_id, found.price_digits, found.ts) == (
            PAYMENT_CALLBACK["cpOrderId"],
            PAYMENT_CALLBACK["productPrice"],
            int(PAYMENT_CALLBACK["ts"]),
        )
        return
    answer = form.answer(found.outcome, getattr(found, "payment", None), found.text)
    assert answer.status in {400, 401}
    assert set(json.loads(answer.body)) == {"errorCode", "errorDescription"}
    assert PAYMENT_SECRET not in found.text
    assert PAYMENT_CALLBACK["sign"] not in found.text


def outcome_of(form: QuantumPayments, content: bytes, now: float) -> Payment | PaymentRefused:
    try:
        return form.read(PaymentCallback(method="POST", body=content), now)
    except PaymentRefused as refusal:
        return refusal


@pytest.mark.parametrize(
    "outcome, status, content",
    [
        ("received", 200, {"code": 0, "message": "success"}),
        ("repeated", 200, {"code": 0, "message": "success"}),
        ("malformed", 400, {"errorCode": 130, "errorDescription": "why"}),
        ("forged", 401, {"errorCode": 131, "errorDescription": "why"}),
        ("stale", 400, {"errorCode": 130, "errorDescription": "why"}),
        ("unknown_product", 400, {"errorCode": 130, "errorDescription": "why"}),
        ("wrong_price", 400, {"errorCode": 130, "errorDescription": "why"}),
        ("other_content", 400, {"errorCode": 110, "errorDescription": "why"}),
        ("not_recorded", 500, {"errorCode": 123, "errorDescription": "why"}),
    ],
)
def test_every_outcome_has_its_answer(outcome: PaymentOutcome, status: int, content: dict[str, Any]) -> None:
    answer = quantum().answer(PaymentOutcome(outcome), None, "why")
    assert (answer.status, json.loads(answer.body), answer.content_type) == (status, content, "application/json")


def test_any_answer_can_be_another_one() -> None:
    form = quantum(answers={"forged": {"status": 403, "body": "fail", "content_type": "text/plain; charset=utf-8"}})
    answer = form.answer(PaymentOutcome.FORGED, None, "why")
    assert (answer.status, answer.body, answer.content_type) == (403, b"fail", "text/plain; charset=utf-8")
    assert form.answer(PaymentOutcome.RECEIVED, None, "").status == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"secrets": []},
        {"secrets": [""]},
        {"ts_window": "25h"},
        {"ts_window": "soon"},
        {"server_ids": [-1]},
        {"answers": {"lost": {"status": 200}}},
        {"answers": {"received": {"status": 99}}},
        {"answers": {"received": {"status": 200, "content_type": "a\r\nb: c"}}},
        {"secret": "typing slip"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        quantum(**changes)
