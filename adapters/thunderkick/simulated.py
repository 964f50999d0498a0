"""A simulated operator whose wallet speaks Thunderkick's contract.

Source: public implementations of the operator's side (docs/operators/thunderkick.md).
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar, Final

import msgspec

from gateway.money import Money, money
from gateway.operators import Direction, HttpResponse, Kind, Unclear, decode, encode
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated, Unknown

PLACES: Final = 6
CREDENTIALS: Final = "thunderkick:sandbox"
TOKEN_PREFIX: Final = "token-of-"

CODES: Final = {
    Kind.SESSION: "522/100",
    Kind.PLAYER: "522/210",
    Kind.FUNDS: "523/200",
    Kind.LIMIT: "523/201",
    Kind.ROLLED_BACK: "522/251",
    Kind.OTHER: "500/500",
}
"""HTTP status and code. All others are 522/250."""

ANY_REFUSAL: Final = {"522/100": Kind.SESSION, "522/101": Kind.SESSION, "522/210": Kind.PLAYER}
BET_REFUSAL: Final = {"523/200": Kind.FUNDS, "523/201": Kind.LIMIT, "523/253": Kind.OTHER}
NOT_YET: Final = {Act.CONFIRM: "522/262", Act.ROLLBACK: "522/251"}
"""The code by which the operator wants the same request again later."""

OTHER_CODES: Final = ("500/500", "522/250", "522/251", "522/260", "522/262", "522/270", "522/280", "522/282", "523/271")

ACTS: Final = {"balances": Act.BALANCE, "bet": Act.HOLD, "win": Act.CONFIRM, "rollbackbet": Act.ROLLBACK}
ID_MEMBERS: Final = {
    Act.HOLD: "extBetTransactionId",
    Act.CONFIRM: "extWinTransactionId",
    Act.ROLLBACK: "extRollbackTransactionId",
}


class _Amount(msgspec.Struct, frozen=True):
    amount: str
    currency: str


class _Bet(msgspec.Struct, frozen=True):
    bet: _Amount
    accountType: str


class _Win(msgspec.Struct, frozen=True):
    win: _Amount


class _Round(msgspec.Struct, frozen=True):
    gameRoundId: str | int


class _Body(msgspec.Struct, frozen=True):
    playerExternalReference: str
    operatorSessionToken: str
    gameRound: _Round | None = None
    gameRoundId: str | int = ""
    betTransactionId: str = ""
    bets: list[_Bet] = []
    wins: list[_Win] = []


class SimulatedThunderkick(Simulated):
    """Answers an unknown rollback with an empty id, and forgets it: the bet is booked if it comes later."""

    base_path = "/thunderkick/"
    balance_at = ("balances", "moneyAccounts", 0, "balance", "amount")
    unknown_rollback = Unknown.FORGET
    refusable_repeats = frozenset()
    unnamed_code = "522/999"
    exemptions: ClassVar[Mapping[str, str]] = {
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers": "a rollback carries the hold's id alone",
        "an_answer_to_another_request_is_unknown": "an answer repeats no id of the request",
        "a_yes_that_names_nothing_is_unknown": "the ids in an answer are the operator's own",
        "the_session_of_another_is_refused": "an answer repeats neither session nor player",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        username, _, password = CREDENTIALS.partition(":")
        return {
            "base_url": base_url,
            "username": username,
            "password": password,
            "game": "sandbox_game",
            "player_ip": "192.0.2.1",
            "session_token": TOKEN_PREFIX + "{player}",
        }

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"confirm": "none"}, {"ids": "number"}, {"rollback_id": "own"}]

    @classmethod
    def read_body(cls, body: bytes) -> dict[str, Any]:
        """The accounts stand at the top of an answer to `balances`, and one level down in all others."""
        members: dict[str, Any] = decode(body)
        return {"balances": members, "bare": True} if "moneyAccounts" in members else members

    @classmethod
    def write_body(cls, members: dict[str, Any]) -> bytes:
        return encode(members.get("balances", {"moneyAccounts": []}) if "bare" in members else members)

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return (*ANY_REFUSAL, *BET_REFUSAL, *OTHER_CODES)

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        if code == NOT_YET.get(act):
            return Meaning.RETRY_LATER
        refusals = {**ANY_REFUSAL, **BET_REFUSAL} if act is Act.HOLD else ANY_REFUSAL
        return refusals.get(code, Meaning.UNKNOWN)

    @classmethod
    def statuses_of(cls, code: str) -> frozenset[int]:
        return frozenset({int(code.partition("/")[0])})

    def understand(self, request: Request) -> Order:
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme != "Basic" or b64decode(credentials).decode() != CREDENTIALS:
            raise Misunderstood(HttpResponse(401, {"www-authenticate": "Basic"}, b""))
        call, _, id = request.path.removeprefix(self.base_path).partition("/")
        try:
            return self._order(ACTS[call], id, msgspec.convert(decode(request.body), _Body))
        except (Unclear, LookupError, ValueError):
            raise Misunderstood(HttpResponse(400, {}, b"")) from None

    def _order(self, act: Act, id: str, body: _Body) -> Order:
        """A bet is named by its own id, in the path or in a rollback's body, but in a win by its round alone."""
        round_id = str(body.gameRoundId if body.gameRound is None else body.gameRound.gameRoundId)
        game_id = round_id.rpartition("round.")[2]
        bet = self.ledger.reference_of(game_id)
        if act is Act.CONFIRM and [Decimal(each.win.amount) for each in body.wins] != [0]:
            raise ValueError("a win that is not the only one, or not of 0")
        if act is Act.CONFIRM and id in {"", bet}:
            raise ValueError("a win without an id of its own")
        return Order(
            act=act,
            token=body.operatorSessionToken,
            reference={Act.CONFIRM: bet, Act.ROLLBACK: body.betTransactionId}.get(act, id),
            id=game_id,
            amount=_money(body.bets) if act is Act.HOLD else None,
            player=body.playerExternalReference,
            echo=id,
        )

    def yes(self, order: Order, account: Account) -> HttpResponse:
        if order.act is Act.BALANCE:
            return _response(200, _balances(account))
        return _response(200, {"balances": _balances(account), ID_MEMBERS[order.act]: f"77-{order.reference}"})

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        if order.act is Act.ROLLBACK and kind is Kind.NOT_FOUND:
            account = self.ledger.owner(order.token)
            balances = {} if account is None else {"balances": _balances(account)}
            return _response(200, {**balances, ID_MEMBERS[order.act]: ""})
        return self.answer_code(order, CODES.get(kind, "522/250"))

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        status, _, number = code.partition("/")
        return _response(int(status), {"errorCode": number, "errorMessage": f"error {number} in the sandbox"})


def _money(bets: list[_Bet]) -> Money:
    (only,) = bets
    whole, _, fraction = only.bet.amount.partition(".")
    if only.accountType != "REAL" or not whole.isdigit() or len(fraction) != PLACES:
        raise ValueError("not a bet of real money with six places")
    return money(only.bet.amount, only.bet.currency)


def _balances(account: Account) -> dict[str, Any]:
    return {"moneyAccounts": [_account(account, "REAL", account.balance), _account(account, "BONUS", Decimal(0))]}


def _account(account: Account, kind: str, balance: Decimal) -> dict[str, Any]:
    amount = {"amount": f"{balance:f}", "currency": account.currency}
    return {"balance": amount, "accountId": f"{account.player_id}_{kind}", "accountType": kind}


def _response(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, {"content-type": "application/json"}, encode(body))
