"""Reads calls, of the game and of operators: from the bytes of a body to a typed, checked request.

Needed fields must be valid and unique. Fields that only inform (`INFORMS`) are kept as text and never make a call
invalid. Any other field is ignored, even if it cannot be read, so that the game may add fields; of a launch it is
refused, since all of its fields may be left out and a slip would go unnoticed (`read_strictly`). An invalid body raises
`WalletError` (`BAD_REQUEST`) with field, problem and remedy. It never repeats a value, which may be a secret.

Money never passes through a binary float: jiter returns every number as int or Decimal before pydantic sees it.
pydantic's own JSON reader would round `1234567890123456.78` (docs/decisions/052-reading-and-writing-json.md).
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
    OptionalFlag,
    OptionalText,
    OptionalToken,
    ReasonText,
    Token,
    TransferId,
    as_meant,
    as_written,
)
from gateway.wire.members import DuplicateMember, members_by_name, named_by_mark

_SHOWN_PROBLEMS: Final = 3
_SHOWN_CHARACTERS: Final = 100
_QUOTED: Final = re.compile(r' ".*"', re.DOTALL)

INFORMS: Final[Mapping[str, Callable[[bytes], str]]] = {"txDescription": as_meant, "rollbackReason": as_written}
"""The fields that only inform, and how one that no parser reads is kept. Every other field of a request is needed."""

_PROBLEMS: Final = {
    "missing": "is missing",
    "string_type": "is not a string",
    "string_pattern_mismatch": "has a wrong length or characters that are not allowed",
    "string_too_long": "is too long",
    "bool_type": "is neither true nor false",
    "model_type": "is not an object",
}


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Amount(_Request):
    """``{"amount": 230.00, "currencyCode": "XAG"}``; the amount may also be a string that contains a number."""

    amount: ExactAmount
    currency: Currency = Field(alias="currencyCode")


class SessionRequest(_Request):
    """The body of verifySession and getBalance."""

    token: Token


class HoldRequest(SessionRequest):
    """The body of withdraw and deposit. `description` is always a short text, empty if none was sent."""

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
    """The body of rollbackWithdrawal and rollbackDeposit. `reason` is always a text, None if none was sent."""

    id: TransferId = Field(alias="mmTransactionId")
    reason: ReasonText = Field(default=None, alias="rollbackReason")


class LaunchRequest(_Request):
    """The body of an operator's launch. What is sent as null or as an empty text counts as left out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token: OptionalToken = Field(default=None, repr=False)
    language: OptionalText = None
    currency: OptionalText = None
    platform: OptionalText = None
    demo: OptionalFlag = None
    lobby_url: OptionalText = Field(default=None, alias="lobbyUrl")


class QueryRequest(_Request):
    """The body of queryWithdrawal and queryDeposit, which operators send."""

    id: TransferId = Field(alias="mmTransactionId")


R = TypeVar("R", bound=_Request)


def read(model: type[R], body: bytes) -> R:
    """Reads a request of this model from a body. Raises `WalletError` (`BAD_REQUEST`)."""
    try:
        content = _parse(body)
    except ValueError as error:
        content = _parse_by_member(body, _needed_fields(model), error)
    return _validate(model, content)


def read_strictly(model: type[R], body: bytes) -> R:
    """As `read`, for a model that allows no other fields: the whole body must be valid."""
    try:
        content = _parse(body)
    except ValueError as error:
        raise invalid_json(_marked(body) or error) from None
    return _validate(model, content)


def _parse(body: bytes) -> Any:
    # RFC 8259 section 4: with two members of one name, readers differ in which one counts. The operator might read
    # another amount than we do: test_what_is_needed_twice_is_refused_since_others_might_read_the_other_one.
    return jiter.from_json(body, float_mode="decimal", allow_inf_nan=False, catch_duplicate_keys=True)


@cache
def _needed_fields(model: type[_Request]) -> frozenset[str]:
    return frozenset(_fields(model)) - INFORMS.keys()


def _fields(model: type[_Request]) -> list[str]:
    """The fields' names as they are sent."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _parse_by_member(body: bytes, needed: frozenset[str], why: ValueError) -> dict[str, Any]:
    """Reads each field by itself, where the body as a whole cannot be read (`why`). Raises if a needed field is why."""
    try:
        values = members_by_name(body, needed)
    except DuplicateMember as error:
        raise _bad_request(f"{error}; send it once.") from None
    except ValueError:
        raise invalid_json(_marked(body) or why) from None
    # The last one counts, as in a body that a parser reads: test_a_reason_given_twice_is_kept_as_it_was_given_last.
    informs = {name: _parse_or_keep(values[name][-1], INFORMS[name]) for name in INFORMS.keys() & values.keys()}
    try:
        return informs | {name: _parse(values[name][0]) for name in needed & values.keys()}
    except ValueError as error:
        raise invalid_json(error) from None


def _parse_or_keep(raw: bytes, keep: Callable[[bytes], str]) -> Any:
    try:
        return _parse(raw)
    except ValueError:
        return keep(raw)


def _validate(model: type[R], content: Any) -> R:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise _bad_request(_explain(error, model)) from None


def _explain(error: ValidationError, model: type[_Request]) -> str:
    problems = error.errors(include_url=False, include_input=False)
    # The name of a field that is not known is not shown: a secret may have got into it by mistake.
    if any(problem["type"] == "extra_forbidden" for problem in problems):
        return f"The body has a field that is not known; send only {', '.join(_fields(model))}."
    text = " ".join(
        _describe(problem["loc"], problem["type"], problem["msg"]) for problem in problems[:_SHOWN_PROBLEMS]
    )
    more = len(problems) - _SHOWN_PROBLEMS
    return f"{text} ({more} more.)" if more > 0 else text


def _describe(loc: tuple[int | str, ...], kind: str, message: str) -> str:
    field = ".".join(map(str, loc))
    if not field:
        return "The body is not an object; send one JSON object."
    return f"{field} {_PROBLEMS.get(kind, message)}; {REMEDIES[field]}."


def invalid_json(error: ValueError) -> WalletError:
    """What is told of a body that is not JSON."""
    # The parser quotes a name that is there twice, and a secret may have got into a name by mistake.
    why = _QUOTED.sub("", str(error))
    return _bad_request(f"The body is not valid JSON: {why[:_SHOWN_CHARACTERS]}; send one JSON object in UTF-8.")


def _marked(body: bytes) -> ValueError | None:
    encoding = named_by_mark(body)
    return None if encoding is None else ValueError(f"it begins with a byte order mark ({encoding})")


def _bad_request(text: str) -> WalletError:
    return WalletError(ErrorCode.BAD_REQUEST, text)
