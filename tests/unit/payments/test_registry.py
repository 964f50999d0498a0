"""A payment format that is broken affects nothing but itself, and says what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from gateway.payments import (
    Payment,
    PaymentAnswer,
    PaymentCallback,
    PaymentFormat,
    PaymentFormatSettings,
    PaymentOutcome,
    registry,
)
from gateway.payments.registry import FormatUnavailable


class Works(PaymentFormat):
    interface = 1

    class Settings(PaymentFormatSettings):
        port: int

    def read(self, callback: PaymentCallback, now: float) -> Payment:
        raise AssertionError

    def answer(self, outcome: PaymentOutcome, payment: Payment | None, text: str) -> PaymentAnswer:
        raise AssertionError


class OddSettings(Works):
    Settings: ClassVar[Any] = dict


class Unfinished(PaymentFormat):
    interface = 1


class Undeclared(Works):
    interface: ClassVar[Any] = None


class Newer(Works):
    interface = 2


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = ModuleType("some_formats")
    vars(module).update({each.__name__: each for each in (Works, OddSettings, Unfinished, Undeclared, Newer)}, odd=dict)
    monkeypatch.setitem(sys.modules, "some_formats", module)
    places = {
        "works": "Works",
        "odd_settings": "OddSettings",
        "unfinished": "Unfinished",
        "undeclared": "Undeclared",
        "newer": "Newer",
        "odd": "odd",
        "gone": "Gone",
    }
    found = tuple(EntryPoint(name, f"some_formats:{place}", registry.GROUP) for name, place in places.items())
    monkeypatch.setattr(registry, "_entries", lambda: found)
    registry.payment_format.cache_clear()
    yield
    registry.payment_format.cache_clear()


def test_the_formats_that_ship_are_found_by_entry_point() -> None:
    assert registry.GROUP == "mm_gateway.payments"
    assert registry.names() == ["odnoklassniki", "quantum"]
    assert isinstance(registry.build_format("quantum", {"secrets": ["s"]}), PaymentFormat)


@pytest.mark.usefixtures("plugins")
def test_only_what_works_is_a_format() -> None:
    assert registry.formats() == {"works": Works}
    assert registry.problem("works") is None


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize(
    "name, says",
    [
        ("odd_settings", "has Settings that do not derive from gateway.payments.PaymentFormatSettings"),
        ("unfinished", "lacks answer, read"),
        ("undeclared", "does not say which interface it was written for; declare `interface = 1`"),
        ("newer", "install the release of the payment format that is made for it"),
        ("odd", "is not a PaymentFormat; derive it from gateway.payments.PaymentFormat"),
        ("gone", "payment format 'gone' .some_formats:Gone. does not load: AttributeError"),
        ("quantm", "there is no payment format 'quantm'; installed are: gone, newer, odd"),
    ],
)
def test_what_is_wrong_is_said(name: str, says: str) -> None:
    with pytest.raises(FormatUnavailable, match=says):
        registry.build_format(name, {})


@pytest.mark.usefixtures("plugins")
def test_settings_are_read_by_the_formats_own_model() -> None:
    assert registry.build_format("works", {"port": 7}).settings == Works.Settings(port=7)
    with pytest.raises(ValidationError):
        registry.validate("works", {"prot": 7})
