"""The tests for authors of payment formats catch the mistakes that formats usually have."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from adapters.quantum.payments import QuantumPayments
from gateway.payments import Forged, Payment, PaymentAnswer, PaymentCallback, PaymentOutcome
from gateway.testing.payments import PaymentConformance
from tests.support.vectors import PAYMENT_CALLBACK, PAYMENT_SECRET

TEXT = (
    '{"uid":"test","serverId":10001,"cpOrderId":"c9c35cf409344312146fa7546a94d1a6","productId":"wm.spin.1",'
    '"productPrice":4.99,"ts":1682319749000,"sign":"39E27178DE3254875D8470AB7A13D912"}'
)


class IgnoresSignatures(QuantumPayments):
    def _check_sign(self, sign: str, payment: Payment, server_id: str, ts: str) -> None:
        pass


class CountsRepeats(QuantumPayments):
    count = 0

    def read(self, callback: PaymentCallback, now: float) -> Payment:
        type(self).count += 1
        return msgspec.structs.replace(super().read(callback, now), ext_params=str(self.count))


class Breaks(QuantumPayments):
    def read(self, callback: PaymentCallback, now: float) -> Payment:
        json.loads(callback.body)
        return super().read(callback, now)


class TellsTheSecret(QuantumPayments):
    def _check_sign(self, sign: str, payment: Payment, server_id: str, ts: str) -> None:
        try:
            super()._check_sign(sign, payment, server_id, ts)
        except Forged:
            raise Forged(f"sign is not made with {self._secrets[0][::-1]}") from None


class AnswersSuccess(QuantumPayments):
    def answer(self, outcome: PaymentOutcome, payment: Payment | None, text: str) -> PaymentAnswer:
        return super().answer(PaymentOutcome.RECEIVED, payment, text)


class AnswersNotAll(QuantumPayments):
    def answer(self, outcome: PaymentOutcome, payment: Payment | None, text: str) -> PaymentAnswer:
        assert outcome is not PaymentOutcome.OTHER_CONTENT
        return super().answer(outcome, payment, text)


class SaysGet(QuantumPayments):
    methods = ("GET",)


def suite(kind: type[QuantumPayments]) -> PaymentConformance:
    members: dict[str, Any] = {
        "payment_format": kind,
        "settings": {"secrets": [PAYMENT_SECRET]},
        "callback": PaymentCallback(method="POST", body=TEXT.encode()),
        "now": 1682319749.0,
        "signed": ("test", "10001", "c9c35cf409344312146fa7546a94d1a6", "wm.spin.1", "4.99", "1682319749000"),
        "signature": PAYMENT_CALLBACK["sign"],
    }
    kind_of_suite: type[PaymentConformance] = type("Suite", (PaymentConformance,), members)
    return kind_of_suite()


@pytest.mark.parametrize(
    "kind, test",
    [
        (IgnoresSignatures, "test_each_character_that_is_signed_counts"),
        (CountsRepeats, "test_a_repeat_says_the_same"),
        (Breaks, "test_whatever_comes_is_read_or_refused"),
        (TellsTheSecret, "test_no_text_repeats_a_secret_or_a_signature"),
        (AnswersSuccess, "test_every_outcome_has_an_answer"),
        (AnswersNotAll, "test_every_outcome_has_an_answer"),
        (SaysGet, "test_the_method_of_the_callback_is_declared"),
    ],
)
def test_a_mistake_fails_the_test_that_is_about_it(kind: type[QuantumPayments], test: str) -> None:
    with pytest.raises(Exception, match=r"\S"):
        getattr(suite(kind), test)()
    getattr(suite(QuantumPayments), test)()


def test_a_value_that_does_not_stand_once_in_the_callback_is_told() -> None:
    wrong = suite(QuantumPayments)
    type(wrong).signed = ("0",)
    with pytest.raises(pytest.fail.Exception, match="does not stand once"):
        wrong.test_each_character_that_is_signed_counts()
