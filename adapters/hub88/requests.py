"""The bodies of Hub88's requests: pure functions of a transfer, so that every try sends the same bytes."""

from __future__ import annotations

from typing import Any, Final

from adapters.hub88.messages import Step, balance_request_uuid, request_uuid, transaction_uuid
from adapters.hub88.settings import Hub88Settings
from gateway.money import MoneyError, scaled
from gateway.operators import Declined, Kind, Session, Transfer

PLACES: Final = 5
"""Amounts are whole numbers of 10^-5 of the currency's unit."""

LARGEST: Final = 2**63 - 1
"""Amounts are signed 64-bit integers."""

Body = dict[str, Any]


def units(transfer: Transfer) -> int:
    """The held amount as the operator counts it. Raises `Declined` where it cannot be written so."""
    assert transfer.amount is not None
    try:
        counted = scaled(transfer.amount.amount, PLACES)
    except MoneyError as error:
        raise Declined(Kind.AMOUNT, f"{error}; nothing was sent") from None
    if counted > LARGEST:
        raise Declined(Kind.AMOUNT, "the amount is larger than the operator can count; nothing was sent")
    return counted


def balance(session: Session, settings: Hub88Settings) -> Body:
    """Whose session it is, and what they have."""
    return {
        **_user(session.player_id),
        "token": session.token,
        "request_uuid": balance_request_uuid(session),
        "game_code": settings.game_code,
    }


def bet(transfer: Transfer, amount: int, settings: Hub88Settings) -> Body:
    """Takes the amount; its round stays open."""
    return {
        **_about(transfer, Step.HOLD, settings),
        **_worth(transfer, amount, settings),
        "round_closed": False,
        "is_free": False,
    }


def zero_win(transfer: Transfer, settings: Hub88Settings) -> Body:
    """Closes the bet's round."""
    return {
        **_about(transfer, Step.CONFIRM, settings),
        **_worth(transfer, 0, settings),
        "reference_transaction_uuid": transaction_uuid(transfer, Step.HOLD),
        "round_closed": True,
        "is_free": False,
    }


def promotion(transfer: Transfer, amount: int, settings: Hub88Settings) -> Body:
    """Gives the amount, without a bet that it belongs to."""
    return {
        **_about(transfer, Step.HOLD, settings),
        **_worth(transfer, amount, settings),
        "round_closed": True,
        "is_free": True,
        "is_supplier_promo": True,
    }


def rollback(transfer: Transfer, settings: Hub88Settings) -> Body:
    """Undoes the bet or the win."""
    return {
        **_about(transfer, Step.ROLLBACK, settings),
        "reference_transaction_uuid": transaction_uuid(transfer, Step.HOLD),
        "round_closed": True,
    }


def _about(transfer: Transfer, step: Step, settings: Hub88Settings) -> Body:
    """What every transaction says. The supplier's own id tells a withdrawal from a deposit of the same id."""
    return {
        **_user(transfer.session.player_id),
        "transaction_uuid": transaction_uuid(transfer, step),
        "supplier_transaction_id": f"{transfer.direction}:{transfer.id}",
        "token": transfer.session.token,
        "round": transfer.id,
        "request_uuid": request_uuid(transfer, step),
        "game_code": settings.game_code,
    }


def _worth(transfer: Transfer, amount: int, settings: Hub88Settings) -> Body:
    assert transfer.amount is not None
    return {"currency": settings.operators_currency(transfer.amount.currency), "amount": amount}


def _user(player_id: str) -> Body:
    """Left out where it is not known: a rollback does without."""
    return {"user": player_id} if player_id else {}
