"""The fields of the game's calls: their types, their limits, and what to send instead.

The limits keep out what would break at an operator, in a journal or in a log: control characters, NUL, endless texts.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec
from pydantic import BeforeValidator, Field, StrictBool, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.money import FRACTION_DIGITS, INTEGER_DIGITS, MoneyError, canonical
from gateway.reasons import TEXT_LIMIT as REASON_LIMIT

TOKEN_LIMIT: Final = 512
ID_LIMIT: Final = 128
CURRENCY_LIMIT: Final = 16
DESCRIPTION_LIMIT: Final = 1024
TEXT_LIMIT: Final = 2048
"""Characters of a text that has no shorter limit of its own: an address that browsers and servers still take."""

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_HALF_PAIR: Final = re.compile(r"[\ud800-\udfff]")
"""Half of a surrogate pair, as is left of an emoji that was cut in two: it cannot be encoded."""

_json_encoder: Final = msgspec.json.Encoder(decimal_format="number")

REMEDIES: Final = {
    "token": f"send the session's token, a string of 1 to {TOKEN_LIMIT} characters without control characters",
    "mmTransactionId": f"send a string of 1 to {ID_LIMIT} visible ASCII characters",
    "amount": 'send an object such as {"amount": 230.5, "currencyCode": "XAG"}',
    "amount.amount": f"send a decimal number greater than 0 with at most {INTEGER_DIGITS} digits before "
    f"and {FRACTION_DIGITS} after the point",
    "amount.currencyCode": f"send a string of 1 to {CURRENCY_LIMIT} visible ASCII characters",
    "language": "send a language tag such as en or pt-BR",
    "currency": "send a code such as EUR",
    "platform": "send a word such as desktop",
    "demo": "send true or false",
    "lobbyUrl": "send an address such as https://casino.example/lobby",
}
"""What to send instead, by field: the end of an error's text."""


def none_if_empty(value: object) -> object:
    """What may be left out may also be sent empty."""
    return None if value == "" else value


def exact_amount(value: object) -> Decimal:
    """Reads a positive amount from a JSON number, or a string that contains one, into canonical form."""
    # In Python a bool is an int; `true` is not an amount.
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise PydanticCustomError("amount", "is not a number")
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise PydanticCustomError("amount", "is a string that does not contain a number")
    try:
        amount = canonical(value)
    except MoneyError as error:
        raise PydanticCustomError("amount", "is out of range: {why}", {"why": str(error)}) from None
    if amount <= 0:
        raise PydanticCustomError("amount", "is not greater than 0")
    return amount


def informing_text(value: Any) -> str | None:
    """The text of a field that only informs: a string as it is, any other value as JSON. None stays None."""
    if value is None or isinstance(value, str):
        return value
    return _json_encoder.encode(value).decode()


def as_written(raw: bytes) -> str:
    """The text of a value that no parser reads, with its quotes and escapes: it is evidence, so nothing is changed."""
    return raw.decode("utf-8", "replace")


def as_meant(raw: bytes) -> str:
    """The text of a value that no parser reads, for people: a string with ``�`` for half a pair, else as written."""
    written = as_written(raw)
    try:
        # The standard library's parser, since it accepts half a surrogate pair.
        decoded = json.loads(written, strict=False)
    except (ValueError, RecursionError):
        return written
    return _HALF_PAIR.sub("\ufffd", decoded) if isinstance(decoded, str) else written


def clean_description(value: object) -> str:
    """A description that is safe to forward: one line of at most `DESCRIPTION_LIMIT` characters. It never fails."""
    clean = _CONTROL.sub(" ", informing_text(value) or "")
    return clean if len(clean) <= DESCRIPTION_LIMIT else clean[: DESCRIPTION_LIMIT - 1] + "…"


Token = Annotated[
    str,
    StringConstraints(strict=True, pattern=rf"^[^\x00-\x1f\x7f]{{1,{TOKEN_LIMIT}}}$"),
    Field(examples=["0fabcdc4-fe07-44f2-b968-93da3b324898"]),
]
OptionalToken = Annotated[Token | None, BeforeValidator(none_if_empty)]
OptionalText = Annotated[
    Annotated[str, StringConstraints(strict=True, max_length=TEXT_LIMIT)] | None, BeforeValidator(none_if_empty)
]
OptionalFlag = Annotated[StrictBool | None, BeforeValidator(none_if_empty)]
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
    BeforeValidator(clean_description),
    WithJsonSchema(
        {"description": "Any value: it only informs, so it is cut and cleaned, never refused.", "examples": ["A sword"]}
    ),
]
ReasonText = Annotated[
    str | None,
    BeforeValidator(informing_text),
    WithJsonSchema(
        {
            "description": f"Any value, never refused: its first {REASON_LIMIT} characters are kept.",
            "examples": ["Withdraw request failed."],
        }
    ),
]
