"""The game's own wallet format, as an operator answers it. Money is read digit for digit.

Source: wallet contract, "Transport" (the error body), "Money" and "Calls".
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.money import Money
from gateway.operators import HttpResponse, excerpt_of
from gateway.toolbox import answer_members, from_decimal

ERROR_CODE: Final = "errorCode"
"""The member that makes an answer an error, unless it is null."""

FAILURE_SIGNS: Final = frozenset({ERROR_CODE, "success", "error", "errors"})
"""Members that may say that it failed: one that comes twice or cannot be read makes the answer unclear, and no yes."""

TRANSFER_MEMBERS: Final = FAILURE_SIGNS | {"mmTransactionId"}
SESSION_MEMBERS: Final = FAILURE_SIGNS | {"playerId", "token"}
BALANCE_MEMBERS: Final = FAILURE_SIGNS
"""The members that say what happened, and to whom, in the answer to each kind of call; all others only inform."""

_KNOWN_MEMBERS: Final = frozenset({ERROR_CODE, "mmTransactionId", "playerId", "token", "balance"})

_FAILURE_MEMBERS: Final = frozenset({"error", "errors", "errorcode", "errordescription", "errormessage"})
"""Other names, in lower case, under which operators report a failure."""

_MAX_CODE_DIGITS: Final = 18
_CODE_TEXT: Final = re.compile(rf"-?[0-9]{{1,{_MAX_CODE_DIGITS}}}", re.ASCII)


class ErrorBody(msgspec.Struct, frozen=True):
    """An error body: ``{"errorCode": 100, "errorDescription": "Other error"}``.

    `code` is None if `errorCode` is neither a number nor a text that holds one. `has_name` is whether it is a text,
    such as ``"NO_FUNDS"``. `text` is both members in one line, for the journal and the log. `about` is the
    mmTransactionId that the error names, None if it names none.
    """

    code: int | None
    has_name: bool
    text: str
    about: str | None = None


def read(response: HttpResponse, needed: frozenset[str] = TRANSFER_MEMBERS) -> dict[str, Any]:
    """The members of the answer in this response; an errorCode of null is left out. Raises `Unclear`, with an excerpt
    of what came, unless those in `needed` can be read."""
    answer = answer_members(response, needed)
    if answer.get(ERROR_CODE, ERROR_CODE) is None:
        del answer[ERROR_CODE]
    return answer


def error_body_of(answer: dict[str, Any]) -> ErrorBody:
    """The error of an answer that has the member `ERROR_CODE`."""
    code, description = answer[ERROR_CODE], answer.get("errorDescription")
    words = description if isinstance(description, str) else _as_json(description)
    shown = excerpt_of(words.encode("utf-8", "replace"))
    name = excerpt_of(msgspec.json.encode(code).strip(b'"'))
    text = f"error {name}: {shown}" if shown else f"error {name}"
    return ErrorBody(_code_number(code), isinstance(code, str), text, text_of(answer, "mmTransactionId"))


def reports_failure(answer: dict[str, Any]) -> bool:
    """Whether an answer without an errorCode reports a failure in another way, such as ``success: false``."""
    if answer.keys() <= _KNOWN_MEMBERS:
        return False
    return answer.get("success", True) is not True or any(
        value and name.casefold() in _FAILURE_MEMBERS for name, value in answer.items()
    )


def balance_of(answer: dict[str, Any]) -> Money | None:
    """The balance as the operator wrote it, None if it cannot be read: it only informs.

    The amount may be a number or a text that holds one, and have any number of digits.
    """
    balance = answer.get("balance")
    if not isinstance(balance, dict):
        return None
    amount, currency = balance.get("amount"), balance.get("currencyCode")
    return from_decimal(amount, currency.strip()) if isinstance(currency, str) else None


def text_of(answer: dict[str, Any], name: str) -> str | None:
    """A member that only informs; None if it is not a text."""
    value = answer.get(name)
    return value if isinstance(value, str) else None


def state_text(value: Any) -> str:
    """The text of a state, which an operator may also write as a whole number; empty for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _code_number(code: Any) -> int | None:
    if isinstance(code, str):
        return int(code) if _CODE_TEXT.fullmatch(code.strip()) else None
    if (
        isinstance(code, Decimal)
        and code.is_finite()
        and code.adjusted() < _MAX_CODE_DIGITS
        and code == code.to_integral_value()
    ):
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _as_json(value: Any) -> str:
    return "" if value is None else msgspec.json.encode(value).decode()
