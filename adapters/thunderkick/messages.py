"""Thunderkick's messages: the bodies of requests, the answers, and what each error code proves.

The bodies are pure functions of a transfer, so that every try sends the same bytes: all times are that of the
withdraw, and `numberOfRetries` is always 0.

Source: public implementations of the operator's side (docs/operators/thunderkick.md).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from adapters.thunderkick.settings import ThunderkickSettings
from gateway.money import Money
from gateway.operators import HttpResponse, Kind, Session, Transfer, Unclear
from gateway.toolbox import (
    Meanings,
    Means,
    TokenParts,
    answer_members,
    decimal_text,
    derived_uuid,
    http_error,
    operators_code,
    safe_id,
    transfer_number,
)

Body = dict[str, Any]

NAMESPACE: Final = UUID("b4d956b2-c757-4760-91a5-5a7475845dc8")
"""Of all ids that are derived. It must never change: a rollback would name nothing."""

ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
"""What may stand in a path without being quoted: servers differ in what they make of a quoted slash."""

DECIMAL_PLACES: Final = 6
ACCOUNT_ID: Final = "accountId"
"""The member, and the name under which it is remembered."""

_PLAYER_ID_SHIFT: Final = 128 - 52

_CALLER_REFUSALS: Final[Meanings] = {
    "200": Means.DONE,
    "522/100": Kind.SESSION,
    "522/101": Kind.SESSION,
    "522/210": Kind.PLAYER,
}
"""By HTTP status and code. The operator refuses session or account, before it books anything."""

READ: Final = _CALLER_REFUSALS

# 522/250 (invalid bet) does not say whether anything was booked, and 522/251 orders a rollback: both are left out.
BET: Final[Meanings] = {
    **_CALLER_REFUSALS,
    "523/200": Kind.FUNDS,
    "523/201": Kind.LIMIT,
    "523/253": Kind.OTHER,  # an account switch: the bet is rejected
}
WIN: Final[Meanings] = {**_CALLER_REFUSALS, "522/262": Means.RETRY_LATER}
ROLLBACK: Final[Meanings] = {**_CALLER_REFUSALS, "522/251": Means.RETRY_LATER}


def transaction_id(transfer: Transfer, step: str, settings: ThunderkickSettings) -> str | int:
    """The id of this step of a transfer, in the form that is agreed."""
    if settings.ids == "number":
        return transfer_number(NAMESPACE, transfer, step)
    return safe_id(NAMESPACE, transfer, step, ID)


def balances(session: Session, settings: ThunderkickSettings) -> Body:
    """Asks for the player's balances."""
    return {
        **_player(session, settings),
        "playerSessionToken": _session_token(session, "player"),
        "gameName": settings.game,
        "distributionChannel": settings.distribution_channel,
    }


def bet(transfer: Transfer, settings: ThunderkickSettings) -> Body:
    """Takes the amount. Raises `Declined` (amount) if it has more than six places."""
    assert transfer.amount is not None
    bets = [{"bet": _amount(transfer.amount, settings), **_account(transfer, ACCOUNT_ID, settings)}]
    return {
        **_round(transfer, settings, wins=0),
        "bets": bets,
        "betTime": _time(transfer.opened_at),
        "metaGameTags": [],
    }


def zero_win(transfer: Transfer, settings: ThunderkickSettings) -> Body:
    """Ends the bet's round with a win of 0."""
    assert transfer.amount is not None
    nothing = _amount(Money(transfer.amount.amount * 0, transfer.amount.currency), settings)
    wins = [{"win": nothing, **_account(transfer, ACCOUNT_ID, settings)}]
    return {
        **_round(transfer, settings, wins=1),
        "wins": wins,
        "winTime": _time(transfer.opened_at),
        "metaGameTags": [],
    }


def rollback(transfer: Transfer, settings: ThunderkickSettings) -> Body:
    """Undoes the bet. Its amount is left out where the gateway never saw the bet."""
    amount = {} if transfer.amount is None else {"betAmount": _amount(transfer.amount, settings)}
    return {
        **_player(transfer.session, settings),
        "gameSessionToken": _session_token(transfer.session, "game"),
        "gameName": settings.game,
        "gameRoundId": transaction_id(transfer, "round", settings),
        **amount,
        "rollbackTime": _time(transfer.opened_at),
        "betTransactionId": str(transaction_id(transfer, "hold", settings)),
        "betTime": _time(transfer.opened_at),
        "numberOfRetries": 0,
        **_account(transfer, "externalAccountId", settings),
    }


def read(response: HttpResponse, meant: str) -> Body:
    """The answer's members, of which `meant` can be read. Raises `Unclear`."""
    return answer_members(response, {meant, "errorCode"})


def status_and_code(response: HttpResponse) -> str:
    """``200``, or an error's HTTP status and code: ``523/200``. Raises `http_error` for an error without a code."""
    if response.status == HTTPStatus.OK:
        return "200"
    try:
        code = answer_members(response, {"errorCode"}).get("errorCode")
    except Unclear:
        code = None
    if isinstance(code, bool) or not isinstance(code, str | int):
        raise http_error(response)
    return f"{response.status}/{code}"


def account_in(accounts: object, account_type: str) -> Body:
    """The account of this type, empty if there is none that can be read."""
    if not isinstance(accounts, list):
        return {}
    found = (each for each in accounts if isinstance(each, dict) and each.get("accountType") == account_type)
    return next(found, {})


def player_of(session: Session, settings: ThunderkickSettings) -> str:
    """The operator's name of the player. Raises `Declined` (session) for a token of another form than is agreed."""
    return TokenParts.read(settings.session_token, session.token)["player"]


def _round(transfer: Transfer, settings: ThunderkickSettings, *, wins: int) -> Body:
    round_id = transaction_id(transfer, "round", settings)
    return {
        **_player(transfer.session, settings),
        "ipAddress": str(settings.player_ip),
        "gameRound": {
            "gameName": settings.game,
            "gameRoundId": round_id,
            "providerGameRoundId": round_id,
            "providerId": settings.provider_id,
            "gameRoundStartDate": _time(transfer.opened_at),
            "gameRoundEndDate": _time(transfer.opened_at),
            "numberOfBets": 1,
            "numberOfWins": wins,
        },
        "gameSessionToken": _session_token(transfer.session, "game"),
        "playerSessionToken": _session_token(transfer.session, "player"),
        "distributionChannel": settings.distribution_channel,
    }


def _player(session: Session, settings: ThunderkickSettings) -> Body:
    """`playerId` is the game's own number of the player: here one that JavaScript can hold, derived from the name."""
    parts = TokenParts.read(settings.session_token, session.token)
    number = UUID(derived_uuid(NAMESPACE, session.operator, parts["player"])).int >> _PLAYER_ID_SHIFT
    return {
        "playerId": number,
        "playerExternalReference": parts["player"],
        "operatorSessionToken": parts.get("session", session.token),
    }


def _session_token(session: Session, kind: str) -> str:
    """The game's own name of the session, which the operator only keeps."""
    return derived_uuid(NAMESPACE, session.operator, session.token, kind)


def _account(transfer: Transfer, member: str, settings: ThunderkickSettings) -> Body:
    """The account's id is left out where the session was never verified."""
    known = transfer.session.memory.get(ACCOUNT_ID)
    return {**({member: known} if known else {}), "accountType": settings.account_type}


def _amount(amount: Money, settings: ThunderkickSettings) -> Body:
    currency = operators_code(settings.currencies, amount.currency)
    return {"amount": decimal_text(amount, DECIMAL_PLACES), "currency": currency}


def _time(at: float) -> str:
    """``2012-06-14T08:00:00.100+0000`` for Unix seconds."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}+0000"
