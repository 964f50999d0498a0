"""What may stand in each field of the game's calls: shapes, limits, and what to send instead.

The limits keep what an operator, a journal or a log would stumble over (control characters, NUL, endless texts) out
of the gateway.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.money import FRACTION_DIGITS, INTEGER_DIGITS, MoneyError, canonical

TOKEN_LIMIT: Final = 512
ID_LIMIT: Final = 128
CURRENCY_LIMIT: Final = 16
DESCRIPTION_LIMIT: Final = 1024

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_as_json: Final = msgspec.json.Encoder(decimal_format="number")

REMEDIES: Final = {
    "token": f"send the session's token, a string of 1 to {TOKEN_LIMIT} characters without control characters",
    "mmTransactionId": f"send a string of 1 to {ID_LIMIT} visible ASCII characters",
    "amount": 'send an object such as {"amount": 230.5, "currencyCode": "XAG"}',
    "amount.amount": f"send a decimal number greater than 0 with at most {INTEGER_DIGITS} digits before "
    f"and {FRACTION_DIGITS} after the point",
    "amount.currencyCode": f"send a string of 1 to {CURRENCY_LIMIT} visible ASCII characters",
    "txDescription": "send a string, or leave it out",
}
"""How to put right what is wrong with a field."""


def exact_amount(value: object) -> Decimal:
    """A positive amount in canonical form, from a JSON number or a string that holds one."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise PydanticCustomError("amount", "is not a number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise PydanticCustomError("amount", "is a string that holds no number")
    try:
        amount = canonical(value)
    except MoneyError as error:
        raise PydanticCustomError("amount", "is out of range: {why}", {"why": str(error)}) from None
    if amount <= 0:
        raise PydanticCustomError("amount", "is not greater than 0")
    return amount


def shown_description(value: object) -> object:
    """A description fit to be passed on: it only informs, so that a long one is cut and an odd one cleaned."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    clean = _CONTROL.sub(" ", value)
    return clean if len(clean) <= DESCRIPTION_LIMIT else clean[: DESCRIPTION_LIMIT - 1] + "…"


def reason_text(value: Any) -> str | None:
    """A rollback's reason as text, whatever the game sent: JSON if it was no string, None if there was none."""
    if value is None or isinstance(value, str):
        return value
    return _as_json.encode(value).decode()


Token = Annotated[
    str,
    StringConstraints(strict=True, pattern=rf"^[^\x00-\x1f\x7f]{{1,{TOKEN_LIMIT}}}$"),
    Field(examples=["0fabcdc4-fe07-44f2-b968-93da3b324898"]),
]
TransferId = Annotated[
    str, StringConstraints(strict=True, pattern=rf"^[!-~]{{1,{ID_LIMIT}}}$"), Field(examples=["1234abcd"])
]
Currency = Annotated[
    str, StringConstraints(strict=True, pattern=rf"^[!-~]{{1,{CURRENCY_LIMIT}}}$"), Field(examples=["XAG"])
]
ExactAmount = Annotated[
    Decimal,
    BeforeValidator(exact_amount),
    WithJsonSchema(
        {
            "description": f"More than 0; up to {INTEGER_DIGITS} digits before and {FRACTION_DIGITS} after the point.",
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10**INTEGER_DIGITS},
                {"type": "string", "pattern": r"^[0-9]{1,26}(\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?$"},
            ],
            "examples": [230.5],
        }
    ),
]
Description = Annotated[
    str,
    StringConstraints(strict=True),
    BeforeValidator(shown_description),
    WithJsonSchema(
        {
            "description": "It only informs: cut and cleaned, never refused.",
            "type": ["string", "null"],
            "examples": ["A sword"],
        }
    ),
]
ReasonText = Annotated[
    str | None,
    BeforeValidator(reason_text),
    WithJsonSchema({"description": "Anything: it is kept, never refused.", "examples": ["Withdraw request failed."]}),
]
