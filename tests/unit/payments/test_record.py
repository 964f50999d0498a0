"""A payment is kept with its transfer as texts, and comes back as it was."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.money import canonical
from gateway.payments import Payment, content_fingerprint
from gateway.payments.checks import check_content, check_time
from gateway.payments.errors import OtherContent, Stale
from gateway.payments.record import from_memory, to_memory

PAYMENT = Payment(
    order_id="order-1",
    player_id="player-7",
    server_id=10001,
    product_id="wm.spin.1",
    price=Decimal("4.99"),
    price_digits="4.990",
    ext_params="x=1",
    ts=1_700_000_000_000,
)

DIGITS = st.one_of(
    st.decimals(min_value="0.000000000001", max_value=10**25, places=12).map(lambda found: f"{found:f}"),
    st.sampled_from(["1e2", "1E+2", "100e-2", "5.0E0", "4.990"]),
)
TEXTS = st.text(min_size=1, max_size=255)
PAYMENTS = st.builds(
    lambda digits, **rest: Payment(price=canonical(digits), price_digits=digits, **rest),
    DIGITS,
    order_id=TEXTS,
    player_id=TEXTS,
    server_id=st.integers(0, 2**53 - 1),
    product_id=TEXTS,
    ext_params=st.text(max_size=1024),
    ts=st.integers(0, 2**53 - 1),
)


@given(PAYMENTS)
def test_what_a_transfer_remembers_is_the_whole_payment(payment: Payment) -> None:
    memory = to_memory(payment)
    assert from_memory(payment.order_id, payment.player_id, memory) == payment
    assert all(isinstance(text, str) for text in memory.values())


@given(PAYMENTS, PAYMENTS)
def test_two_payments_have_one_fingerprint_only_if_they_say_the_same(one: Payment, other: Payment) -> None:
    def content(payment: Payment) -> tuple[object, ...]:
        return (payment.player_id, payment.server_id, payment.product_id, payment.price, payment.ext_params)

    assert (content_fingerprint(one) == content_fingerprint(other)) is (content(one) == content(other))


@pytest.mark.parametrize(
    "changes",
    [{"ts": 1}, {"price_digits": "4.99"}, {"price_digits": "499e-2"}, {"order_id": "another"}],
)
def test_time_order_and_spelling_of_the_price_are_no_other_content(changes: dict[str, Any]) -> None:
    assert content_fingerprint(replace(PAYMENT, **changes)) == content_fingerprint(PAYMENT)


@pytest.mark.parametrize(
    "changes",
    [
        {"player_id": "player-8"},
        {"server_id": 10002},
        {"product_id": "wm.spin.2"},
        {"price": Decimal("5.99"), "price_digits": "5.99"},
        {"ext_params": ""},
    ],
)
def test_another_content_of_a_recorded_order_is_refused(changes: dict[str, Any]) -> None:
    recorded = content_fingerprint(PAYMENT)
    check_content(PAYMENT, recorded)
    other = replace(PAYMENT, **changes)
    with pytest.raises(OtherContent) as caught:
        check_content(other, recorded)
    assert caught.value.payment == other


@pytest.mark.parametrize("off_s", [0.0, 600.0, -600.0])
def test_a_time_within_the_window_is_taken(off_s: float) -> None:
    check_time(PAYMENT, 1_700_000_000 + off_s, 600.0)
    assert PAYMENT.ts == 1_700_000_000_000


@pytest.mark.parametrize("off_s", [600.001, -600.001, 1e9, -1e9])
def test_a_time_outside_the_window_is_stale_unless_there_is_none(off_s: float) -> None:
    with pytest.raises(Stale, match="more than 10m away") as caught:
        check_time(PAYMENT, 1_700_000_000 + off_s, 600.0)
    assert caught.value.payment == PAYMENT
    check_time(PAYMENT, 1_700_000_000 + off_s, 0.0)


def test_a_price_that_is_not_its_digits_is_a_mistake_of_the_format() -> None:
    with pytest.raises(AssertionError):
        replace(PAYMENT, price_digits="4.98")
