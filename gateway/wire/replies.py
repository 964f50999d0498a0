"""The bodies of responses, as bytes. Amounts are written digit for digit: ``230.5``, never ``2.305E+2``."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.money import Money
from gateway.wire.errors import ErrorCode, WalletError

LEFT_OUT: Final = (
    "Left out in the rare case that neither the operator nor an earlier answer contained it; "
    "the call is done all the same. Call getBalance."
)


class Balance(msgspec.Struct, frozen=True, rename="camel"):
    """The player's balance: ``{"amount": 230.5, "currencyCode": "XAG"}``."""

    # Raw digits: msgspec itself would write 1E-12, which some JSON readers refuse.
    amount: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "number"})]
    currency_code: str


class BalanceReply(msgspec.Struct, frozen=True):
    """The body of a 200 to getBalance."""

    balance: Balance


LeftOut = Annotated[Balance | msgspec.UnsetType, Meta(description=LEFT_OUT)]


class TransferReply(msgspec.Struct, frozen=True, rename="camel"):
    """The body of a 200 to every call that moves money."""

    mm_transaction_id: str
    balance: LeftOut = msgspec.UNSET


class PlayerReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The body of a 200 to verifySession. What is not known is left out."""

    token: str
    player_id: str
    nickname: str | None = None
    balance: LeftOut = msgspec.UNSET
    language: str | None = None
    country: str | None = None


class LaunchReply(msgspec.Struct, frozen=True):
    """The body of a 200 to a launch. The URL holds the session's token."""

    url: str


class ErrorReply(msgspec.Struct, frozen=True, rename="camel"):
    """The body of every response except a 200."""

    error_code: Annotated[int, Meta(extra_json_schema={"enum": sorted(ErrorCode)})]
    error_description: str


_encode: Final = msgspec.json.Encoder().encode


def balance(money: Money) -> bytes:
    """Encodes the reply to getBalance: ``{"balance": {"amount": 230.5, "currencyCode": "XAG"}}``."""
    return _encode(BalanceReply(_balance(money)))


def transfer(mm_transaction_id: str, money: Money | None) -> bytes:
    """Encodes the reply to a call that moves money: the transfer's id, and the balance after it (None: left out)."""
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
    """Encodes the reply to verifySession: the session's player. What is None is left out."""
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


def launch(url: str) -> bytes:
    """Encodes the reply to a launch: ``{"url": "https://game.example/play?token=…"}``."""
    return _encode(LaunchReply(url))


def error(failure: WalletError) -> bytes:
    """Encodes the error body: ``{"errorCode": 102, "errorDescription": "…"}``."""
    # An operator's text may hold half a surrogate pair: test_a_description_that_is_no_unicode_is_still_answered.
    return _encode(ErrorReply(failure.code, failure.text.encode("utf-8", "replace").decode()))


def _balance(money: Money) -> Balance:
    return Balance(msgspec.Raw(f"{money.amount:f}".encode()), money.currency)
