"""The page for authors of payment formats: its example works, its settings are valid, its tables are the models'."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest
import yaml

from adapters.quantum.payments import QuantumPayments
from gateway.payments import PaymentCallback, PaymentFormat, PaymentOutcome
from gateway.payments.registry import build_format, formats, validate
from gateway.settings import PaymentSettings
from gateway.testing.payments import PaymentConformance
from tests.support.operator_pages import FORMATS, filled, payment_settings

PAGE = FORMATS.read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python file=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
PAYMENTS = re.findall(r"^```yaml payment\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SETTINGS = re.findall(r"^```yaml settings=(\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
(PRINTED,) = re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TESTS = [name for name in vars(PaymentConformance) if name.startswith("test_")]


def with_secrets(text: str) -> str:
    return re.sub(r"\$\{[A-Z_]+\}", "a-secret", text)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> PaymentConformance:
    """The tests that the page shows, of the format that it shows."""
    for name in ("acme_payments", "test_acme_payments"):
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(FILES[f"{name}.py"], f"{name}.py", "exec"), vars(module))
    kind: type[PaymentConformance] = vars(sys.modules["test_acme_payments"])["TestAcmePayments"]
    return kind()


@pytest.mark.parametrize("test", TESTS)
def test_the_example_passes_the_tests_of_every_format(example: PaymentConformance, test: str) -> None:
    getattr(example, test)()
    assert issubclass(example.payment_format, PaymentFormat)


@pytest.mark.parametrize("text", PAYMENTS)
def test_the_settings_are_valid_as_printed(text: str) -> None:
    payment = PaymentSettings.model_validate(yaml.safe_load(with_secrets(text))["payment"])
    assert build_format(payment.format, payment.settings).settings == validate(payment.format, payment.settings)


@pytest.mark.parametrize("name, text", SETTINGS)
def test_the_settings_of_a_format_are_valid_as_printed(name: str, text: str) -> None:
    assert validate(name, yaml.safe_load(with_secrets(text))).model_dump()


def test_every_format_has_its_settings_printed_and_listed() -> None:
    assert {yaml.safe_load(with_secrets(text))["payment"]["format"] for text in PAYMENTS} == set(formats())
    for name in formats():
        assert filled(PAGE, f"settings {name}", payment_settings(name)) == PAGE


def test_the_printed_callback_verifies() -> None:
    form = build_format("quantum", {"secrets": ["MKiLHWZvGPTq2258"]})
    assert form.read(PaymentCallback(method="POST", body=PRINTED.encode()), 1682319749.0).player_id == "test"


def test_the_table_of_answers_is_what_is_answered() -> None:
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (\d{3})[^|]*\|$", PAGE, re.MULTILINE)
    printed = {name: int(status) for names, status in rows for name in re.findall(r"\w+", names)}
    form = build_format("quantum", {"secrets": ["s"]})
    assert isinstance(form, QuantumPayments)
    assert printed == {outcome.value: form.answer(outcome, None, "").status for outcome in PaymentOutcome}
