"""A simulated operator that speaks Evolution's One Wallet API.

Source: Evolution's One Wallet API, requests check, balance, debit, credit and cancel.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

import msgspec

from gateway.money import MoneyError, money
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account, Refusal
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated

AUTH_TOKEN: Final = "the sandbox's token"

ACTS: Final = {
    "check": Act.VERIFY,
    "balance": Act.BALANCE,
    "debit": Act.HOLD,
    "credit": Act.CONFIRM,
    "cancel": Act.ROLLBACK,
}

STATUSES: Final = {
    Kind.SESSION: "INVALID_SID",
    Kind.FUNDS: "INSUFFICIENT_FUNDS",
    Kind.LIMIT: "CASINO_LIMIT_EXCEEDED_STAKE",
    Kind.PLAYER: "ACCOUNT_LOCKED",
    Kind.AMOUNT: "INVALID_PARAMETER",
    Kind.NOT_FOUND: "BET_DOES_NOT_EXIST",
    Kind.DUPLICATE: "BET_ALREADY_SETTLED",
}
"""The statuses for what this operator refuses. Any other error is UNKNOWN_ERROR."""

LIMITS: Final = (
    "BONUS_LIMIT_EXCEEDED",
    "CASINO_LIMIT_EXCEEDED_TURNOVER",
    "CASINO_LIMIT_EXCEEDED_SESSION_TIME",
    "CASINO_LIMIT_EXCEEDED_STAKE",
    "CASINO_LIMIT_EXCEEDED_LOSS",
)

BUSY: Final = dict.fromkeys(("TEMPORARY_ERROR", "OPERATION_IN_PROCESS"), Meaning.RETRY_LATER)

PROVEN: Final[dict[Act, dict[str, Kind | Meaning]]] = {
    Act.HOLD: {
        "INVALID_SID": Kind.SESSION,
        "ACCOUNT_LOCKED": Kind.PLAYER,
        "INSUFFICIENT_FUNDS": Kind.FUNDS,
        **dict.fromkeys(LIMITS, Kind.LIMIT),
        **BUSY,
    },
    Act.CONFIRM: {"FINAL_ERROR_ACTION_FAILED": Meaning.PARK, **BUSY},
    Act.ROLLBACK: {"FINAL_ERROR_ACTION_FAILED": Meaning.PARK, "BET_DOES_NOT_EXIST": Kind.NOT_FOUND, **BUSY},
}
"""What each status lets one conclude in answer to which request. Source: the contract's list of statuses."""

OTHERS: Final = (
    "INVALID_TOKEN_ID",
    "FATAL_ERROR_CLOSE_USER_SESSION",
    "UNKNOWN_ERROR",
    "INVALID_PARAMETER",
    "BET_ALREADY_EXIST",
    "BET_ALREADY_SETTLED",
    "INSUFFICIENT_FUNDS_TIPS",
    "GEOLOCATION_FAIL",
    "SESSION_ALREADY_CLOSED",
    "SESSION_DOES_NOT_EXIST",
)
"""What else the contract has; none of these proves anything."""


class _Transaction(msgspec.Struct, frozen=True):
    id: str
    refId: str
    amount: Decimal


class _Table(msgspec.Struct, frozen=True):
    id: str


class _Details(msgspec.Struct, frozen=True):
    table: _Table


class _Game(msgspec.Struct, frozen=True):
    id: str
    type: str
    details: _Details


class _Body(msgspec.Struct, frozen=True):
    """Any request. A member that this kind of request does not have is None or empty."""

    sid: str
    userId: str
    uuid: str
    currency: str = ""
    game: _Game | None = None
    transaction: _Transaction | None = None


class SimulatedEvolution(Simulated):
    """Answers BET_DOES_NOT_EXIST to the cancel of an unknown debit, and refuses that debit if it comes later. The sid
    is the whole token."""

    base_path = "/evolution/"
    exemptions: ClassVar[Mapping[str, str]] = {
        "an_end_needs_nothing_that_only_the_hold_knew": "a cancel must have the amount of its debit",
        "a_session_is_known_whatever_its_balance": "an answer names no currency, so that none can be odd",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "auth_token": AUTH_TOKEN,
            "session_token": "token-of-{player}",
            "currency": "XAG",
            "game_type": "purchase",
            "table_id": "sandbox_table",
            "currencies": {"places": {"XAG": 8, "EUR": 2, "JPY": 0, "KWD": 3}},
        }

    def own_settings(self, base_url: str) -> dict[str, Any]:
        settings = {**self.adapter_settings(base_url), "settled_is_done": self.manner.refuses_repeats}
        # Neither a token nor an answer names the currency: it is the one of this operator's players.
        for account in self.ledger.accounts.values():
            settings["currency"] = account.currency
        return settings

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"confirm": "none"}, {"cancel_has_debits_id": False}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return tuple({**PROVEN[Act.HOLD], **PROVEN[Act.ROLLBACK], **dict.fromkeys(OTHERS)})

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        return PROVEN.get(act, {}).get(code, Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _response({"status": code, "uuid": order.echo})

    def understand(self, request: Request) -> Order:
        path, _, query = request.path.partition("?")
        method = path.removeprefix(self.base_path)
        if method not in ACTS or request.method != "POST":
            raise Misunderstood(HttpResponse(404, {}, b""))
        if parse_qs(query).get("authToken") != [AUTH_TOKEN]:
            raise Misunderstood(_response({"status": "INVALID_TOKEN_ID"}))
        try:
            return self._order(ACTS[method], msgspec.convert(decode(request.body), _Body))
        except (Unclear, msgspec.ValidationError, MoneyError):
            raise Misunderstood(_response({"status": "INVALID_PARAMETER"})) from None

    def _order(self, act: Act, body: _Body) -> Order:
        owner = self.ledger.owner(body.sid)
        if owner is not None and owner.player_id != body.userId:
            raise MoneyError("the session is another player's")
        order = Order(act=act, token=body.sid, player=body.userId, echo=body.uuid)
        if act in {Act.VERIFY, Act.BALANCE}:
            return order
        if body.transaction is None or body.game is None or not body.currency:
            raise MoneyError("a member is missing")
        if act is Act.CONFIRM and body.transaction.amount != 0:
            raise MoneyError("not the amount of a loss")
        return msgspec.structs.replace(
            order,
            reference=body.transaction.refId,
            id=body.game.id,
            amount=money(body.transaction.amount, body.currency),
        )

    def _confirm(self, order: Order, caller: Account | None) -> Account:
        return super()._confirm(msgspec.structs.replace(order, amount=None), caller)

    def _undo(self, order: Order, caller: Account | None) -> Account:
        hold = self.ledger.holds.get(order.reference)
        if hold is not None and hold.amount not in {None, order.amount}:
            raise Refusal(Kind.AMOUNT)
        return super()._undo(order, caller)

    def yes(self, order: Order, account: Account) -> HttpResponse:
        if order.act is Act.VERIFY:
            return _response({"status": "OK", "sid": order.token, "uuid": order.echo})
        balance = {"balance": account.balance, "bonus": 0, "retransmission": False}
        return _response({"status": "OK", **balance, "uuid": order.echo})

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        if kind is Kind.ROLLED_BACK:
            status = "FINAL_ERROR_ACTION_FAILED" if order.act is Act.HOLD else "BET_ALREADY_SETTLED"
        else:
            status = STATUSES.get(kind, "UNKNOWN_ERROR")
        return _response({"status": status, "uuid": order.echo})


def _response(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/json"}, encode(body))
