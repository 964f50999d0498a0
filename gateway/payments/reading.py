"""Reading a callback's values for formats. What is not right raises `Malformed`: what is wrong, where, and what would
be right. No text repeats a value.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import jiter

from gateway.money import FRACTION_DIGITS, INTEGER_DIGITS, MoneyError, canonical
from gateway.payments.errors import Malformed
from gateway.wire.fields import ID_LIMIT
from gateway.wire.members import DuplicateMember, members_by_name, named_by_mark, require_few_marks

DIGITS_LIMIT: Final = 64
"""Characters of a number: more than any price needs."""

TEXT_LIMIT: Final = 255
"""Characters of a player's or a product's id."""

LARGEST_WHOLE: Final = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 8259, section 6)."""

MILLISECONDS_FROM: Final = 10**11
"""From this number on a time is in milliseconds: in seconds it would be the year 5138, in milliseconds it is 1973."""

_NULL: Final = b"null"
_PARAMETERS: Final = 64
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_VISIBLE: Final = re.compile(r"[!-~]+", re.ASCII)


class Number(NamedTuple):
    """A number, and its digits as they stood in the callback: signatures cover these."""

    value: Decimal
    digits: str


def json_members(body: bytes, needed: Collection[str]) -> Mapping[str, bytes]:
    """The members of a JSON object, each value as it was written. Those in `needed` are there once; of any other the
    last one counts, and nobody reads it. Raises `Malformed`."""
    if (encoding := named_by_mark(body)) is not None:
        raise Malformed(f"The body begins with a byte order mark ({encoding}); send JSON in UTF-8 without one.")
    try:
        require_few_marks(body)
        found = members_by_name(body, needed)
    except DuplicateMember as error:
        raise Malformed(f"{error.name} is there twice; send it once.") from None
    except ValueError:
        raise Malformed("The body is not a JSON object; send one in UTF-8.") from None
    return {name: values[-1] for name, values in found.items()}


def query_parameters(query: str) -> Mapping[str, str]:
    """The parameters of a query, decoded as those of a form (a plus is a space). Raises `Malformed`, also for a name
    that is there twice: two readers could take different ones."""
    try:
        query.encode("ascii")  # a URL has no other characters (RFC 3986, section 2)
        pairs = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_PARAMETERS
        )
    except ValueError:
        text = f"The query cannot be read; send up to {_PARAMETERS} parameters as name=value, joined by &, in UTF-8."
        raise Malformed(text) from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("A parameter is there twice; send each once.")
    return found


def json_text(members: Mapping[str, bytes], name: str) -> str | None:
    """The text of this member; None if it is missing or null. Raises `Malformed`."""
    raw = members.get(name, _NULL)
    if raw == _NULL:
        return None
    if not raw.startswith(b'"'):
        raise Malformed(f"{name} is not a string; send it in quotes.")
    try:
        value: str = jiter.from_json(raw)
    except ValueError:
        raise Malformed(f"{name} cannot be read; send a JSON string in UTF-8.") from None
    return value


def json_number(members: Mapping[str, bytes], name: str) -> Number:
    """The number of this member. Raises `Malformed`."""
    if name not in members:
        raise Malformed(f"{name} is missing; send a number.")
    return as_number(members[name].decode("ascii", "replace"), name)


def as_number(digits: str, name: str) -> Number:
    """The number that these digits are: as JSON writes one, in up to `DIGITS_LIMIT` characters. Raises `Malformed`."""
    if len(digits) > DIGITS_LIMIT or not _NUMBER.fullmatch(digits):
        raise Malformed(f"{name} is not a number; send digits such as 4.99, up to {DIGITS_LIMIT} characters.")
    try:
        return Number(canonical(digits), digits)
    except MoneyError:
        raise Malformed(
            f"{name} is out of range; send a number with at most {INTEGER_DIGITS} digits before and "
            f"{FRACTION_DIGITS} after the point."
        ) from None


def as_price(found: Number, name: str) -> Number:
    """The number, which must be more than 0. Raises `Malformed`."""
    if found.value <= 0:
        raise Malformed(f"{name} is not greater than 0; send what was paid.")
    return found


def as_whole(found: Number, name: str) -> int:
    """The number as a whole one from 0 to `LARGEST_WHOLE`, however it is written. Raises `Malformed`."""
    if found.value != found.value.to_integral_value() or not 0 <= found.value <= LARGEST_WHOLE:
        raise Malformed(f"{name} is not a whole number from 0 to {LARGEST_WHOLE}; send one.")
    return int(found.value)


def as_milliseconds(found: Number, name: str) -> int:
    """A time in Unix milliseconds. A number below `MILLISECONDS_FROM` is one in seconds. Raises `Malformed`."""
    value = as_whole(found, name)
    return value if value >= MILLISECONDS_FROM else value * 1000


def as_order_id(value: str | None, name: str) -> str:
    """The id of an order, of the same form as a transfer's. Raises `Malformed`."""
    if value is None or len(value) > ID_LIMIT or not _VISIBLE.fullmatch(value):
        raise Malformed(f"{name} is not an order's id; send a string of 1 to {ID_LIMIT} visible ASCII characters.")
    return value


def as_text(value: str | None, name: str, limit: int = TEXT_LIMIT, least: int = 1) -> str:
    """A text of up to `limit` characters without control characters; one that is missing counts as empty.
    Raises `Malformed`."""
    found = value or ""
    if not least <= len(found) <= limit or _CONTROL.search(found):
        raise Malformed(
            f"{name} is missing, too long, or has control characters; send a string of {least} to {limit} characters "
            "without control characters."
        )
    return found
