"""A simulated operator that serves Slotegrator's GIS callbacks.

A rollback of what it never saw is a success with an empty list; what comes later is booked.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha1
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, quote_plus

from msgspec.structs import replace

from gateway.money import Money, MoneyError, canonical
from gateway.operators import Direction, HttpResponse, Kind, encode
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated, Unknown

MERCHANT: Final = "sandbox-merchant"
KEY: Final = "the sandbox's merchant key"
SIGNED_HEADERS: Final = ("X-Merchant-Id", "X-Timestamp", "X-Nonce")

FUNDS: Final = "INSUFFICIENT_FUNDS"
INTERNAL: Final = "INTERNAL_ERROR"
DIRECTIONS: Final = {"bet": Direction.WITHDRAW, "win": Direction.DEPOSIT}
ROLLED_BACK: Final = "rollback_transactions[0]"


class SimulatedSlotegrator(Simulated):
    """It takes a win that belongs to no bet."""

    base_path = "/slotegrator/"
    unknown_rollback = Unknown.FORGET
    refusable_repeats = frozenset()
    final_holds = frozenset(Direction)
    unnamed_code = "NO_SUCH_CODE"
    exemptions: ClassVar[Mapping[str, str]] = {
        "a_yes_to_another_act_is_unknown": "the answer to a `rollback` has all that the answer to a `bet` has",
        "an_answer_to_another_request_is_unknown": "the answers to `bet` and `win` name the operator's own id alone",
        "a_yes_that_names_nothing_is_unknown": "the answers to `bet` and `win` name the operator's own id alone",
        "an_end_needs_nothing_that_only_the_hold_knew": "a `rollback` must name the amount",
        "the_session_of_another_is_refused": "an answer names neither the session nor the player",
        "a_session_is_known_whatever_its_balance": "the answer to `balance` is the balance alone, in no named currency",
        "an_ended_session_is_declined_as_such": "every error but too little money is INTERNAL_ERROR",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        merchant = {"merchant_id": MERCHANT, "merchant_key": KEY, "game_uuid": "sandbox-game"}
        token = {"session_token": "token-of-{player}", "currency": "XAG"}
        return {"url": f"{base_url}callback", **merchant, **token}

    def own_settings(self, base_url: str) -> dict[str, Any]:
        currency = next((account.currency for account in self.ledger.accounts.values()), "XAG")
        return {**self.adapter_settings(base_url), "currency": currency}

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return (FUNDS, INTERNAL)

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        withdraws = act is Act.HOLD and direction is Direction.WITHDRAW
        return Kind.FUNDS if code == FUNDS and withdraws else Meaning.UNKNOWN

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _response({"error_code": code, "error_description": f"error {code}"})

    def understand(self, request: Request) -> Order:
        if request.path != f"{self.base_path}callback" or request.method != "POST":
            raise Misunderstood(HttpResponse(404, {}, b""))
        fields = parse_qsl(request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        signed_for_us = request.headers.get("x-merchant-id") == MERCHANT
        if not signed_for_us or request.headers.get("x-sign") != _signature(fields, request.headers):
            raise Misunderstood(self.answer_code(Order(act=Act.BALANCE), INTERNAL))
        try:
            return _order(dict(fields))
        except (MoneyError, KeyError, ArithmeticError):
            raise Misunderstood(self.answer_code(Order(act=Act.BALANCE), INTERNAL)) from None

    def yes(self, order: Order, account: Account) -> HttpResponse:
        return self._moved(order, account, [order.echo])

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        owner = self.ledger.owner(order.token)
        if kind is Kind.NOT_FOUND and order.act is Act.ROLLBACK and owner is not None:
            return self._moved(order, owner, [])
        return self.answer_code(order, FUNDS if kind is Kind.FUNDS else INTERNAL)

    def _moved(self, order: Order, account: Account, rolled_back: list[str]) -> HttpResponse:
        members: dict[str, Any] = {"balance": account.balance}
        if order.act is not Act.BALANCE:
            members["transaction_id"] = f"op-{order.reference}"
        if order.act is Act.ROLLBACK:
            members["rollback_transactions"] = rolled_back
        return _response(members)


def _signature(fields: list[tuple[str, str]], headers: Mapping[str, str]) -> str:
    """Of the fields and three headers in the order of their outermost names, as PHP writes them."""
    pairs = [*fields, *((name, headers.get(name.lower(), "")) for name in SIGNED_HEADERS)]
    ordered = sorted(pairs, key=lambda pair: pair[0].partition("[")[0])
    message = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in ordered).replace("~", "%7E")
    return hmac.new(KEY.encode(), message.encode(), sha1).hexdigest()


def _order(fields: dict[str, str]) -> Order:
    action, token, player = fields["action"], fields["session_id"], fields["player_id"]
    if action == "balance":
        return Order(act=Act.BALANCE, token=token, player=player)
    named = Order(act=Act.ROLLBACK, token=token, player=player, id=fields["round_id"])
    if action == "rollback":
        undone, amount = fields[f"{ROLLED_BACK}[transaction_id]"], _amount(fields, f"{ROLLED_BACK}[amount]")
        direction = DIRECTIONS[fields[f"{ROLLED_BACK}[action]"]]
        return replace(named, direction=direction, reference=undone, echo=undone, amount=amount)
    amount = _amount(fields, "amount")
    direction, reference = DIRECTIONS[action], fields["transaction_id"]
    return replace(named, act=Act.HOLD, direction=direction, reference=reference, amount=amount)


def _amount(fields: dict[str, str], name: str) -> Money:
    return Money(canonical(Decimal(fields[name])), fields["currency"])


def _response(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/json"}, encode(body))
