"""A simulated operator that speaks Groove's transaction API.

Source: Groove's public documentation of the transaction API.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl

from gateway.money import money
from gateway.operators import Direction, HttpResponse, Kind, encode
from gateway.sandbox.ledger import Account, HoldState, Ledger
from gateway.sandbox.simulated import PLAIN, Act, Manner, Meaning, Misunderstood, Order, Request, Simulated, Unknown

SECURITY_KEY: Final = "the sandbox's key"

ACTS: Final = {
    "getaccount": Act.VERIFY,
    "getbalance": Act.BALANCE,
    "wager": Act.HOLD,
    "result": Act.CONFIRM,
    "rollback": Act.ROLLBACK,
}

COMMON: Final = {"request", "gamesessionid", "device", "apiversion"}
NEEDED: Final = {
    "getaccount": COMMON,
    "getbalance": COMMON | {"accountid", "nogsgameid"},
    "wager": COMMON | {"accountid", "gameid", "roundid", "transactionid", "betamount"},
    "result": COMMON | {"accountid", "gameid", "roundid", "transactionid", "result", "gamestatus"},
    "rollback": COMMON | {"accountid", "gameid", "transactionid"},
}
"""The parameters that each request must have. This operator finds an account by its session alone, too."""

SUCCESS: Final = (200, "Success")
DUPLICATE: Final = (200, "Success - duplicate request")
TECHNICAL_ERROR: Final = (1, "Technical error")
WAGER_NOT_FOUND: Final = (102, "Wager not found")
NOT_ALLOWED: Final = (110, "Operation not allowed")
MISMATCH: Final = (400, "Transaction operator mismatch")
INVALID_SIGNATURE: Final = (1001, "Invalid signature")

ERRORS: Final = {
    Kind.NOT_FOUND: WAGER_NOT_FOUND,
    Kind.DUPLICATE: MISMATCH,
    Kind.ROLLED_BACK: NOT_ALLOWED,
    Kind.SESSION: (1000, "Not logged on"),
    Kind.FUNDS: (1006, "Out of money"),
    Kind.LIMIT: (1019, "Gaming limit"),
    Kind.PLAYER: (1035, "Account blocked"),
}

DONE_BEFORE: Final = {(Act.CONFIRM, Kind.DUPLICATE), (Act.ROLLBACK, Kind.ROLLED_BACK)}
"""An end that was booked before, and why its repeat is then refused within."""

CODES: Final = ("0", "1", "102", "110", "400", "409", "1000", "1001", "1003", "1006", "1019", "1035")

PROVEN: Final[dict[Act, dict[str, Kind | Meaning]]] = {
    Act.HOLD: {"1000": Kind.SESSION, "1006": Kind.FUNDS, "1019": Kind.LIMIT, "1035": Kind.PLAYER},
    Act.ROLLBACK: {"0": Meaning.DONE, "102": Kind.NOT_FOUND, "110": Meaning.PARK},
}
"""What the contract's pages on wager and rollback let one conclude."""

AMOUNT: Final = re.compile(r"[0-9]{1,22}(\.[0-9]{1,10})?", re.ASCII)

Params = dict[str, str]


class SimulatedGroove(Simulated):
    """Answers 102 to the rollback of an unknown wager, and refuses that wager if it comes later.

    A hold's name here is its wager's `transactionid` and `roundid`: a result names the round alone.
    """

    base_path = "/groove/"
    exemptions: ClassVar[Mapping[str, str]] = {
        "a_yes_to_another_act_is_unknown": "an answer's ids are the operator's own",
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers": "a rollback carries the hold's id alone",
        "an_answer_to_another_request_is_unknown": "an answer to a transaction repeats nothing of its request",
        "a_yes_that_names_nothing_is_unknown": "an answer to a transaction repeats nothing of its request",
    }

    def __init__(self, ledger: Ledger, unknown_rollback: Unknown | None = None, manner: Manner = PLAIN) -> None:
        super().__init__(ledger, unknown_rollback, manner)
        self._wager_of = {name.partition(" ")[2]: name for name in ledger.holds}

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {"url": f"{base_url}api", "security_key": SECURITY_KEY, "game_id": "sandbox_game"}

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"confirm": "none"}, {"sign_request": "all"}, {"sign_request": "transactions"}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return CODES

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        return PROVEN.get(act, {}).get(code, Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _response((int(code), "Error" if int(code) else "Success"))

    def understand(self, request: Request) -> Order:
        path, _, query = request.path.partition("?")
        params = dict(parse_qsl(query, keep_blank_values=True))
        call = params.get("request", "")
        if path != f"{self.base_path}api" or request.method != "GET" or call not in ACTS:
            raise Misunderstood(HttpResponse(404, {}, b""))
        if request.headers.get("x-groove-signature") not in _signatures(params):
            raise Misunderstood(_response(INVALID_SIGNATURE))
        if not NEEDED[call] <= params.keys():
            raise Misunderstood(_response(TECHNICAL_ERROR))
        return self._order(ACTS[call], params)

    def _order(self, act: Act, params: Params) -> Order:
        token = params["gamesessionid"]
        account = self.ledger.owner(token)
        if account is not None and params.get("accountid", account.player_id) != account.player_id:
            raise Misunderstood(_response(ERRORS[Kind.SESSION]))
        amount = params.get("betamount", params.get("result", "0"))
        if not AMOUNT.fullmatch(amount) or (act is Act.CONFIRM and amount != "0"):
            raise Misunderstood(_response(TECHNICAL_ERROR))
        return Order(
            act=act,
            token=token,
            reference=self._name(act, params),
            id=params.get("roundid", ""),
            # A wager is taken in the currency of the account.
            amount=money(amount, account.currency if account else "") if act is Act.HOLD else None,
            player=params.get("accountid", ""),
        )

    def _name(self, act: Act, params: Params) -> str:
        round_id = params.get("roundid", "")
        if act is Act.CONFIRM:
            return self._wager_of.get(round_id, "")
        name = f"{params.get('transactionid', '')} {round_id}"
        if act is Act.HOLD:
            self._wager_of[round_id] = name
        return name

    def yes(self, order: Order, account: Account) -> HttpResponse:
        if order.act is Act.VERIFY:
            account_members = {"accountid": account.player_id, "gamesessionid": order.token}
            parts = {"currency": account.currency, "real_balance": account.balance, "bonus_balance": 0}
            return _response(SUCCESS, **account_members, **parts)
        members = {} if order.act is Act.BALANCE else {"accounttransactionid": f"{order.act} {order.reference}"}
        return _response(SUCCESS, balance=account.balance, real_balance=account.balance, bonus_balance=0, **members)

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        if (order.act, kind) in DONE_BEFORE:
            return _response(DUPLICATE)
        hold = self.ledger.holds.get(order.reference)
        if order.act is Act.ROLLBACK and kind is Kind.OTHER and hold and hold.state is HoldState.CONFIRMED:
            return _response(NOT_ALLOWED)
        return _response(ERRORS.get(kind, TECHNICAL_ERROR))


def _signatures(params: Params) -> set[str]:
    """Those that this operator takes: with the name of the request and without."""
    ordered = sorted(params.items(), key=lambda param: param[0].replace("nogsgameid", "gameid"))
    without = "".join(value for name, value in ordered if name != "request")
    return {_digest(without), _digest("".join(value for _, value in ordered))}


def _digest(text: str) -> str:
    return hmac.new(SECURITY_KEY.encode(), text.encode(), sha256).hexdigest()


def _response(outcome: tuple[int, str], **members: object) -> HttpResponse:
    code, status = outcome
    body = {"code": code, "status": status, "apiversion": "1.2", **members}
    return HttpResponse(200, {"content-type": "application/json"}, encode(body))
