"""The bodies of Hub88's requests: pure functions of a transfer, so that every try sends the same bytes.

Source: Hub88's public documentation of the operator API, sections "Request fields" and "Money".
"""

from __future__ import annotations

from typing import Any, Final

from adapters.hub88.messages import Step, balance_request_uuid, request_uuid, transaction_uuid
from adapters.hub88.settings import Hub88Settings
from gateway.operators import Session, Transfer
from gateway.toolbox import minor_units

DECIMAL_PLACES: Final = 5
"""An amount of 1 is 0.00001 of the currency ("Money")."""

MAX_UNITS: Final = 2**63 - 1
"""Amounts are signed 64-bit integers ("Money")."""

Body = dict[str, Any]


def units(transfer: Transfer) -> int:
    """The held amount in 0.00001 of the currency. Raises `Declined` if it has more digits or is too large."""
    assert transfer.amount is not None
    return minor_units(transfer.amount, DECIMAL_PLACES, MAX_UNITS)


def balance(session: Session, settings: Hub88Settings) -> Body:
    """Asks for the session's player and balance."""
    return {
        **_user_member(session.player_id),
        "token": session.token,
        "request_uuid": balance_request_uuid(session),
        "game_code": settings.game_code,
    }


def bet(transfer: Transfer, amount: int, settings: Hub88Settings) -> Body:
    """Takes the amount. The round stays open, for the confirm to close it."""
    return {
        **_common_members(transfer, Step.HOLD, settings),
        **_amount_members(transfer, amount, settings),
        "round_closed": False,
        "is_free": False,
    }


def zero_win(transfer: Transfer, settings: Hub88Settings) -> Body:
    """Closes the bet's round with a win of 0."""
    return {
        **_common_members(transfer, Step.CONFIRM, settings),
        **_amount_members(transfer, 0, settings),
        "reference_transaction_uuid": transaction_uuid(transfer, Step.HOLD),
        "round_closed": True,
        "is_free": False,
    }


def promotion(transfer: Transfer, amount: int, settings: Hub88Settings) -> Body:
    """Gives the amount, as a supplier's promotion: a win without a bet."""
    return {
        **_common_members(transfer, Step.HOLD, settings),
        **_amount_members(transfer, amount, settings),
        "round_closed": True,
        "is_free": True,
        "is_supplier_promo": True,
    }


def rollback(transfer: Transfer, settings: Hub88Settings) -> Body:
    """Undoes the bet or the win."""
    return {
        **_common_members(transfer, Step.ROLLBACK, settings),
        "reference_transaction_uuid": transaction_uuid(transfer, Step.HOLD),
        "round_closed": True,
    }


def _common_members(transfer: Transfer, step: Step, settings: Hub88Settings) -> Body:
    """The members of every transaction. `supplier_transaction_id` holds the direction too, since a withdraw and a
    deposit may have the same id."""
    return {
        **_user_member(transfer.session.player_id),
        "transaction_uuid": transaction_uuid(transfer, step),
        "supplier_transaction_id": f"{transfer.direction}:{transfer.id}",
        "token": transfer.session.token,
        "round": transfer.id,
        "request_uuid": request_uuid(transfer, step),
        "game_code": settings.game_code,
    }


def _amount_members(transfer: Transfer, amount: int, settings: Hub88Settings) -> Body:
    assert transfer.amount is not None
    return {"currency": settings.operators_currency(transfer.amount.currency), "amount": amount}


def _user_member(player_id: str) -> Body:
    """Empty if the player is not known: a rollback may name its user by the token alone."""
    return {"user": player_id} if player_id else {}
