"""What may stand in each field of the game's calls: shapes, limits, and what to send instead.

The limits keep what an operator, a journal or a log would stumble over (control characters, NUL, endless texts) out
of the gateway.
"""

from __future__ import annotations

import json
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
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HALF: Final = re.compile(r"[\ud800-\udfff]")
"""Half of a surrogate pair, as is left of an emoji that was cut in two: nothing can write it."""

_as_json: Final = msgspec.json.Encoder(decimal_format="number")

REMEDIES: Final = {
    "token": f"send the session's token, a string of 1 to {TOKEN_LIMIT} characters without control characters",
    "mmTransactionId": f"send a string of 1 to {ID_LIMIT} visible ASCII characters",
    "amount": 'send an object such as {"amount": 230.5, "currencyCode": "XAG"}',
    "amount.amount": f"send a decimal number greater than 0 with at most {INTEGER_DIGITS} digits before "
    f"and {FRACTION_DIGITS} after the point",
    "amount.currencyCode": f"send a string of 1 to {CURRENCY_LIMIT} visible ASCII characters",
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


def informing_text(value: Any) -> str | None:
    """What only informs as text, whatever the game sent: JSON if it is not a string, None if there is none."""
    if value is None or isinstance(value, str):
        return value
    return _as_json.encode(value).decode()


def as_written(raw: bytes) -> str:
    """A value that no parser takes, quotes and escapes included: evidence, from which nothing may be lost."""
    return raw.decode("utf-8", "replace")


def as_meant(raw: bytes) -> str:
    """A value that no parser takes: of a string what can be shown, ``�`` for the rest; anything else as written."""
    written = as_written(raw)
    try:
        meant = json.loads(written, strict=False)
    except (ValueError, RecursionError):
        return written
    return _HALF.sub("\ufffd", meant) if isinstance(meant, str) else written


def shown_description(value: object) -> str:
    """A description fit to be passed on: one line, and no longer than `DESCRIPTION_LIMIT`."""
    clean = _CONTROL.sub(" ", informing_text(value) or "")
    return clean if len(clean) <= DESCRIPTION_LIMIT else clean[: DESCRIPTION_LIMIT - 1] + "…"


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
    BeforeValidator(shown_description),
    WithJsonSchema(
        {"description": "Anything: it only informs, so it is cut and cleaned, never refused.", "examples": ["A sword"]}
    ),
]
ReasonText = Annotated[
    str | None,
    BeforeValidator(informing_text),
    WithJsonSchema({"description": "Anything: it is kept, never refused.", "examples": ["Withdraw request failed."]}),
]
