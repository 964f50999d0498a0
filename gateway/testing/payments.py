"""What every payment format does, as tests that pytest collects from a few lines:

    class TestAcmePayments(PaymentConformance):
        payment_format = AcmePayments
        settings = {"secrets": ["a-secret-of-acme"]}
        callback = PaymentCallback(method="POST", body=b'{"order":"o-1","player":"p-7","price":4.99,"sign":"…"}')
        now = 1700000000.0
        signed = ("o-1", "p-7", "4.99")
        signature = "…"

docs/payment/formats.md is the page for authors. That formats with the usual mistakes fail is shown by
tests/unit/payments/test_conformance_catches.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import pytest
from msgspec.structs import replace

from gateway.operators.adapter import MEMORY_CHARACTERS, MEMORY_ENTRIES
from gateway.payments import (
    Payment,
    PaymentAnswer,
    PaymentCallback,
    PaymentFormat,
    PaymentOutcome,
    PaymentRefused,
    content_fingerprint,
)
from gateway.payments.record import from_memory, to_memory
from gateway.secrets import SHORTEST_SECRET, secrets_of
from gateway.testing.behaviours.secrecy import spellings_of

LATER_S: Final = 60.0
_SUCCESSES: Final = range(200, 300)
_STATUSES: Final = range(200, 600)
_TEXT: Final = "What is wrong; what would be right."


class PaymentConformance:
    """Derive from it, and say what is to be read. `callback` is one with the right signature, made independently of the
    format: printed by the vendor, or computed elsewhere. `signed` are the signed values as they stand in its body or
    its query, each there once; `signature` is the signature itself. `now` is when it comes, in Unix seconds."""

    payment_format: ClassVar[type[PaymentFormat]]
    settings: ClassVar[Mapping[str, Any]]
    callback: ClassVar[PaymentCallback]
    now: ClassVar[float]
    signed: ClassVar[tuple[str, ...]]
    signature: ClassVar[str]

    def test_the_right_signature_is_accepted(self) -> None:
        payment = self._read(self.callback)
        assert isinstance(payment, Payment), f"refused: {payment}"
        assert 0 < len(payment.order_id) <= 128, "an order's id has 1 to 128 characters"  # noqa: PLR2004 - said beside
        assert payment.player_id, "the player is known"
        assert payment.price > 0, "the price is more than 0"

    def test_each_character_that_is_signed_counts(self) -> None:
        for value in (*self.signed, self.signature):
            for changed in self._changed(value):
                assert isinstance(self._read(changed), PaymentRefused), f"accepted: {_shown(changed)}"

    def test_a_repeat_says_the_same(self) -> None:
        first, again = self._read(self.callback), self._read(self.callback)
        later = self._read(self.callback, LATER_S)
        assert first == again, "the same callback reads differently at the same time"
        assert isinstance(first, Payment)
        assert isinstance(later, Payment), "a repeat within a minute is refused"
        assert content_fingerprint(first) == content_fingerprint(later), "a repeat reads differently a minute later"

    def test_the_payment_survives_being_kept(self) -> None:
        payment = self._read(self.callback)
        assert isinstance(payment, Payment)
        memory = to_memory(payment)
        assert from_memory(payment.order_id, payment.player_id, memory) == payment
        assert len(memory) <= MEMORY_ENTRIES
        assert sum(len(text) for entry in memory.items() for text in entry) <= MEMORY_CHARACTERS

    def test_whatever_comes_is_read_or_refused(self) -> None:
        for broken in self._broken():
            assert isinstance(self._read(broken), Payment | PaymentRefused)

    def test_no_text_repeats_a_secret_or_a_signature(self) -> None:
        changed = [each for value in self.signed for each in self._changed(value)]
        refused = [each for each in map(self._read, (*changed, *self._broken())) if isinstance(each, PaymentRefused)]
        texts = [text for refusal in refused for text in self._said(refusal)]
        for secret in (*secrets_of(self._format().settings), self.signature):
            if len(secret) >= SHORTEST_SECRET:
                for how, spelling in spellings_of(secret):
                    found = [text for text in texts if spelling.lower() in text.lower()]
                    assert found == [], f"a secret stands in a text, {how}"

    def test_every_outcome_has_an_answer(self) -> None:
        taken = {self._answer(outcome).body for outcome in PaymentOutcome if outcome.taken}
        for outcome in PaymentOutcome:
            answer = self._answer(outcome)
            assert answer.status in _STATUSES, f"{outcome}: {answer.status} is not the status of an answer"
            if outcome.taken:
                assert answer.status in _SUCCESSES, f"{outcome} is answered with a failure"
            elif answer.status in _SUCCESSES:
                assert answer.body not in taken, f"{outcome} is answered as if it had been taken"

    def test_the_method_of_the_callback_is_declared(self) -> None:
        assert self.callback.method in self.payment_format.methods

    def _format(self) -> PaymentFormat:
        return self.payment_format(self.payment_format.Settings.model_validate(dict(self.settings)))

    def _read(self, callback: PaymentCallback, later_s: float = 0.0) -> Payment | PaymentRefused:
        try:
            return self._format().read(callback, self.now + later_s)
        except PaymentRefused as refused:
            return refused

    def _answer(self, outcome: PaymentOutcome) -> PaymentAnswer:
        return self._format().answer(outcome, None, "" if outcome.taken else _TEXT)

    def _said(self, refused: PaymentRefused) -> list[str]:
        answer = self._format().answer(refused.outcome, getattr(refused, "payment", None), refused.text)
        return [refused.text, answer.body.decode("utf-8", "replace"), *answer.headers.values()]

    def _changed(self, value: str) -> Iterator[PaymentCallback]:
        """The callback with each letter and each digit of this value replaced by the next one."""
        text = self.callback.body.decode() or self.callback.query
        if text.count(value) != 1:
            pytest.fail(f"{value!r} does not stand once in the callback", pytrace=False)
        start = text.index(value)
        for at in range(start, start + len(value)):
            if text[at].isascii() and text[at].isalnum():
                yield self._with(text[:at] + _next(text[at]) + text[at + 1 :])

    def _broken(self) -> Iterator[PaymentCallback]:
        """The callback cut off at each place, empty, twice, and with odd bytes in it."""
        text = self.callback.body.decode() or self.callback.query
        for at in range(len(text)):
            yield self._with(text[:at])
        yield self._with(text + text)
        for odd in ("\x00", "\ufeff", "[" * 5000, '{"a":' * 5000, "9" * 5000, "%00", "%ff", "&&", "NaN"):
            yield self._with(odd)
            yield self._with(text + odd)
            yield self._with(odd + text)
        yield replace(self.callback, body=b"\xff\xfe\x00")

    def _with(self, text: str) -> PaymentCallback:
        if self.callback.body:
            return replace(self.callback, body=text.encode())
        return replace(self.callback, query=text)


def _next(letter: str) -> str:
    """Another character of the same kind: ``1`` for ``0``, ``b`` for ``a``, ``0`` for ``9``."""
    return {"9": "0", "z": "a", "Z": "A"}.get(letter) or chr(ord(letter) + 1)


def _shown(callback: PaymentCallback) -> str:
    return callback.body.decode("utf-8", "replace") or callback.query
