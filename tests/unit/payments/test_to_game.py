"""What the game is told is the vendor's own callback, whatever the operator sent."""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import md5

import pytest
from msgspec.structs import replace

from gateway.payments import Payment
from gateway.payments.catalogue import check_catalogue
from gateway.payments.errors import UnknownProduct, WrongPrice
from gateway.payments.to_game import delivery_body
from tests.support.vectors import PAYMENT_CALLBACK, PAYMENT_SECRET

PAYMENT = Payment(
    order_id=PAYMENT_CALLBACK["cpOrderId"],
    player_id=PAYMENT_CALLBACK["uid"],
    server_id=int(PAYMENT_CALLBACK["serverId"]),
    product_id=PAYMENT_CALLBACK["productId"],
    price=Decimal(PAYMENT_CALLBACK["productPrice"]),
    price_digits=PAYMENT_CALLBACK["productPrice"],
    ext_params="löwe",
    ts=int(PAYMENT_CALLBACK["ts"]),
)


def test_the_game_gets_the_printed_callback_with_the_printed_signature() -> None:
    body = delivery_body(PAYMENT, PAYMENT_SECRET)
    assert json.loads(body, parse_float=str) == {
        **PAYMENT_CALLBACK,
        "serverId": 10001,
        "ts": 1682319749000,
        "extParams": "löwe",
    }


@pytest.mark.parametrize("digits", ["4.990", "499e-2", "4.99E+0"])
def test_the_price_has_the_digits_that_came_and_these_are_signed(digits: str) -> None:
    body = delivery_body(replace(PAYMENT, price_digits=digits), "other")
    assert f'"productPrice":{digits},'.encode() in body
    signed = f"c9c35cf409344312146fa7546a94d1a610001test{digits}wm.spin.11682319749000other"
    assert json.loads(body)["sign"] == md5(signed.encode()).hexdigest().upper()


def test_every_try_sends_the_same_bytes() -> None:
    assert delivery_body(PAYMENT, "s") == delivery_body(replace(PAYMENT), "s")


@pytest.mark.parametrize("digits", ["4.99", "4.990", "499e-2"])
def test_a_price_of_the_catalogue_is_taken_however_it_is_written(digits: str) -> None:
    payment = replace(PAYMENT, price_digits=digits)
    check_catalogue(payment, {"wm.spin.1": Decimal("4.990")})
    check_catalogue(payment, None)
    assert payment.price == Decimal("4.99")


@pytest.mark.parametrize(
    "catalogue, error",
    [
        ({}, UnknownProduct),
        ({"wm.spin.2": Decimal("4.99")}, UnknownProduct),
        ({"wm.spin.1": Decimal("4.9900001")}, WrongPrice),
        ({"wm.spin.1": Decimal(499)}, WrongPrice),
    ],
)
def test_what_the_catalogue_does_not_have_is_refused(
    catalogue: dict[str, Decimal], error: type[UnknownProduct | WrongPrice]
) -> None:
    with pytest.raises(error) as caught:
        check_catalogue(PAYMENT, catalogue)
    assert caught.value.payment == PAYMENT
