"""A simulated operator whose wallet serves Saba's sportsbook. It holds the stake of a placed bet.

Source: public implementations of the operator's side (docs/operators/saba.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final, Literal

import msgspec

from gateway.money import money, unchecked_money
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated

KEY: Final = "sandbox-key"
TOKEN_PREFIX: Final = "token-of-"
CURRENCY: Final = "XAG"
CURRENCY_NUMBER: Final = 20
THOUSAND: Final = 3
"""The power of ten that the operator counts as one."""

ACTS: Final = {
    "GetBalance": Act.BALANCE,
    "PlaceBet": Act.HOLD,
    "ConfirmBet": Act.CONFIRM,
    "CancelBet": Act.ROLLBACK,
}
"""By the action that a message names, which is also the end of its address."""

STATUSES: Final = {
    Kind.SESSION: "203",
    Kind.PLAYER: "203",
    Kind.FUNDS: "502",
    Kind.DUPLICATE: "1",
    Kind.ROLLED_BACK: "309",
    Kind.NOT_FOUND: "504",
    Kind.OTHER: "999",
}
"""All others are 101."""

INVALID_KEY: Final = "311"


class _Ticket(msgspec.Struct, frozen=True):
    refId: str
    actualAmount: int | Decimal | None = None
    txId: int = 0


class _Message(msgspec.Struct, frozen=True):
    action: str
    userId: str
    operationId: str = ""
    refId: str = ""
    currency: Literal[20] = CURRENCY_NUMBER
    betAmount: int | Decimal = 0
    debitAmount: int | Decimal = 0
    actualAmount: int | Decimal = 0
    txns: list[_Ticket] = []


class _Body(msgspec.Struct, frozen=True):
    key: str
    message: _Message


class SimulatedSaba(Simulated):
    """Answers 504 to the cancel of a bet that it never saw, and refuses that bet if it comes later."""

    base_path = "/saba/"
    currencies = (CURRENCY,)
    unnamed_code = "777"
    exemptions: ClassVar[Mapping[str, str]] = {
        "a_yes_to_another_act_is_unknown": "the answers to confirmbet and cancelbet are a status alone",
        "an_answer_to_another_request_is_unknown": "the answers to confirmbet and cancelbet repeat no id",
        "a_yes_that_names_nothing_is_unknown": "the answers to confirmbet and cancelbet repeat no id",
        "a_session_is_known_whatever_its_balance": "no answer names a currency, so that none can be odd",
        "an_ended_session_is_declined_as_such": "the contract has no sessions: requests name the player alone",
        "currencies_of_any_places_are_carried": "no answer names a currency, so that all players have the same",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "key": KEY,
            "session_token": TOKEN_PREFIX + "{player}",
            "currency": CURRENCY,
            "currencies": {"codes": {CURRENCY: str(CURRENCY_NUMBER)}, "factors": {CURRENCY: 10**THOUSAND}},
            "player_ip": "192.0.2.1",
        }

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return ("1", "101", "203", "309", INVALID_KEY, "502", "504", "901", "999")

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        table: dict[str, Kind | Meaning] = {"1": Meaning.DONE, "203": Kind.PLAYER, "309": Meaning.PARK}
        if act is Act.HOLD:
            table = {"203": Kind.PLAYER, "502": Kind.FUNDS}
        elif act is Act.ROLLBACK:
            table["504"] = Kind.NOT_FOUND
        return table.get(code, Meaning.UNKNOWN)

    def understand(self, request: Request) -> Order:
        try:
            body = msgspec.convert(decode(request.body), _Body)
            order = _order(body.message, request.path.removeprefix(self.base_path))
        except (Unclear, LookupError, ValueError):
            raise Misunderstood(_response({"status": 101, "msg": "bad parameters"})) from None
        if body.key != KEY:
            raise Misunderstood(_error(INVALID_KEY))
        return order

    def yes(self, order: Order, account: Account) -> HttpResponse:
        balance = {"balance": unchecked_money(account.balance, CURRENCY, THOUSAND).amount, "msg": None}
        if order.act is Act.BALANCE:
            return _response({"status": 0, "userId": order.echo, **balance})
        if order.act is Act.HOLD:
            return _response({"status": 0, "refId": order.echo, "licenseeTxId": f"L-{order.reference}", "msg": None})
        return _response({"status": 0, **balance})

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        if kind is Kind.ROLLED_BACK and order.act is Act.ROLLBACK:
            return _error(STATUSES[Kind.DUPLICATE])
        return _error(STATUSES.get(kind, "101"))

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _error(code)


def _order(message: _Message, endpoint: str) -> Order:
    """Raises `LookupError` or `ValueError` for a message that this operator does not take."""
    act = ACTS[message.action]
    if endpoint != message.action.lower() or not (message.operationId or act is Act.BALANCE):
        raise ValueError("another action than the address says, or one without an operationId")
    (ticket,) = message.txns or [_Ticket(message.refId, message.actualAmount)]
    if act is Act.HOLD and not message.betAmount == message.debitAmount == message.actualAmount:
        raise ValueError("a bet that takes another amount than it says")
    if act is Act.CONFIRM and not ticket.txId:
        raise ValueError("a confirmed ticket without a txId")
    amount = None
    if ticket.actualAmount is not None and act in {Act.HOLD, Act.CONFIRM}:
        amount = money(unchecked_money(ticket.actualAmount, CURRENCY, -THOUSAND).amount, CURRENCY)
    return Order(
        act=act,
        token=TOKEN_PREFIX + message.userId,
        reference=ticket.refId,
        id=ticket.refId.rpartition("hold.")[2],
        amount=amount,
        player=message.userId,
        echo=message.userId if act is Act.BALANCE else ticket.refId,
    )


def _error(code: str) -> HttpResponse:
    if code == INVALID_KEY:
        return _response({"error_code": int(code), "message": "invalid key"})
    return _response({"status": int(code), "msg": f"status {code} in the sandbox"})


def _response(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/json"}, encode(body))
