"""The game's calls: what is read is what was sent, within the limits; what is not is refused politely."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.money import FRACTION_DIGITS, INTEGER_DIGITS, Money
from gateway.reasons import TEXT_LIMIT, limit_text
from gateway.wire import replies
from gateway.wire.errors import ErrorCode, WalletError
from gateway.wire.fields import DESCRIPTION_LIMIT
from gateway.wire.members import members
from gateway.wire.requests import (
    ConfirmRequest,
    HoldRequest,
    RollbackRequest,
    SessionRequest,
    _needed_fields,
    _parse_by_member,
    _validate,
    read,
)

SECRET: Final = b"s3cr3t-t0k3n"
"""A piece of a token: no error may repeat it."""

RIGHT: Final = frozenset(
    b'{"token":"t","mmTransactionId":"1","amount":{"amount":%s,"currencyCode":"XAG"}}' % amount
    for amount in (b"1234567890123456.78", b"0.1", b"1e2", b'"1e2"')
)
"""Calls that must not be refused."""

LONGEST_ERROR: Final = 1000
TOKEN: Final = re.compile(r"[^\x00-\x1f\x7f]{1,512}")
ID: Final = re.compile(r"[!-~]{1,128}")
CURRENCY: Final = re.compile(r"[!-~]{1,16}")
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

WORDS: Final = (
    SECRET,
    b'"token"',
    b'"token":"u",',
    b'"%s":1,"%s":2,' % (SECRET, SECRET),
    b'"mmTransactionId"',
    b'"amount"',
    b'"currencyCode"',
    b'"txDescription"',
    b'"rollbackReason"',
    b'"XAG"',
    b'"1234abcd"',
    b"230.00",
    b"1234567890123456.78",
    b"99999999999999999999.99999999",
    b"1e2",
    b"1E+400",
    b"-0.0",
    b"NaN",
    b"Infinity",
    b"null",
    b"true",
    b"\\u0000",
    b"\\ud800",
    b"\\",
    b"\xef\xbb\xbf",
    b"\xff",
    b'{"',
    b'"}',
    b'":',
    b",",
    b"[",
    b"]",
    b"[[[[[[[[",
    b"]]]]]]]]",
)


def check_calls(body: bytes) -> None:
    """Every model but the rollback's."""
    for model in (SessionRequest, HoldRequest, ConfirmRequest):
        try:
            request = read(model, body)
        except WalletError as error:
            must_be_polite(error, body)
            assert model is SessionRequest or body not in RIGHT
            continue
        content = as_others_read_it(body, _needed_fields(model))
        assert request.token == content["token"]
        assert TOKEN.fullmatch(request.token)
        if isinstance(request, HoldRequest | ConfirmRequest):
            _holds_what_was_sent(request.id, request.amount, content)
        if isinstance(request, HoldRequest):
            assert len(request.description) <= DESCRIPTION_LIMIT
            assert not CONTROL.search(request.description)
            assert request.description.encode().decode() == request.description


def check_rollback(data: bytes) -> None:
    """Nothing that is in a reason makes a rollback invalid, and both ways of reading it find the same transfer."""
    quoted = data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    request = read(RollbackRequest, b'{"mmTransactionId": "1234abcd", "rollbackReason": "%s", "token": "t"}' % quoted)
    assert (request.token, request.id) == ("t", "1234abcd")
    _can_be_kept(request)
    try:
        request = read(RollbackRequest, data)
    except WalletError as error:
        must_be_polite(error, data)
        return
    assert TOKEN.fullmatch(request.token)
    assert ID.fullmatch(request.id)
    _can_be_kept(request)
    again = _validate(RollbackRequest, _parse_by_member(data, _needed_fields(RollbackRequest), ValueError()))
    assert again == request


def check_members(body: bytes) -> None:
    """An object falls into the members that another parser finds; anything else is a `ValueError`."""
    try:
        found = members(body)
    except ValueError as error:
        assert SECRET.decode() not in str(error)  # noqa: PT017 - either is right
        found = None
    try:
        others = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    assert found is not None
    assert {msgspec.json.decode(name): value for name, value in found} == {
        name: bytes(value) for name, value in others.items()
    }


def must_be_polite(error: WalletError, body: bytes) -> None:
    assert error.code is ErrorCode.BAD_REQUEST
    assert len(error.text) <= LONGEST_ERROR
    assert error.text.isprintable()
    assert SECRET not in body or SECRET.decode() not in error.text
    assert json.loads(replies.error(error)) == {"errorCode": 130, "errorDescription": error.text}


def as_others_read_it(body: bytes, needed: Collection[str]) -> dict[str, Any]:
    """What is needed of an object, which need not be readable as a whole."""
    named = ((raw_name, value) for raw_name, value in members(body) if _name(raw_name) in needed)
    return {_name(raw_name): json.loads(value.decode(), parse_float=Decimal) for raw_name, value in named}


def _name(raw: bytes) -> str:
    try:
        return str(json.loads(raw.decode()))
    except ValueError:
        return ""


def _holds_what_was_sent(id: str, amount: Money, content: Any) -> None:
    assert id == content["mmTransactionId"]
    assert ID.fullmatch(id)
    assert amount.currency == content["amount"]["currencyCode"]
    assert CURRENCY.fullmatch(amount.currency)
    assert amount.amount == Decimal(content["amount"]["amount"])
    assert 0 < amount.amount < Decimal(f"1e{INTEGER_DIGITS}")
    assert len(f"{amount.amount:f}".partition(".")[2]) <= FRACTION_DIGITS
    reply = json.loads(replies.transfer(id, amount), parse_float=Decimal)
    assert reply == {"mmTransactionId": id, "balance": {"amount": amount.amount, "currencyCode": amount.currency}}


def _can_be_kept(request: RollbackRequest) -> None:
    kept = limit_text(request.reason)
    assert len(kept) <= TEXT_LIMIT
    assert "\x00" not in kept
    assert kept.encode().decode() == kept
