"""The interface of a payment format: the form in which an operator's payment system calls back. Version 1.

A format is pure. It has no state, no clock and no I/O: a callback and the time go in, a payment or an error comes out,
and for what that led to, the bytes of the answer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import msgspec
from pydantic import BaseModel, ConfigDict

from gateway.payments.errors import PaymentOutcome
from gateway.payments.record import Payment

INTERFACE_VERSION: Final = 1
"""The version of this interface. It grows when a format that was written for an older one would no longer work."""


class PaymentCallback(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request of an operator's payment system. `query` is what stands behind the question mark, as it came;
    header names are in lower case."""

    method: str
    query: str = ""
    headers: Mapping[str, str] = {}
    body: bytes = b""


class PaymentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The HTTP response to a callback. `headers` are those beside Content-Type and what concerns the connection."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


class PaymentFormatSettings(BaseModel):
    """The base of a format's own `settings:`; unknown names are errors, so that a typing slip is found."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PaymentFormat(ABC):
    """One form of callback. A subclass declares the version of the interface that it was written for
    (`interface = 1`), names its `Settings`, and implements both methods."""

    interface: ClassVar[int]
    """The `INTERFACE_VERSION` that the format was written for; it has to be declared."""

    Settings: ClassVar[type[PaymentFormatSettings]] = PaymentFormatSettings

    methods: ClassVar[tuple[str, ...]] = ("POST",)
    """The HTTP methods with which the operator calls."""

    def __init__(self, settings: Any) -> None:
        self.settings = settings

    @abstractmethod
    def read(self, callback: PaymentCallback, now: float) -> Payment:
        """The payment of a callback that came at `now` (Unix seconds).

        What is checked, in this order: the form, the signature, the time. Raises `Malformed`, `Forged` or `Stale`.
        Catalogue and journal are the gateway's to ask.
        """

    @abstractmethod
    def answer(self, outcome: PaymentOutcome, payment: Payment | None, text: str) -> PaymentAnswer:
        """The answer for what became of the callback, for every outcome. `payment` is None where there is none that can
        be relied on; `text` says what is wrong, and is empty where nothing is."""
