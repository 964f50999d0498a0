"""A simulated operator that serves EvenBet's Seamless Wallet API.

The contract does not ask it to remember the rollback of what it never saw: a GetCash that comes later is booked.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any, ClassVar, Final

import msgspec

from gateway.money import Money, MoneyError, unchecked_money, unscaled
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account, Refusal
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated, Unknown

KEY: Final = "the sandbox's seamless key"
GAME: Final = 7
CENTS: Final = {"JPY": 0, "KWD": 3}
USUAL_CENTS: Final = 2

ACTS: Final = {"GetBalance": Act.BALANCE, "GetCash": Act.HOLD, "Rollback": Act.ROLLBACK}
INVALID_SIGNATURE: Final = 1
INVALID_PARAMS: Final = 4
CODES: Final = {Kind.PLAYER: 2, Kind.FUNDS: 3, Kind.NOT_FOUND: 5, Kind.DUPLICATE: 6, Kind.SESSION: 7}

PROVEN: Final[Mapping[Act, Mapping[str, Kind | Meaning]]] = {
    Act.HOLD: {"3": Kind.FUNDS},
    Act.ROLLBACK: {"5": Kind.NOT_FOUND, "6": Meaning.PARK},
}
REFUSALS: Final = {"2": Kind.PLAYER, "7": Kind.SESSION}


class _Body(msgspec.Struct, frozen=True):
    """Any request. A member that this kind of request does not have is empty."""

    method: str
    userId: str
    currency: str
    sessionId: str
    transactionId: str = ""
    referenceTransactionId: str = ""
    roundId: str = ""
    amount: int | None = None


class SimulatedEvenBet(Simulated):
    """Of casino integrations: rounds are named, by the game's id."""

    base_path = "/evenbet/"
    unknown_rollback = Unknown.FORGET
    refusable_repeats = frozenset()
    final_holds = frozenset({Direction.WITHDRAW})
    unnamed_code = "99"
    exemptions: ClassVar[Mapping[str, str]] = {
        "an_answer_to_another_request_is_unknown": "an answer names neither the transaction nor the player",
        "a_yes_that_names_nothing_is_unknown": "an answer names neither the transaction nor the player",
        "an_end_needs_nothing_that_only_the_hold_knew": "a Rollback must name the amount of the GetCash",
        "the_session_of_another_is_refused": "an answer names neither the session nor the player",
        "a_session_is_known_whatever_its_balance": "an answer names no currency, so that none can be odd",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        casino = {"client_id": "sandbox", "game_id": GAME, "bet_type": "bet"}
        token = {"session_token": "token-of-{player}", "currency": "XAG"}
        return {"url": f"{base_url}wallet", "seamless_key": KEY, **casino, **token}

    def own_settings(self, base_url: str) -> dict[str, Any]:
        currency = next((account.currency for account in self.ledger.accounts.values()), "XAG")
        return {**self.adapter_settings(base_url), "currency": currency}

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return ("1", "2", "3", "4", "5", "6", "7")

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        return {**REFUSALS, **PROVEN.get(act, {})}.get(code, Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _error(int(code))

    def understand(self, request: Request) -> Order:
        if request.path != f"{self.base_path}wallet" or request.method != "POST":
            raise Misunderstood(HttpResponse(404, {}, b""))
        if request.headers.get("sign") != sha256(request.body + KEY.encode()).hexdigest():
            raise Misunderstood(_error(INVALID_SIGNATURE))
        try:
            return _order(msgspec.convert(decode(request.body), _Body))
        except (Unclear, MoneyError, ValueError, KeyError):
            raise Misunderstood(_error(INVALID_PARAMS)) from None

    def _undo(self, order: Order, caller: Account | None) -> Account:
        hold = self.ledger.holds.get(order.reference)
        if hold is not None and hold.amount not in {None, order.amount}:
            raise Refusal(Kind.DUPLICATE)  # a Rollback must name the amount and the currency of its GetCash
        return super()._undo(order, caller)

    def yes(self, order: Order, account: Account) -> HttpResponse:
        return _response({"balance": _balance(account), "errorCode": 0})

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        owner = self.ledger.owner(order.token)
        balance = {} if owner is None else {"balance": _balance(owner)}
        return _error(CODES.get(kind, INVALID_PARAMS), **(balance if kind is Kind.FUNDS else {}))


def _order(body: _Body) -> Order:
    act = ACTS[body.method]
    amount = None
    if act is not Act.BALANCE:
        if body.amount is None or body.amount < 0 or not body.transactionId or not body.roundId:
            raise ValueError("a mandatory parameter is missing")
        amount = Money(unscaled(body.amount, _cents(body.currency)), body.currency)
    return Order(
        act=act,
        token=body.sessionId,
        reference=body.referenceTransactionId or body.transactionId,
        id=body.roundId,
        amount=amount,
        player=body.userId,
    )


def _cents(currency: str) -> int:
    return CENTS.get(currency, USUAL_CENTS)


def _balance(account: Account) -> Decimal:
    """In cents. They have a fraction where the player's balance in the books has more digits."""
    return unchecked_money(account.balance, account.currency, -_cents(account.currency)).amount


def _error(code: int, **members: Decimal) -> HttpResponse:
    return _response({"errorCode": code, "errorDescription": f"error {code}", **members})


def _response(body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/json"}, encode(body))
