"""What the game gets back, as bytes: exact numbers, written out digit for digit (``230.5``, never ``2.305E+2``)."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.money import Money
from gateway.wire.errors import WalletError


class _Balance(msgspec.Struct, frozen=True, rename="camel"):
    amount: msgspec.Raw
    currency_code: str


class _BalanceReply(msgspec.Struct, frozen=True):
    balance: _Balance


class _TransferReply(msgspec.Struct, frozen=True, rename="camel"):
    mm_transaction_id: str
    balance: _Balance


class _PlayerReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    token: str
    player_id: str
    nickname: str | None = None
    balance: _Balance
    language: str | None = None
    country: str | None = None


class _ErrorReply(msgspec.Struct, frozen=True, rename="camel"):
    error_code: int
    error_description: str


_encode: Final = msgspec.json.Encoder().encode


def balance(money: Money) -> bytes:
    """The answer to getBalance: ``{"balance": {"amount": 230.5, "currencyCode": "XAG"}}``."""
    return _encode(_BalanceReply(_balance(money)))


def transfer(mm_transaction_id: str, money: Money) -> bytes:
    """The answer to every call that moves money: the transfer's id and the balance after it."""
    return _encode(_TransferReply(mm_transaction_id, _balance(money)))


def player(
    *,
    token: str,
    player_id: str,
    money: Money,
    nickname: str | None = None,
    language: str | None = None,
    country: str | None = None,
) -> bytes:
    """The answer to verifySession: the session's player. What is not known is left out."""
    return _encode(
        _PlayerReply(
            token=token,
            player_id=player_id,
            nickname=nickname,
            balance=_balance(money),
            language=language,
            country=country,
        )
    )


def error(why: WalletError) -> bytes:
    """The error body: ``{"errorCode": 102, "errorDescription": "…"}``."""
    return _encode(_ErrorReply(why.code, why.text.encode("utf-8", "replace").decode()))


def _balance(money: Money) -> _Balance:
    return _Balance(msgspec.Raw(f"{money.amount:f}".encode()), money.currency)
