"""A simulated operator that serves both versions of the SOFTSWISS wallet API.

It keeps a tombstone for a bet that was rolled back before it came, and answers that rollback without an id of its own.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final

from msgspec.structs import replace

from gateway.money import Money, MoneyError, canonical, unchecked_money, unscaled
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated

TOKEN: Final = "the sandbox's token"
GAME: Final = "sandbox_game"
SUBUNITS: Final = {"JPY": 0, "KWD": 3}
USUAL_SUBUNITS: Final = 2

CURRENCY: Final = re.compile(r"[A-Z][A-Z0-9_]{2,31}", re.ASCII)
AMOUNT: Final = re.compile(r"[0-9]{1,18}(\.[0-9]{1,12})?", re.ASCII)

CODES: Final = {
    Kind.SESSION: "101",
    Kind.PLAYER: "110",
    Kind.FUNDS: "100",
    Kind.LIMIT: "105",
    Kind.CURRENCY: "154",
    Kind.AMOUNT: "400",
    Kind.DUPLICATE: "155",
    Kind.ROLLED_BACK: "409",
    Kind.NOT_FOUND: "404",
}
INTERNAL: Final = "500"

PLAYER_CODES: Final = ("101", "107", "110", "153")
BET_CODES: Final = {"100": Kind.FUNDS, "105": Kind.LIMIT, "106": Kind.LIMIT}
OTHER_CODES: Final = ("154", "155", "400", "403", "404", "405", "409", "410", "500", "503", "504")


class SimulatedSoftswiss(Simulated):
    """Version 1 is known by its `play`, and by the `actions` of a rollback."""

    base_path = "/softswiss/"
    refusable_repeats = frozenset({Act.ROLLBACK})
    exemptions: ClassVar[Mapping[str, str]] = {
        "a_yes_to_another_act_is_unknown": "the answer to `finish` is the balance alone, which every answer has",
        "an_answer_to_another_request_is_unknown": "the answers to `finish` and `balance` name nothing",
        "a_yes_that_names_nothing_is_unknown": "the answers to `finish` and `balance` name nothing",
        "the_session_of_another_is_refused": "an answer names neither the session nor the request",
        "a_yes_is_a_yes_whatever_its_balance": "the answer to `finish` is the balance alone: without it there is none",
        "a_session_is_known_whatever_its_balance": "the answer to `balance` is the balance alone, in no named currency",
        "an_ended_session_is_declined_as_such": "no error code tells that a session has ended: it is 101, the player",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {
            "base_url": base_url,
            "auth_token": TOKEN,
            "game_id": GAME,
            "session_token": "token-of-{player}",
            "currency": "XAG",
        }

    def own_settings(self, base_url: str) -> dict[str, Any]:
        currency = next((account.currency for account in self.ledger.accounts.values()), "XAG")
        return {**self.adapter_settings(base_url), "currency": currency}

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"confirm": "none"}, {"version": "v1", "confirm": "none"}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return (*BET_CODES, *PLAYER_CODES, *OTHER_CODES)

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        if code in PLAYER_CODES:
            return Kind.PLAYER
        if code in BET_CODES and act is Act.HOLD:
            return BET_CODES[code]
        return Meaning.DONE if code == "409" and act is Act.ROLLBACK else Meaning.UNKNOWN

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        internal = code.startswith("50")
        if _is_v1(order):
            return _response(500 if internal else 412, {"code": int(code), "message": f"error {code}"})
        meta = {"api_code": code, "api_message": f"error {code}"}
        if internal:
            return _response(500, {"code": "internal", "msg": "internal", "meta": meta})
        return _response(400, {"code": "invalid_argument", "msg": "invalid", "meta": meta})

    def understand(self, request: Request) -> Order:
        expected = hmac.new(TOKEN.encode(), request.body, sha256).hexdigest()
        endpoint = request.path.removeprefix(self.base_path)
        if endpoint not in _READERS or request.method != "POST":
            raise Misunderstood(HttpResponse(404, {}, b""))
        if request.headers.get("x-request-sign") != expected:
            raise Misunderstood(self.answer_code(Order(act=Act.BALANCE), "403"))
        try:
            return self._named(_read(endpoint, decode(request.body)))
        except (Unclear, MoneyError, LookupError, TypeError, ValueError):
            raise Misunderstood(self.answer_code(Order(act=Act.BALANCE), "400")) from None

    def _named(self, order: Order) -> Order:
        """The same order; a `finish` names the round alone, which here holds one bet."""
        if order.act is not Act.CONFIRM:
            return order
        held = (hold.reference for hold in self.ledger.holds.values() if hold.id == order.id)
        return replace(order, reference=next(held, ""))

    def yes(self, order: Order, account: Account) -> HttpResponse:
        return self._moved(order, account, f"op-{order.reference}")

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        owner = self.ledger.owner(order.token)
        if kind is Kind.NOT_FOUND and order.act is Act.ROLLBACK and owner is not None:
            return self._moved(order, owner, "")
        if kind is Kind.ROLLED_BACK and order.act is Act.ROLLBACK and _is_v1(order):  # it has no code for that
            return self.yes(order, self.ledger.account_of(order.reference))
        return self.answer_code(order, CODES.get(kind, INTERNAL))

    def _moved(self, order: Order, account: Account, operators_id: str) -> HttpResponse:
        _, _, echo = order.echo.partition(" ")
        balance: object = f"{account.balance:f}"
        names = ("id_provider", "id")
        if _is_v1(order):
            # They have a fraction where the player's balance in the books has more digits.
            balance = unchecked_money(account.balance, account.currency, -_subunits(account.currency)).amount
            names = ("action_id", "tx_id")
        if order.act not in {Act.HOLD, Act.ROLLBACK}:
            return _response(200, {"balance": balance})
        entry = dict(zip(names, (echo, operators_id), strict=True))
        return _response(200, {"balance": balance, "round_id": f"op-{order.id}", "transactions": [entry]})


def _read(endpoint: str, body: dict[str, Any]) -> Order:
    if not CURRENCY.fullmatch(body["currency"]):
        raise ValueError("not a currency")
    return _READERS[endpoint](body)


def _read_balance(body: dict[str, Any]) -> Order:
    return Order(act=Act.BALANCE, token=body["session_id"], player=body["account_id"], echo="v2 ")


def _read_betwin(body: dict[str, Any]) -> Order:
    (entry,) = body["transactions"]
    if entry["type"] != "bet" or body["finished"] is not False:
        raise ValueError("not a single bet that leaves its round open")
    if not AMOUNT.fullmatch(entry["amount"]):
        raise ValueError("not an amount")
    amount = Money(canonical(Decimal(entry["amount"])), body["currency"])
    return _order(Act.HOLD, body, body["round_id"], entry["id_provider"], f"v2 {entry['id_provider']}", amount)


def _read_finish(body: dict[str, Any]) -> Order:
    return _order(Act.CONFIRM, body, body["round_id"], "", "v2 ")


def _read_rollback(body: dict[str, Any]) -> Order:
    if "actions" in body:
        (action,) = body["actions"]
        echo = f"v1 {action['action_id']}"
        return _order(Act.ROLLBACK, body, body["game_id"], action["original_action_id"], echo)
    (entry,) = body["transactions"]
    echo = f"v2 {entry['id_provider']}"
    return _order(Act.ROLLBACK, body, body["round_id_provider"], entry["original_id_provider"], echo)


def _read_play(body: dict[str, Any]) -> Order:
    if "actions" not in body:
        return Order(act=Act.BALANCE, token=body["session_id"], player=body["user_id"], echo="v1 ")
    (action,) = body["actions"]
    amount = Money(unscaled(action["amount"], _subunits(body["currency"])), body["currency"])
    return _order(Act.HOLD, body, body["game_id"], action["action_id"], f"v1 {action['action_id']}", amount)


_READERS: Final = {
    "balance": _read_balance,
    "betwin": _read_betwin,
    "finish": _read_finish,
    "rollback": _read_rollback,
    "play": _read_play,
}


def _order(act: Act, body: dict[str, Any], id: str, reference: str, echo: str, amount: Money | None = None) -> Order:
    player = body["user_id"] if echo.startswith("v1") else body["account_id"]
    return Order(
        act=act,
        token=body["session_id"],
        reference=reference,
        id=id,
        amount=amount,
        player=player,
        echo=echo,
    )


def _is_v1(order: Order) -> bool:
    return order.echo.startswith("v1")


def _subunits(currency: str) -> int:
    return SUBUNITS.get(currency, USUAL_SUBUNITS)


def _response(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, encode(body))
