"""A simulated operator that speaks the game's own wallet format.

Source: wallet contract, "Transport" and "Calls". Its error codes above 100 are those that this gateway sends to games
(docs/errors.md).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from gateway.money import Money, MoneyError, money
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account, Hold, HoldState
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated, Unknown
from gateway.toolbox import basic_auth

USERNAME: Final = "gateway"
PASSWORD: Final = "sandbox-password"

ACTS: Final = {
    "verifySession": (Act.VERIFY, Direction.WITHDRAW),
    "getBalance": (Act.BALANCE, Direction.WITHDRAW),
    "withdraw": (Act.HOLD, Direction.WITHDRAW),
    "confirmWithdrawal": (Act.CONFIRM, Direction.WITHDRAW),
    "rollbackWithdrawal": (Act.ROLLBACK, Direction.WITHDRAW),
    "deposit": (Act.HOLD, Direction.DEPOSIT),
    "confirmDeposit": (Act.CONFIRM, Direction.DEPOSIT),
    "rollbackDeposit": (Act.ROLLBACK, Direction.DEPOSIT),
}

QUERIES: Final = {"payment/queryWithdrawal": Direction.WITHDRAW, "payment/queryDeposit": Direction.DEPOSIT}

STATES: Final = {HoldState.HELD: "PENDING", HoldState.CONFIRMED: "CONFIRMED", HoldState.UNDONE: "ROLLED_BACK"}
NOT_FOUND: Final = "NOT_FOUND"

ERROR_CODES: Final = {
    Kind.SESSION: 101,
    Kind.FUNDS: 102,
    Kind.LIMIT: 103,
    Kind.PLAYER: 104,
    Kind.CURRENCY: 105,
    Kind.AMOUNT: 106,
    Kind.NOT_FOUND: 114,
}
"""The codes that another gateway of this kind sends. Any other error is 100."""

ALREADY: Final = {Kind.ROLLED_BACK: 111, Kind.DUPLICATE: 112}
"""The codes for an end that is booked already, if this operator does not repeat its first answer."""

DONE_BEFORE: Final = {Act.CONFIRM: ALREADY[Kind.DUPLICATE], Act.ROLLBACK: ALREADY[Kind.ROLLED_BACK]}
"""Which of them acknowledges which end."""

OTHER_ERROR: Final = 100
NAME: Final = "NO_FUNDS"
"""A name in the place of a code, which no setting can give a meaning."""

FAILURES: Final[dict[str, dict[str, Any]]] = {
    "an errorCode under HTTP 200": {"errorCode": OTHER_ERROR},
    "success: false": {"success": False},
    "an error by another name": {"errorMessage": "not booked"},
}
"""Members that some operators add to what looks like a yes."""

ZERO: Final = {"amount": 0, "currencyCode": "XAG"}


class _WireMoney(msgspec.Struct, frozen=True):
    """``{"amount": 230.00, "currencyCode": "XAG"}``; the amount comes as an int or a Decimal, never a float."""

    amount: Any
    currencyCode: str

    def money(self) -> Money:
        """The same, checked. Raises `MoneyError`."""
        if isinstance(self.amount, bool) or not isinstance(self.amount, int | Decimal) or not self.currencyCode:
            raise MoneyError("not an amount of money: it needs a number and a currency code")
        return money(self.amount, self.currencyCode)


class _Body(msgspec.Struct, frozen=True):
    token: str
    mmTransactionId: str = ""
    amount: _WireMoney | None = None


class _Query(msgspec.Struct, frozen=True):
    mmTransactionId: str


class SimulatedQuantum(Simulated):
    """The operator that the contract describes. It acknowledges an unknown rollback, and refuses that hold if it comes
    later. It can always be asked what became of a transfer; whether the gateway does, its settings say."""

    base_path = "/wallet/"
    balance_at = ("balance", "amount")
    unknown_rollback = Unknown.ACKNOWLEDGE
    refusable_repeats = frozenset({Act.CONFIRM, Act.ROLLBACK})
    exemptions: ClassVar = {
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers": "a rollback carries the transfer's id alone"
    }
    error_statuses = frozenset({500})

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        declines = {code: str(kind) for kind, code in ERROR_CODES.items()}
        return {"base_url": base_url, "username": USERNAME, "password": PASSWORD, "declines": declines}

    def own_settings(self, base_url: str) -> dict[str, Any]:
        settings = self.adapter_settings(base_url)
        if not self.manner.says_why:
            settings["declines"] = {}
        if self.manner.refuses_repeats:
            settings["already"] = {ALREADY[Kind.DUPLICATE]: "confirmed", ALREADY[Kind.ROLLED_BACK]: "rolled_back"}
        if self.manner.can_be_asked:
            settings["query"] = {"url": f"{base_url}payment/"}
        return settings

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        numbers = (*ERROR_CODES.values(), *ALREADY.values(), OTHER_ERROR)
        return (*map(str, numbers), NAME, *FAILURES)

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        if self.manner.refuses_repeats and code == str(DONE_BEFORE.get(act)):
            return Meaning.DONE
        return next((kind for kind, number in ERROR_CODES.items() if str(number) == code), Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        if code in FAILURES:
            return _response(200, {**_receipt(order, ZERO), **FAILURES[code]})
        return _error(order, int(code) if code.isdecimal() else code, f"code {code}")

    def understand(self, request: Request) -> Order:
        if request.headers.get("authorization") != basic_auth(USERNAME, PASSWORD):
            raise Misunderstood(HttpResponse(401, {"www-authenticate": "Basic"}, b""))
        endpoint = request.path.removeprefix(self.base_path)
        if endpoint not in ACTS | QUERIES or request.method != "POST":
            raise Misunderstood(HttpResponse(404, {}, b""))
        try:
            if endpoint in QUERIES:
                return _question(QUERIES[endpoint], msgspec.convert(decode(request.body), _Query))
            return _order(endpoint, msgspec.convert(decode(request.body), _Body))
        except (Unclear, msgspec.ValidationError, MoneyError):
            raise Misunderstood(HttpResponse(400, {}, b"")) from None

    def yes(self, order: Order, account: Account) -> HttpResponse:
        if order.act is Act.LOOK_UP:
            return _found(order, self.ledger.holds[order.reference])
        balance = {"amount": account.balance, "currencyCode": account.currency}
        if order.act is Act.VERIFY:
            return _response(200, {"token": order.token, "playerId": account.player_id, "balance": balance})
        if order.act is Act.BALANCE:
            return _response(200, {"balance": balance})
        return _response(200, _receipt(order, balance))

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        if order.act is Act.LOOK_UP and kind is Kind.NOT_FOUND:
            return _response(200, {"mmTransactionId": order.id, "direction": order.direction, "state": NOT_FOUND})
        return _error(order, self._code(kind), kind)

    def _code(self, kind: Kind) -> int:
        if self.manner.refuses_repeats and kind in ALREADY:
            return ALREADY[kind]
        return ERROR_CODES.get(kind, OTHER_ERROR) if self.manner.says_why else OTHER_ERROR


def _order(endpoint: str, body: _Body) -> Order:
    act, direction = ACTS[endpoint]
    if act in {Act.HOLD, Act.CONFIRM} and body.amount is None:
        raise MoneyError("the amount is missing")
    return Order(
        act=act,
        direction=direction,
        token=body.token,
        reference=_reference(direction, body.mmTransactionId),
        id=body.mmTransactionId,
        amount=None if body.amount is None else body.amount.money(),
    )


def _question(direction: Direction, query: _Query) -> Order:
    id = query.mmTransactionId
    return Order(act=Act.LOOK_UP, direction=direction, reference=_reference(direction, id), id=id)


def _reference(direction: Direction, id: str) -> str:
    return f"{direction}:{id}"


def _found(order: Order, hold: Hold) -> HttpResponse:
    """The answer to a question, in the form in which this gateway answers operators."""
    assert hold.amount is not None
    amount = {"amount": hold.amount.amount, "currencyCode": hold.amount.currency}
    state = STATES[hold.state]
    return _response(200, {"mmTransactionId": order.id, "direction": hold.direction, "state": state, **amount})


def _receipt(order: Order, balance: dict[str, Any]) -> dict[str, Any]:
    return {"mmTransactionId": order.id, "balance": balance}


def _error(order: Order, code: int | str, why: str) -> HttpResponse:
    description = f"{order.call} {order.id} under {order.token}: {why}"
    about = {"mmTransactionId": order.id} if order.id else {}
    return _response(500, {"errorCode": code, "errorDescription": description, **about})


def _response(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, encode(body))
