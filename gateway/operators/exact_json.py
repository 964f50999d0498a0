"""JSON without binary floats, both ways: what adapters read answers and write requests with."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

import jiter
import msgspec

from gateway.operators.errors import Unclear
from gateway.wire.members import DuplicateMember, members_by_name, named_by_mark, require_few_marks

_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Any:
    """Numbers with a fraction or exponent come out as `Decimal`, whole ones as `int`.

    Raises `Unclear` for what is not JSON, for NaN and infinities, and for an object with the same key twice.
    """
    try:
        return _parse(body)
    except ValueError:
        raise _unreadable(body) from None


def decode_members(body: bytes, needed: Collection[str]) -> dict[str, Any]:
    """The members of a JSON object. Those in `needed` say what happened, all others only inform.

    A member that only informs and cannot be read, or comes twice, does not spoil the answer: it comes out as ``{}`` if
    it is an object, else as None. Raises `Unclear` for what is not an object, and for a needed member of that kind.
    """
    try:
        found = _parse(body)
    except ValueError:
        found = _read_members(body, needed)
    if not isinstance(found, dict):
        raise Unclear("the operator's answer is not a JSON object")
    return found


def _read_members(body: bytes, needed: Collection[str]) -> dict[str, Any]:
    try:
        require_few_marks(body)
        found = members_by_name(body.removeprefix(_BYTE_ORDER_MARK), needed)
        return {
            name: _parse(values[0]) if name in needed else _parse_or_none(values[-1], once=len(values) == 1)
            for name, values in found.items()
        }
    except DuplicateMember as error:
        raise Unclear(f"the operator's answer gives {error.name} twice") from None
    except ValueError:
        raise _unreadable(body) from None


def _unreadable(body: bytes) -> Unclear:
    encoding = named_by_mark(body.removeprefix(_BYTE_ORDER_MARK))
    if encoding is None:
        return Unclear("the operator's answer is not JSON that can be read in one way")
    return Unclear(f"the operator's answer begins with a byte order mark of {encoding}; JSON is UTF-8, without a mark")


def _parse_or_none(raw: bytes, *, once: bool) -> Any:
    try:
        if once:
            return _parse(raw)
    except ValueError:
        pass
    return {} if raw.startswith(b"{") else None


_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""Some servers write it before UTF-8 (RFC 8259, 8.1 lets a reader ignore it)."""


def _parse(body: bytes) -> Any:
    body = body.removeprefix(_BYTE_ORDER_MARK)
    return jiter.from_json(body, float_mode="decimal", allow_inf_nan=False, catch_duplicate_keys=True)


def encode(value: Any) -> bytes:
    """JSON in UTF-8, without spaces; a `Decimal` becomes a number, digit for digit and never with an exponent.

    Raises `ValueError` for a `Decimal` that is not finite, or whose plain digits would be longer than
    `MAX_PLAIN_DIGITS`.
    """
    written = _encoder.encode(value)
    # Small and large decimals come out as 1E-7 and 1E+2, which a reader of money may refuse, and NaN is not JSON. They
    # are rare, and looking for their marks is cheap; a text with the same mark comes out the same either way.
    if b"E-" in written or b"E+" in written or b"NaN" in written or b"Infinity" in written:
        return _encoder.encode(_in_plain_digits(value))
    return written


MAX_PLAIN_DIGITS: Final = 1000
"""Far more than any amount has. Without it, 1E+999999999 would take a gigabyte."""


def _in_plain_digits(value: Any) -> Any:
    """The same value, each `Decimal` in it replaced by its digits."""
    match value:
        case Decimal():
            return _digits_of(value)
        case dict():
            return {name: _in_plain_digits(member) for name, member in value.items()}
        case list() | tuple():
            return [_in_plain_digits(member) for member in value]
        case str() | int() | float() | None | msgspec.Raw():
            return value
        case _:  # a struct, a data class, a set: as it is written
            return _in_plain_digits(_parse(_encoder.encode(value)))


def _digits_of(number: Decimal) -> Any:
    if not number.is_finite():
        raise ValueError("JSON has no number that is not finite")
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) + abs(exponent) > MAX_PLAIN_DIGITS:
        raise ValueError(f"the number has more than {MAX_PLAIN_DIGITS} digits")
    return msgspec.Raw(f"{number:f}".encode())
