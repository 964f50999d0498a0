"""Operators behind their adapters. What the author of an adapter imports is all here (docs/adapters.md).

`adapter` is the interface, `errors`, `exact_json`, `toolkit` and `safe_text` what adapters are written with.
`operator` runs an adapter within the `bulkhead` and its `circuit_breaker` and turns whatever it does into an
`outcome`; `registry` finds the installed adapters; `http_client` is what they send with.
"""

from __future__ import annotations

from gateway.operators.adapter import Adapter, AdapterSettings, Http, HttpResponse, Player, Receipt
from gateway.operators.errors import Declined, Kind, OperatorError, Unclear, Unmapped, Unsent
from gateway.operators.exact_json import decode, decode_members, encode
from gateway.operators.safe_text import excerpt_of
from gateway.operators.toolkit import BaseUrl, basic_auth, http_error
from gateway.records import Direction, Session, Transfer

__all__ = [
    "Adapter",
    "AdapterSettings",
    "BaseUrl",
    "Declined",
    "Direction",
    "Http",
    "HttpResponse",
    "Kind",
    "OperatorError",
    "Player",
    "Receipt",
    "Session",
    "Transfer",
    "Unclear",
    "Unmapped",
    "Unsent",
    "basic_auth",
    "decode",
    "decode_members",
    "encode",
    "excerpt_of",
    "http_error",
]
