"""The game's own wallet format, as an operator answers it. Money is read and written digit for digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from gateway.money import Money, MoneyError, money


class WireMoney(msgspec.Struct, frozen=True):
    """``{"amount": 230.00, "currencyCode": "XAG"}``; the amount comes as an int or a Decimal, never a float."""

    amount: Any
    currencyCode: str  # noqa: N815 - the contract's name

    def money(self) -> Money:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int | Decimal) or not self.currencyCode:
            raise MoneyError("the balance is no amount of money")
        return money(self.amount, self.currencyCode)


class Moved(msgspec.Struct, frozen=True):
    """The answer to every call that moves money."""

    mmTransactionId: str  # noqa: N815 - the contract's name
    balance: WireMoney


class Balance(msgspec.Struct, frozen=True):
    """The answer to getBalance."""

    balance: WireMoney


class Verified(msgspec.Struct, frozen=True):
    """The answer to verifySession."""

    playerId: str  # noqa: N815 - the contract's name
    balance: WireMoney
    token: str | None = None
    nickname: str | None = None
    language: str | None = None
    country: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """The body of an HTTP 500."""

    errorCode: int  # noqa: N815 - the contract's name
    errorDescription: str = ""  # noqa: N815 - the contract's name


def wire_money(value: Money) -> dict[str, Any]:
    """Money as it is sent: every digit, no exponent."""
    return {"amount": msgspec.Raw(f"{value.amount:f}".encode()), "currencyCode": value.currency}
