"""Operators behind their adapters. What the author of an adapter imports is all here (docs/adapters.md).

`adapter` is the interface, `errors`, `exact_json` and `safe_text` what adapters are written with, and
`gateway.toolbox` beside them.
`operator` runs an adapter within the `bulkhead` and its `circuit_breaker` and turns whatever it does into an
`outcome`; `registry` finds the installed adapters; `http_client` is what they send with.
"""

from __future__ import annotations

from gateway.operators.adapter import (
    INTERFACE_VERSION,
    Adapter,
    AdapterSettings,
    Headers,
    Http,
    HttpResponse,
    Player,
    Receipt,
    TransferStatus,
)
from gateway.operators.errors import (
    Declined,
    Kind,
    OperatorError,
    ParkNow,
    RetryLater,
    Unclear,
    Unmapped,
    Unsent,
)
from gateway.operators.exact_json import decode, decode_members, encode
from gateway.operators.safe_text import excerpt_of
from gateway.records import Direction, Session, State, Transfer

__all__ = [
    "INTERFACE_VERSION",
    "Adapter",
    "AdapterSettings",
    "Declined",
    "Direction",
    "Headers",
    "Http",
    "HttpResponse",
    "Kind",
    "OperatorError",
    "ParkNow",
    "Player",
    "Receipt",
    "RetryLater",
    "Session",
    "State",
    "Transfer",
    "TransferStatus",
    "Unclear",
    "Unmapped",
    "Unsent",
    "decode",
    "decode_members",
    "encode",
    "excerpt_of",
]
