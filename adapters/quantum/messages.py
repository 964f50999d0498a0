"""The game's own wallet format, as an operator answers it. Money is read and written digit for digit."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from gateway.money import Money, MoneyError, money, unchecked_money
from gateway.operators import HttpResponse, Unclear, decode_members, excerpt_of

ERROR: Final = "errorCode"
"""The member that makes an answer an error, whatever it holds but null."""

MOVED: Final = frozenset({"mmTransactionId", ERROR})
VERIFIED: Final = frozenset({"playerId", "token", ERROR})
BALANCE: Final = frozenset({ERROR})
"""The members that say what happened, and about whom, in the answer to each kind of call; all others only inform."""

_CONTRACT: Final = MOVED | VERIFIED | {"balance"}

_FAILURES: Final = frozenset({"error", "errors", "errorcode", "errordescription", "errormessage"})
"""Other names, in small letters, under which an answer tells of a failure."""

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_DIGITS: Final = 18
_CODE: Final = re.compile(rf"-?[0-9]{{1,{_DIGITS}}}", re.ASCII)


class WireMoney(msgspec.Struct, frozen=True):
    """``{"amount": 230.00, "currencyCode": "XAG"}``; the amount comes as an int or a Decimal, never a float."""

    amount: Any
    currencyCode: str  # noqa: N815 - the contract's name

    def money(self) -> Money:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int | Decimal) or not self.currencyCode:
            raise MoneyError("the balance is no amount of money")
        return money(self.amount, self.currencyCode)


class Problem(msgspec.Struct, frozen=True):
    """An error body: ``{"errorCode": 100, "errorDescription": "Other error"}``.

    `code` is None where `errorCode` is not one of the contract's numbers, nor a text that holds one. `named` tells
    whether it is at least a text, such as ``"NO_FUNDS"``. `about` is the mmTransactionId that it names, if it does.
    """

    code: int | None
    named: bool
    text: str
    about: str | None = None


def read(answer: HttpResponse, needed: frozenset[str] = MOVED) -> dict[str, Any]:
    """The members of an answer; an errorCode of null is none. Raises `Unclear`, with an excerpt of what came."""
    try:
        said = decode_members(answer.body, needed)
        if said.get(ERROR, ERROR) is None:
            del said[ERROR]
        return said
    except Unclear as error:
        raise Unclear(f"{error.text}: {excerpt_of(answer.body)}" if answer.body else "the answer is empty") from None


def problem_of(said: dict[str, Any]) -> Problem:
    """The error that an answer tells in its member `ERROR`."""
    code, description = said[ERROR], said.get("errorDescription")
    words = description if isinstance(description, str) else _as_json(description)
    shown = excerpt_of(words.encode("utf-8", "replace"))
    name = excerpt_of(msgspec.json.encode(code).strip(b'"'))
    text = f"error {name}: {shown}" if shown else f"error {name}"
    return Problem(_number_of(code), isinstance(code, str), text, text_of(said, "mmTransactionId"))


def tells_of_failure(said: dict[str, Any]) -> bool:
    """Whether an answer without an errorCode says in another way that it is not a yes."""
    if said.keys() <= _CONTRACT:
        return False
    return said.get("success") is False or any(value and name.casefold() in _FAILURES for name, value in said.items())


def balance_of(said: dict[str, Any]) -> Money | None:
    """The balance as the operator said it, None where it cannot be read: it only informs.

    The amount may be a number or a text that holds one, and have any number of digits.
    """
    balance = said.get("balance")
    if not isinstance(balance, dict):
        return None
    amount, currency = balance.get("amount"), balance.get("currencyCode")
    if isinstance(amount, str):
        amount = _decimal(amount.strip())
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal) or not isinstance(currency, str):
        return None
    currency = currency.strip()
    return unchecked_money(amount, currency) if currency else None


def text_of(said: dict[str, Any], name: str) -> str | None:
    """A member that only informs; what is not a text is left out."""
    value = said.get(name)
    return value if isinstance(value, str) else None


def wire_money(value: Money) -> dict[str, Any]:
    """Money as it is sent: every digit, no exponent."""
    return {"amount": msgspec.Raw(f"{value.amount:f}".encode()), "currencyCode": value.currency}


def _decimal(text: str) -> Decimal | None:
    try:
        return Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:  # an exponent of more digits than there are
        return None


def _number_of(code: Any) -> int | None:
    if isinstance(code, str):
        return int(code) if _CODE.fullmatch(code.strip()) else None
    if (
        isinstance(code, Decimal)
        and code.is_finite()
        and code.adjusted() < _DIGITS
        and code == code.to_integral_value()
    ):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _as_json(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
