"""The game's calls, read and checked: from the bytes of a body to a typed request.

What a call needs must be right, and there once. What only informs (`INFORMS`) is kept as text whatever it is, and never
makes a call invalid. Nor does any other member, which need not even be readable, so that the game may grow. Whatever is
wrong comes out as a `WalletError` with `BAD_REQUEST` that names field, problem and remedy, and never repeats what was
sent: it may be a secret.

Money never passes through a binary float: jiter hands over every number as int or Decimal before pydantic sees it
(pydantic's own JSON reader would round `1234567890123456.78`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

import jiter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.money import Money
from gateway.wire.errors import ErrorCode, WalletError
from gateway.wire.fields import (
    REMEDIES,
    Currency,
    Description,
    ExactAmount,
    ReasonText,
    Token,
    TransferId,
    as_meant,
    as_written,
)
from gateway.wire.members import DuplicateMember, members_by_name

_SHOWN_PROBLEMS: Final = 3
_SHOWN_CHARACTERS: Final = 100
_QUOTED: Final = re.compile(r' ".*"', re.DOTALL)

INFORMS: Final[Mapping[str, Callable[[bytes], str]]] = {"txDescription": as_meant, "rollbackReason": as_written}
"""The members that only inform, and what is kept of one that no parser takes. Every other field is needed."""

_PROBLEMS: Final = {
    "missing": "is missing",
    "string_type": "is not a string",
    "string_pattern_mismatch": "has a wrong length or characters that are not allowed",
    "model_type": "is not an object",
}


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Amount(_Request):
    """``{"amount": 230.00, "currencyCode": "XAG"}``; a string that holds a number is taken as well."""

    amount: ExactAmount
    currency: Currency = Field(alias="currencyCode")


class SessionRequest(_Request):
    """The body of verifySession and getBalance."""

    token: Token


class HoldRequest(SessionRequest):
    """The body of withdraw and deposit. `description` is a bounded text whatever was sent, empty if nothing."""

    id: TransferId = Field(alias="mmTransactionId")
    held: Amount = Field(alias="amount")
    description: Description = Field(default="", alias="txDescription")

    @property
    def amount(self) -> Money:
        return Money(self.held.amount, self.held.currency)


class ConfirmRequest(SessionRequest):
    """The body of confirmWithdrawal and confirmDeposit."""

    id: TransferId = Field(alias="mmTransactionId")
    held: Amount = Field(alias="amount")

    @property
    def amount(self) -> Money:
        return Money(self.held.amount, self.held.currency)


class RollbackRequest(SessionRequest):
    """The body of rollbackWithdrawal and rollbackDeposit. `reason` is a text whatever was sent, None if nothing."""

    id: TransferId = Field(alias="mmTransactionId")
    reason: ReasonText = Field(default=None, alias="rollbackReason")


R = TypeVar("R", bound=_Request)


def read(model: type[R], body: bytes) -> R:
    """A request from its body. Raises `WalletError`."""
    try:
        content = _parsed(body)
    except ValueError as error:
        content = _member_by_member(body, _needed(model), error)
    return _checked(model, content)


def _parsed(body: bytes) -> Any:
    """Two members of one name are an error: the operator and we might read different ones."""
    return jiter.from_json(body, float_mode="decimal", allow_inf_nan=False, catch_duplicate_keys=True)


@cache
def _needed(model: type[_Request]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items()) - INFORMS.keys()


def _member_by_member(body: bytes, needed: frozenset[str], why: ValueError) -> dict[str, Any]:
    """What a body says that cannot be read as a whole (`why`), where that is not due to what is needed."""
    try:
        found = members_by_name(body, needed)
    except DuplicateMember as error:
        raise _bad(f"{error}; send it once.") from None
    except ValueError:
        raise _invalid(why) from None
    informs = {name: _if_readable(found[name][-1], INFORMS[name]) for name in INFORMS.keys() & found.keys()}
    try:
        return informs | {name: _parsed(found[name][0]) for name in needed & found.keys()}
    except ValueError as error:
        raise _invalid(error) from None


def _if_readable(raw: bytes, kept: Callable[[bytes], str]) -> Any:
    try:
        return _parsed(raw)
    except ValueError:
        return kept(raw)


def _checked(model: type[R], content: Any) -> R:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _bad(_explained(error)) from None


def _explained(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_input=False)
    text = " ".join(_problem(problem["loc"], problem["type"], problem["msg"]) for problem in problems[:_SHOWN_PROBLEMS])
    more = len(problems) - _SHOWN_PROBLEMS
    return f"{text} ({more} more.)" if more > 0 else text


def _problem(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    field = ".".join(map(str, loc))
    if not field:
        return "The body is not an object; send one JSON object."
    return f"{field} {_PROBLEMS.get(kind, message)}; {REMEDIES[field]}."


def _invalid(error: ValueError) -> WalletError:
    """The parser quotes a name that comes twice; a name too may be a secret that went astray."""
    why = _QUOTED.sub("", str(error))
    return _bad(f"The body is no valid JSON: {why[:_SHOWN_CHARACTERS]}; send one JSON object in UTF-8.")


def _bad(text: str) -> WalletError:
    return WalletError(ErrorCode.BAD_REQUEST, text)
