"""The game's own wallet format, as an operator answers it. Money is read and written digit for digit."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

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


read_moved: Final = msgspec.json.Decoder(Moved, float_hook=Decimal).decode
read_balance: Final = msgspec.json.Decoder(Balance, float_hook=Decimal).decode
read_verified: Final = msgspec.json.Decoder(Verified, float_hook=Decimal).decode
read_problem: Final = msgspec.json.Decoder(Problem).decode
write: Final = msgspec.json.Encoder().encode


def wire_money(value: Money) -> Mapping[str, Any]:
    """Money as it is sent: without exponent."""
    return {"amount": msgspec.Raw(f"{value.amount:f}".encode()), "currencyCode": value.currency}
