"""The requests of the SOFTSWISS wallet API: pure functions of a transfer, written as version 2 names things."""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from uuid import UUID

from adapters.softswiss.settings import SoftswissSettings, Version
from gateway.operators import Session, Transfer
from gateway.toolbox import (
    decimal_text,
    minor_units,
    rollback_step,
    session_currency,
    session_player,
    transfer_uuid,
)

NAMESPACE: Final = UUID("a83a9286-4712-4c0a-9be0-d4b02dd33af5")
"""The UUID namespace of every id that the operator sees. It must never change."""

MAX_INTEGER_DIGITS: Final = 18
MAX_SUBUNITS: Final = 2**63 - 1

NAMES_IN_V1: Final = {
    "balance": "play",
    "betwin": "play",
    "account_id": "user_id",
    "game_id": "game",
    "round_id": "game_id",
    "round_id_provider": "game_id",
    "transactions": "actions",
    "type": "action",
    "id_provider": "action_id",
    "original_id_provider": "original_action_id",
}
"""How version 1 calls the endpoints and members whose names differ."""


class Request(NamedTuple):
    """`currency` is the game's. `id` is the one that the answer must repeat, empty where it repeats none."""

    endpoint: str
    body: dict[str, Any]
    currency: str
    id: str = ""


def balance(session: Session, settings: SoftswissSettings) -> Request:
    """Asks for the account's balance."""
    currency = _currency(session, settings)
    return Request("balance", {**_account(session, currency, settings), "game_id": settings.game_id}, currency)


def bet(transfer: Transfer, settings: SoftswissSettings) -> Request:
    """Takes the amount. Raises `Declined` for one that cannot be written."""
    members = {"round_id": transfer.id, "finished": False}
    entry = {"type": "bet", "amount": _amount(transfer, settings)}
    return _transaction("betwin", transfer, members, {"id_provider": _id(transfer, "hold"), **entry}, settings)


def finish(transfer: Transfer, settings: SoftswissSettings) -> Request:
    """Closes the bet's round. Version 1 does not have it."""
    currency = _currency(transfer.session, settings, transfer)
    return Request("finish", {**_account(transfer.session, currency, settings), "round_id": transfer.id}, currency)


def rollback(transfer: Transfer, settings: SoftswissSettings) -> Request:
    """Undoes the bet."""
    members = {"round_id_provider": transfer.id, "finished": True}
    entry = {
        "id_provider": _id(transfer, rollback_step(transfer)),
        "type": "rollback",
        "original_id_provider": _id(transfer, "hold"),
    }
    return _transaction("rollback", transfer, members, entry, settings)


def in_version_1(request: Request) -> Request:
    """The same request as version 1 writes it. Asking for a balance is a `play` without actions there."""
    entries = [_renamed(entry) for entry in request.body.get("transactions", ())]
    body = {**_renamed(request.body), **({"actions": entries} if entries else {})}
    return request._replace(endpoint=NAMES_IN_V1.get(request.endpoint, request.endpoint), body=body)


def player_of(session: Session, settings: SoftswissSettings) -> str:
    """The account's id. Raises `Declined` (session) for a token of another form than agreed."""
    return session_player(settings.session_token, session)


def _transaction(
    endpoint: str, transfer: Transfer, members: dict[str, Any], entry: dict[str, Any], settings: SoftswissSettings
) -> Request:
    currency = _currency(transfer.session, settings, transfer)
    account = {**_account(transfer.session, currency, settings), "game_id": settings.game_id}
    return Request(endpoint, {**account, **members, "transactions": [entry]}, currency, entry["id_provider"])


def _account(session: Session, currency: str, settings: SoftswissSettings) -> dict[str, Any]:
    code = settings.currencies.operators_code(currency).upper()  # others than capitals are a bad request
    return {"account_id": player_of(session, settings), "currency": code, "session_id": session.token}


def _currency(session: Session, settings: SoftswissSettings, transfer: Transfer | None = None) -> str:
    """The game's currency of the transfer, or of the session where there is no amount."""
    if transfer is not None and transfer.amount is not None:
        return transfer.amount.currency
    return session_currency(settings.session_token, session, settings.currencies.codes, settings.currency)


def _amount(transfer: Transfer, settings: SoftswissSettings) -> str | int:
    assert transfer.amount is not None
    amount = settings.currencies.operators_money(transfer.amount)
    places = settings.currencies.places_of(transfer.amount.currency)
    if settings.version is Version.V1:
        return minor_units(amount, places, MAX_SUBUNITS)
    return decimal_text(amount, places, integer_digits=MAX_INTEGER_DIGITS)


def _id(transfer: Transfer, step: str) -> str:
    return transfer_uuid(NAMESPACE, transfer, step)


def _renamed(members: dict[str, Any]) -> dict[str, Any]:
    return {NAMES_IN_V1.get(name, name): value for name, value in members.items()}
