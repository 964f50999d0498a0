"""Saba's messages: the bodies of requests, and what each status proves.

The bodies are pure functions of a transfer, so that every try sends the same bytes: all times are that of the
withdraw.
Source: public implementations of the operator's side and the messages that they keep (docs/operators/saba.md).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from uuid import UUID

import msgspec

from adapters.saba.settings import SabaSettings
from gateway.money import Money
from gateway.operators import Declined, Kind, Session, Transfer
from gateway.toolbox import (
    Meanings,
    Means,
    decimal_number,
    rollback_step,
    safe_id,
    session_player,
    transfer_hex,
    transfer_number,
)

Body = dict[str, Any]

NAMESPACE: Final = UUID("177f01a3-5041-4cea-9f54-f40ae84ef020")
"""Of all ids that are derived. It must never change: a cancel would name nothing."""

REF_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,50}", re.ASCII)
DECIMAL_PLACES: Final = 6
LICENSEE_TX_ID: Final = "licenseeTxId"
"""The operator's own id of the bet: the name of the member, and under which it is remembered."""

_ZONE: Final = timezone(timedelta(hours=-4))  # all times are in GMT-4

READ: Final[Meanings] = {"0": Means.DONE, "203": Kind.PLAYER}

# Statuses that are not named prove nothing: 1 would say that something is booked under this id, 101 and 311 are
# mistakes in the configuration, 901 and 999 failures of the operator.
PLACE: Final[Meanings] = {"0": Means.DONE, "203": Kind.PLAYER, "502": Kind.FUNDS}

# 1 is a repeat of the same operationId and refId, and each step has an operationId of its own: it was done before.
# 309 says that the ticket no longer waits: no later try can change that.
CONFIRM: Final[Meanings] = {"0": Means.DONE, "1": Means.DONE, "203": Kind.PLAYER, "309": Means.PARK}
CANCEL: Final[Meanings] = {**CONFIRM, "504": Kind.NOT_FOUND}
CANCEL_OF_REFUSED: Final[Meanings] = {**CANCEL, "309": Kind.OTHER}  # refused twice: nothing was held


def ref_id(transfer: Transfer) -> str:
    """The id of the bet, in all three requests."""
    return safe_id(NAMESPACE, transfer, "hold", REF_ID)


def get_balance(session: Session, settings: SabaSettings) -> Body:
    """Asks for the player's balance."""
    return {"action": "GetBalance", "userId": session_player(settings.session_token, session)}


def place_bet(transfer: Transfer, settings: SabaSettings) -> Body:
    """Holds the amount. Raises `Declined` for another currency than the players', and for more than six places."""
    assert transfer.amount is not None
    if transfer.amount.currency.casefold() != settings.currency.casefold():
        raise Declined(Kind.CURRENCY, f"players of this operator have {settings.currency}; nothing was sent")
    amount, at = _amount(transfer.amount, settings), _time(transfer.opened_at)
    return {
        **_operation("PlaceBet", "hold", transfer, settings),
        **settings.bet_details,
        "currency": int(settings.currency_code),
        "betTime": at,
        "updateTime": at,
        "betAmount": amount,
        "actualAmount": amount,
        "creditAmount": 0,
        "debitAmount": amount,
        "IP": str(settings.player_ip),
        "refId": ref_id(transfer),
    }


def confirm_bet(transfer: Transfer, settings: SabaSettings) -> Body:
    """Makes the hold final. The operator's own id of it is left out where the answer to the hold was lost."""
    assert transfer.amount is not None
    at, operators_id = _time(transfer.opened_at), transfer.memory.get(LICENSEE_TX_ID)
    ticket = {
        **settings.confirm_details,
        "refId": ref_id(transfer),
        "txId": transfer_number(NAMESPACE, transfer, "confirm"),
        **({LICENSEE_TX_ID: operators_id} if operators_id else {}),
        "actualAmount": _amount(transfer.amount, settings),
        "isOddsChanged": False,
        "creditAmount": 0,
        "debitAmount": 0,
    }
    times = {"updateTime": at, "transactionTime": at}
    return {**_operation("ConfirmBet", "confirm", transfer, settings), **times, "txns": [ticket]}


def cancel_bet(transfer: Transfer, settings: SabaSettings) -> Body:
    """Undoes the hold. Its amount is left out where the gateway never saw the hold."""
    amount = {} if transfer.amount is None else {"creditAmount": _amount(transfer.amount, settings), "debitAmount": 0}
    return {
        **_operation("CancelBet", rollback_step(transfer), transfer, settings),
        "updateTime": _time(transfer.opened_at),
        "errorMessage": "BettingFailed",
        "txns": [{"refId": ref_id(transfer), **amount}],
    }


def _operation(action: str, step: str, transfer: Transfer, settings: SabaSettings) -> Body:
    return {
        "action": action,
        "operationId": transfer_hex(NAMESPACE, transfer, step),
        "userId": session_player(settings.session_token, transfer.session),
    }


def _amount(amount: Money, settings: SabaSettings) -> msgspec.Raw:
    return decimal_number(settings.currencies.operators_money(amount), DECIMAL_PLACES)


def _time(at: float) -> str:
    """``2024-07-04T03:06:17.986-04:00`` for Unix seconds."""
    return datetime.fromtimestamp(at, _ZONE).isoformat(timespec="milliseconds")
