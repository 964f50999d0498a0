"""Every payment format that ships, through the tests that the author of one has."""

from __future__ import annotations

from typing import ClassVar

from gateway.payments import PaymentCallback
from gateway.payments.registry import formats, payment_format
from gateway.testing.payments import PaymentConformance
from tests.support.vectors import OK_CALLBACK, OK_SECRET, OK_SIGNATURE, PAYMENT_CALLBACK, PAYMENT_SECRET


class TestQuantumPayments(PaymentConformance):
    payment_format = payment_format("quantum")
    settings: ClassVar = {"secrets": [PAYMENT_SECRET]}
    callback = PaymentCallback(
        method="POST",
        body=(
            b'{"uid":"test","serverId":10001,"cpOrderId":"c9c35cf409344312146fa7546a94d1a6","productId":"wm.spin.1",'
            b'"productPrice":4.99,"extParams":"x","ts":1682319749000,"sign":"39E27178DE3254875D8470AB7A13D912"}'
        ),
    )
    now = 1682319749.0
    signed = ("test", "10001", "c9c35cf409344312146fa7546a94d1a6", "wm.spin.1", "4.99", "1682319749000")
    signature = PAYMENT_CALLBACK["sign"]


class TestOdnoklassnikiPayments(PaymentConformance):
    payment_format = payment_format("odnoklassniki")
    settings: ClassVar = {"secrets": [OK_SECRET], "server_id": 1}
    callback = PaymentCallback(method="GET", query=f"{OK_CALLBACK}&sig={OK_SIGNATURE}")
    now = 1_700_000_000.0
    signed = tuple(OK_CALLBACK.split("&"))
    signature = OK_SIGNATURE


def test_every_format_that_ships_is_tried() -> None:
    tried = {each.payment_format for each in PaymentConformance.__subclasses__()}
    assert set(formats().values()) <= tried
    assert sorted(formats()) == ["odnoklassniki", "quantum"]
