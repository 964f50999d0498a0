"""JSON without binary floats, both ways: what adapters read answers and write requests with."""

from __future__ import annotations

from typing import Any

import jiter
import msgspec

from gateway.operators.errors import Unclear

_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Any:
    """Numbers with a fraction or exponent come out as `Decimal`, whole ones as `int`.

    Raises `Unclear` for what is no JSON, for NaN and infinities, and for an object that says the same key twice.
    """
    try:
        return jiter.from_json(body, float_mode="decimal", allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError:
        raise Unclear("the operator's answer is not JSON that can be read in one way") from None


def encode(value: Any) -> bytes:
    """JSON in UTF-8, without spaces; `Decimal` becomes a number, digit for digit."""
    return _encoder.encode(value)
