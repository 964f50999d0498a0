"""The far side: operators behind their adapters. What the author of an adapter needs is all here."""

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
