"""The payment formats that are installed, found by entry point. A broken one affects nothing but itself."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from gateway.payments.format import INTERFACE_VERSION, PaymentFormat, PaymentFormatSettings
from gateway.plugins import PluginKind, PluginUnavailable, names_of

GROUP: Final = "mm_gateway.payments"


class FormatUnavailable(PluginUnavailable):
    """No payment format of that name can be used; the text says why, and which there are."""


def names() -> list[str]:
    """The names under which formats are installed, broken ones included."""
    return names_of(_entries())


def formats() -> dict[str, type[PaymentFormat]]:
    """Every format that works, by name."""
    return {name: payment_format(name) for name in names() if problem(name) is None}


def problem(name: str) -> str | None:
    """Why the format of that name cannot be used, None if it can."""
    try:
        payment_format(name)
    except FormatUnavailable as error:
        return str(error)
    return None


@cache
def payment_format(name: str) -> type[PaymentFormat]:
    """The format of that name, loaded when first asked for. Raises `FormatUnavailable`."""
    found: type[PaymentFormat] = _KIND.load(name, _entries())
    return found


def validate(name: str, settings: Mapping[str, Any]) -> PaymentFormatSettings:
    """An operator's `payment.settings` as its format reads them. Raises `FormatUnavailable`, or pydantic's
    `ValidationError` with places relative to `settings`."""
    return payment_format(name).Settings.model_validate(dict(settings))


def build_format(name: str, settings: Mapping[str, Any]) -> PaymentFormat:
    """A format with its settings, ready to read. Raises as `validate` does."""
    return payment_format(name)(validate(name, settings))


def _entries() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


_KIND: Final = PluginKind(
    word="payment format",
    base=PaymentFormat,
    settings=PaymentFormatSettings,
    package="gateway.payments",
    version=INTERFACE_VERSION,
    unavailable=FormatUnavailable,
)
