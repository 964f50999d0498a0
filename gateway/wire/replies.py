"""What the game gets back, as bytes: exact numbers, written out digit for digit (``230.5``, never ``2.305E+2``)."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.money import Money
from gateway.wire.errors import ErrorCode, WalletError

LEFT_OUT: Final = (
    "Left out in the rare case that neither the operator nor an earlier answer could tell it; "
    "the call is done all the same. Ask getBalance."
)


class Balance(msgspec.Struct, frozen=True, rename="camel"):
    """The player's money."""

    amount: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "number"})]
    currency_code: str


class BalanceReply(msgspec.Struct, frozen=True):
    """The answer to getBalance."""

    balance: Balance


LeftOut = Annotated[Balance | msgspec.UnsetType, Meta(description=LEFT_OUT)]


class TransferReply(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to every call that moves money."""

    mm_transaction_id: str
    balance: LeftOut = msgspec.UNSET


class PlayerReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The answer to verifySession; what is not known is left out."""

    token: str
    player_id: str
    nickname: str | None = None
    balance: LeftOut = msgspec.UNSET
    language: str | None = None
    country: str | None = None


class ErrorReply(msgspec.Struct, frozen=True, rename="camel"):
    """The body of every answer that is no 200."""

    error_code: Annotated[int, Meta(extra_json_schema={"enum": sorted(ErrorCode)})]
    error_description: str


_encode: Final = msgspec.json.Encoder().encode


def balance(money: Money) -> bytes:
    """The answer to getBalance: ``{"balance": {"amount": 230.5, "currencyCode": "XAG"}}``."""
    return _encode(BalanceReply(_balance(money)))


def transfer(mm_transaction_id: str, money: Money | None) -> bytes:
    """The answer to every call that moves money: the transfer's id and the balance after it, left out if None."""
    return _encode(TransferReply(mm_transaction_id, msgspec.UNSET if money is None else _balance(money)))


def player(
    *,
    token: str,
    player_id: str,
    money: Money | None = None,
    nickname: str | None = None,
    language: str | None = None,
    country: str | None = None,
) -> bytes:
    """The answer to verifySession: the session's player. What is not known is left out."""
    return _encode(
        PlayerReply(
            token=token,
            player_id=player_id,
            nickname=nickname,
            balance=msgspec.UNSET if money is None else _balance(money),
            language=language,
            country=country,
        )
    )


def error(why: WalletError) -> bytes:
    """The error body: ``{"errorCode": 102, "errorDescription": "…"}``."""
    return _encode(ErrorReply(why.code, why.text.encode("utf-8", "replace").decode()))


def _balance(money: Money) -> Balance:
    return Balance(msgspec.Raw(f"{money.amount:f}".encode()), money.currency)
