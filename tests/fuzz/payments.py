"""Payment callbacks that are rightly signed, whatever they say, by readers of our own: each is refused with a text that
says why, or read as these readers read it.
"""

from __future__ import annotations

import json
from decimal import Decimal
from hashlib import md5
from typing import Any, Final
from urllib.parse import unquote_plus

from gateway.payments import Payment, PaymentCallback, PaymentFormat, PaymentRefused, content_fingerprint
from gateway.payments.record import from_memory, to_memory
from gateway.payments.registry import build_format
from gateway.payments.to_game import delivery_body

SECRET: Final = "a-secret-of-payments"
NOW: Final = 1_700_000_000.0
QUANTUM: Final = build_format("quantum", {"secrets": [SECRET], "ts_window": "0s"})
ODNOKLASSNIKI: Final = build_format("odnoklassniki", {"secrets": [SECRET], "server_id": 1})

QUANTUM_WORDS: Final = tuple(
    b'"uid" "serverId" "cpOrderId" "productId" "productPrice" "extParams" "ts" "sign" : , { } [ ] null true NaN 0 -1 '
    b'1e2 1E-13 4.990 0.0 1e999999 9007199254740992 "" "\\ud83d" "\\u0000" "x"'.split()
)
ODNOKLASSNIKI_WORDS: Final = tuple(
    b"& = + % %00 %3D %ff amount= uid= transaction_id= product_code= extra_attributes= currency= sig= {} 0 1e2".split()
)

_SIGNED: Final = ("cpOrderId", "serverId", "uid", "productPrice", "productId", "ts")


def check_quantum(data: bytes) -> None:
    said = _members(data)
    if said is None or not data.rstrip().endswith(b"}"):
        _refused(QUANTUM, PaymentCallback(method="POST", body=data))
        return
    message = "".join(str(said.get(name)) for name in _SIGNED) + SECRET
    sign = md5(message.encode("utf-8", "replace")).hexdigest().upper()
    body = data.rstrip()[:-1] + f',"sign":"{sign}"}}'.encode()
    payment = _read(QUANTUM, PaymentCallback(method="POST", body=body))
    if payment is None:
        return
    assert (payment.order_id, payment.player_id, payment.product_id) == tuple(
        said[name] for name in ("cpOrderId", "uid", "productId")
    )
    assert (payment.price_digits, payment.ext_params) == (said["productPrice"], said.get("extParams") or "")
    assert payment.server_id == Decimal(said["serverId"])
    assert payment.ts in {int(Decimal(said["ts"])), int(Decimal(said["ts"])) * 1000}


def check_odnoklassniki(data: bytes) -> None:
    query = data.decode("latin-1")
    pairs = [pair.partition("=")[::2] for pair in query.split("&")]
    said = {unquote_plus(name): unquote_plus(value) for name, value in pairs}
    message = "".join(f"{name}={said[name]}" for name in sorted(said) if name != "sig") + SECRET
    sig = md5(message.encode("utf-8", "replace")).hexdigest()
    payment = _read(ODNOKLASSNIKI, PaymentCallback(method="GET", query=f"{query}&sig={sig}"))
    if payment is None:
        return
    assert len(said) == len(pairs)
    assert (payment.order_id, payment.player_id, payment.product_id) == tuple(
        said[name] for name in ("transaction_id", "uid", "product_code")
    )
    assert (payment.price_digits, payment.ext_params) == (said["amount"], said.get("extra_attributes", ""))


def _members(data: bytes) -> dict[str, Any] | None:
    """What the standard library reads, numbers as their digits; None for what is not an object to it."""
    try:
        found = json.loads(data.decode(), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _read(form: PaymentFormat, callback: PaymentCallback) -> Payment | None:
    """The payment, which survives being kept and told to the game; None for one that is refused as it should be."""
    try:
        payment = form.read(callback, NOW)
    except PaymentRefused as refusal:
        _check_refusal(form, refusal)
        return None
    assert payment.price > 0
    assert from_memory(payment.order_id, payment.player_id, to_memory(payment)) == payment
    told = json.loads(delivery_body(payment, SECRET), parse_float=str, parse_int=str)
    assert (told["cpOrderId"], told["productPrice"]) == (payment.order_id, payment.price_digits)
    assert len(content_fingerprint(payment)) == len(md5(b"").hexdigest())
    return payment


def _refused(form: PaymentFormat, callback: PaymentCallback) -> None:
    assert _read(form, callback) is None


def _check_refusal(form: PaymentFormat, refusal: PaymentRefused) -> None:
    assert refusal.text.isprintable()
    assert SECRET not in refusal.text
    assert form.answer(refusal.outcome, None, refusal.text).body
