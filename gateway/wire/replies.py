"""The bodies of responses, as bytes. Amounts are written digit for digit: ``230.5``, never ``2.305E+2``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from gateway.money import Money
from gateway.records import WALLET_DIRECTIONS, Decision, FinalState, Key, QueriedState
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


_WANTS: Final = {Decision.CONFIRM: "CONFIRM", Decision.ROLLBACK: "ROLLBACK"}

_Amount = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "number"})]
_Time = Annotated[str, Meta(extra_json_schema={"format": "date-time", "examples": ["2026-11-29T08:30:00.000Z"]})]


class FinalStateReply(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The body of a 200 to queryWithdrawal and queryDeposit. What is not known is left out."""

    mm_transaction_id: str
    direction: Annotated[str, Meta(extra_json_schema={"enum": list(WALLET_DIRECTIONS)})]
    state: QueriedState
    wants: Annotated[
        str | msgspec.UnsetType,
        Meta(
            description="How a pending transfer is to end; left out while that is not decided.",
            extra_json_schema={"enum": list(_WANTS.values())},
        ),
    ] = msgspec.UNSET
    since: Annotated[
        _Time | msgspec.UnsetType,
        Meta(description="Since when it has been pending: the decision, or the begin of the transfer."),
    ] = msgspec.UNSET
    amount: Annotated[
        _Amount | msgspec.UnsetType,
        Meta(description="Left out where the gateway never saw the transfer itself, only its rollback."),
    ] = msgspec.UNSET
    currency_code: str | msgspec.UnsetType = msgspec.UNSET
    opened_at: _Time | msgspec.UnsetType = msgspec.UNSET
    ended_at: _Time | msgspec.UnsetType = msgspec.UNSET
    rollback_reason: Annotated[
        str | msgspec.UnsetType, Meta(description="The first reason that was given to roll it back.")
    ] = msgspec.UNSET


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


def final_state(key: Key, found: FinalState) -> bytes:
    """Encodes the reply to a query for a transfer's final state. What is None is left out."""
    money, reason = found.amount, found.rollback_reason
    return _encode(
        FinalStateReply(
            mm_transaction_id=key.id,
            direction=key.direction,
            state=found.state,
            wants=msgspec.UNSET if found.wants is None else _WANTS[found.wants],
            since=_time(found.since),
            amount=msgspec.UNSET if money is None else _balance(money).amount,
            currency_code=msgspec.UNSET if money is None else money.currency,
            opened_at=_time(found.opened_at),
            ended_at=_time(found.ended_at),
            rollback_reason=msgspec.UNSET if reason is None else _encodable(reason),
        )
    )


def error(failure: WalletError) -> bytes:
    """Encodes the error body: ``{"errorCode": 102, "errorDescription": "…"}``."""
    return _encode(ErrorReply(failure.code, _encodable(failure.text)))


def _balance(money: Money) -> Balance:
    return Balance(msgspec.Raw(f"{money.amount:f}".encode()), money.currency)


def _time(at: float | None) -> str | msgspec.UnsetType:
    """A time as RFC 3339 writes it, in UTC with milliseconds: ``2026-11-29T08:30:00.000Z``."""
    if at is None:
        return msgspec.UNSET
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _encodable(text: str) -> str:
    # A text from outside may hold half a surrogate pair: test_a_description_that_is_no_unicode_is_still_answered.
    return text.encode("utf-8", "replace").decode()
