"""`callbacks.payment` of OK.ru, against signatures that coreutils' md5sum made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
import xmltodict
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from adapters.odnoklassniki.payments import (
    NAMESPACE,
    OdnoklassnikiPayments,
    OdnoklassnikiPaymentSettings,
    signature,
)
from gateway.payments import (
    Forged,
    Malformed,
    Payment,
    PaymentCallback,
    PaymentOutcome,
    PaymentRefused,
    WrongPrice,
    content_fingerprint,
)
from tests.support.vectors import OK_CALLBACK, OK_SECRET, OK_SIGNATURE

NOW = 1_700_000_000.5
PARAMETERS = dict(parse_qsl(OK_CALLBACK))


def ok(**changes: Any) -> OdnoklassnikiPayments:
    return OdnoklassnikiPayments(
        OdnoklassnikiPaymentSettings.model_validate({"secrets": [OK_SECRET], "server_id": 3, **changes})
    )


def read(query: str, now: float = NOW, **changes: Any) -> Payment:
    return ok(**changes).read(PaymentCallback(method="GET", query=query), now)


def refused(query: str, **changes: Any) -> PaymentRefused:
    with pytest.raises(PaymentRefused) as caught:
        read(query, **changes)
    return caught.value


def signed(**changes: str | None) -> str:
    """The example with other parameters (None leaves one out), rightly signed."""
    parameters = {name: value for name, value in {**PARAMETERS, **changes}.items() if value is not None}
    return urlencode({**parameters, "sig": signature(parameters, OK_SECRET)})


def test_a_payment_whose_signature_was_made_elsewhere_is_read() -> None:
    assert read(f"{OK_CALLBACK}&sig={OK_SIGNATURE}") == Payment(
        order_id="9876543210",
        player_id="561234567890",
        server_id=3,
        product_id="gold.100",
        price=Decimal(25),
        price_digits="25",
        ext_params='{"cpOrderId":"a=b"}',
        ts=1_700_000_000_500,
    )


def test_the_order_of_the_parameters_does_not_matter() -> None:
    assert read(f"sig={OK_SIGNATURE}&" + "&".join(reversed(OK_CALLBACK.split("&")))).order_id == "9876543210"


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_signed_known_or_not(name: str) -> None:
    assert isinstance(refused(urlencode({**PARAMETERS, name: "7", "sig": OK_SIGNATURE})), Forged)


def test_a_parameter_more_is_signed_too() -> None:
    assert isinstance(refused(f"{OK_CALLBACK}&sig={OK_SIGNATURE}&trial_days=7"), Forged)


def test_a_repeat_has_the_same_content_at_any_time() -> None:
    query = f"{OK_CALLBACK}&sig={OK_SIGNATURE}"
    assert content_fingerprint(read(query)) == content_fingerprint(read(query, NOW + 1e6))


def test_a_payment_in_another_currency_is_refused_once_the_signature_is_right() -> None:
    assert isinstance(refused(signed(currency="RUB")), WrongPrice)
    assert isinstance(refused(f"{OK_CALLBACK}&currency=RUB&sig={OK_SIGNATURE}"), Forged)
    assert isinstance(refused(signed(), currency="RUB"), WrongPrice)
    assert read(signed(currency="RUB"), currency="RUB").price == 25


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction_id": None},
        {"transaction_id": ""},
        {"uid": None},
        {"product_code": None},
        {"amount": None},
        {"amount": "0"},
        {"amount": "-25"},
        {"amount": "25 "},
        {"extra_attributes": "x" * 1025},
        {"extra_attributes": "{}payment_system=x"},
        {"call_id": "1currency=RUB"},
    ],
)
def test_what_is_no_payment_is_refused_before_the_signature(changes: dict[str, str | None]) -> None:
    assert isinstance(refused(signed(**changes)), Malformed)


@pytest.mark.parametrize(
    "query", ["", "a", "a=1&a=1", "a=%ff", "uid=é", "&".join(f"a{number}=1" for number in range(65))]
)
def test_what_is_no_query_is_refused(query: str) -> None:
    assert isinstance(refused(query), Malformed)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30), st.integers(0, 400), st.integers(0, 40))
def test_whatever_comes_is_read_or_refused_and_answered_in_xml(put: str, at: int, removed: int) -> None:
    query = f"{OK_CALLBACK}&sig={OK_SIGNATURE}"
    mutated = query[:at] + put + query[at + removed :]
    try:
        payment = read(mutated)
    except PaymentRefused as refusal:
        answer = ok().answer(refusal.outcome, None, refusal.text)
        code = answer.headers["invocation-error"]
        assert xmltodict.parse(answer.body)["ns2:error_response"]["error_code"] == code
    else:
        assert (payment.order_id, payment.price_digits) == ("9876543210", "25")


@pytest.mark.parametrize("outcome", [PaymentOutcome.RECEIVED, PaymentOutcome.REPEATED])
def test_a_payment_that_is_taken_is_answered_true(outcome: PaymentOutcome) -> None:
    answer = ok().answer(outcome, None, "")
    assert (answer.status, answer.content_type, answer.headers) == (200, "application/xml", {})
    assert xmltodict.parse(answer.body) == {"callbacks_payment_response": {"@xmlns": NAMESPACE, "#text": "true"}}


@pytest.mark.parametrize(
    "outcome, code",
    [
        ("forged", "104"),
        ("not_recorded", "2"),
        ("malformed", "1001"),
        ("stale", "1001"),
        ("unknown_product", "1001"),
        ("wrong_price", "1001"),
        ("other_content", "1001"),
    ],
)
def test_an_error_has_its_code_in_the_header_and_in_the_body(outcome: str, code: str) -> None:
    answer = ok().answer(PaymentOutcome(outcome), None, "a < b\x00")
    assert answer.headers == {"invocation-error": code}
    assert xmltodict.parse(answer.body)["ns2:error_response"] == {
        "@xmlns:ns2": NAMESPACE,
        "error_code": code,
        "error_msg": "a < b",
    }


def test_the_server_of_the_game_has_to_be_said() -> None:
    with pytest.raises(ValidationError, match="server_id"):
        OdnoklassnikiPaymentSettings.model_validate({"secrets": [OK_SECRET]})
