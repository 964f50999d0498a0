"""A simulated operator that serves Betsoft's Common Wallet protocol.

Source: Betsoft's Common Wallet protocol (authenticate, getBalance, betResult, refundBet, getStatus).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

import msgspec

from gateway.money import Money, scaled
from gateway.operators import Direction, HttpResponse, Kind
from gateway.sandbox.ledger import Account, HoldState
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated, Unknown

PASS_KEY: Final = "sandbox-pass-key"

CODES: Final = {
    Kind.FUNDS: "300",
    Kind.NOT_FOUND: "302",
    Kind.PLAYER: "310",
    Kind.LIMIT: "313",
    Kind.SESSION: "324",
}
INTERNAL: Final = "399"
INVALID_HASH: Final = "500"

REFUSALS: Final = {"310": Kind.PLAYER, "324": Kind.SESSION, "500": Kind.OTHER}
BET_REFUSALS: Final = {
    **REFUSALS,
    "300": Kind.FUNDS,
    "301": Kind.OTHER,
    **dict.fromkeys(("311", "312", "313", "314", "315", "316", "317", "322", "323"), Kind.LIMIT),
}
MEANINGS: Final = {Act.HOLD: BET_REFUSALS, Act.CONFIRM: REFUSALS, Act.ROLLBACK: {**REFUSALS, "302": Kind.NOT_FOUND}}
PROVE_NOTHING: Final = ("318", "319", "320", "321", "325", "326", "399", "400", "599", "602", "610")

ROOT: Final = "EXTSYSTEM"

Params = dict[str, str]


class SimulatedBetsoft(Simulated):
    """Answers 302 to the refund, and to the status, of a bet that it does not have (any more)."""

    base_path = "/betsoft/"
    balance_at = ("BALANCE",)
    unknown_rollback = Unknown.FORGET
    refusable_repeats: ClassVar[frozenset[Act]] = frozenset()
    exemptions: ClassVar[dict[str, str]] = {
        "a_yes_to_another_act_is_unknown": "the answers differ in the balance alone",
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers": "a refund carries the bet's id alone",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        # Shorter than the contract's five minutes: who tries something at a sandbox does not wait for them.
        waits = {"ask_again_for_s": 2.0}
        return {"base_url": base_url, "pass_key": PASS_KEY, "game_id": "100", "send_token": True, **waits}

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"parameters": "query"}, {"confirm": "none"}, {"send_token": False}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return (*BET_REFUSALS, "302", *PROVE_NOTHING)

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        return MEANINGS[act].get(code, Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _answer(order, {"RESULT": "FAILED", "CODE": code})

    @classmethod
    def read_body(cls, body: bytes) -> dict[str, Any]:
        """The members of RESPONSE, and REQUEST beside them."""
        try:
            system = ET.fromstring(body)  # noqa: S314 - what this operator has written
        except ET.ParseError as error:
            raise ValueError("not XML") from error
        parts = {part.tag: {member.tag: member.text or "" for member in part} for part in system}
        return {"REQUEST": parts["REQUEST"], **parts["RESPONSE"]}

    @classmethod
    def write_body(cls, members: dict[str, Any]) -> bytes:
        response = {name: value for name, value in members.items() if name != "REQUEST"}
        system = ET.Element(ROOT)
        _add(system, "REQUEST", members["REQUEST"])
        _add(system, "RESPONSE", response)
        return ET.tostring(system)

    def understand(self, request: Request) -> Order:
        path, _, query = request.path.partition("?")
        params = dict(parse_qsl(query or request.body.decode(), keep_blank_values=True))
        try:
            read, hashed = METHODS[path.removeprefix(self.base_path)]
            order = read(params)
        except (LookupError, ValueError, InvalidOperation):
            raise Misunderstood(HttpResponse(400, {}, b"")) from None
        text = "".join(params[name] for name in hashed if name in params)
        if params.get("hash") != hashlib.md5((text + PASS_KEY).encode()).hexdigest():  # noqa: S324 - the contract's
            raise Misunderstood(self.answer_code(order, INVALID_HASH))
        return self._with_account(order)

    def yes(self, order: Order, account: Account) -> HttpResponse:
        done = {"RESULT": "OK"}
        if order.act is Act.VERIFY:
            return _answer(
                order, {**done, "USERID": account.player_id, "CURRENCY": account.currency, **_money(account)}
            )
        if order.act is Act.BALANCE:
            return _answer(order, {**done, **_money(account)})
        if order.act is Act.LOOK_UP and not self._is_known(order):
            return self.no(order, Kind.NOT_FOUND)
        own_id = {"EXTSYSTEMTRANSACTIONID": f"own-{order.reference}"}
        return _answer(order, {**done, **own_id, **(_money(account) if order.act in {Act.HOLD, Act.CONFIRM} else {})})

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        return self.answer_code(order, CODES.get(kind, INTERNAL))

    def _with_account(self, order: Order) -> Order:
        """With what a request need not name: the session, which is then the player's first, and the currency."""
        account = self.ledger.owner(order.token) or self.ledger.accounts.get(order.player)
        if account is None:
            return order
        amount = None if order.amount is None else Money(order.amount.amount, account.currency)
        return msgspec.structs.replace(order, token=order.token or account.token, amount=amount)

    def _is_known(self, order: Order) -> bool:
        """Whether a status is that of a bet that was not refunded, or of the win that closed its round."""
        state = self.ledger.holds[order.reference].state
        is_bet = dict(parse_qsl(order.echo))["CASINOTRANSACTIONID"] == order.reference
        return state is HoldState.CONFIRMED or (is_bet and state is HoldState.HELD)


def _session(act: Act, params: Params, repeated: str) -> Order:
    return Order(act=act, token=params.get("token", ""), player=params.get("userId", ""), echo=_echo(params, repeated))


def _bet_or_win(params: Params) -> Order:
    if "bet" not in params:
        amount, _, _ = params["win"].partition("|")
        if (amount, params["isRoundFinished"]) != ("0", "true"):
            raise ValueError("a win that gives money, or leaves the round open")
        return _move(Act.CONFIRM, params, params["roundId"], "win")
    cents, _, id = params["bet"].partition("|")
    return _move(Act.HOLD, params, id, "bet", Decimal(cents) / 100)


def _move(act: Act, params: Params, reference: str, repeated: str, amount: Decimal | None = None) -> Order:
    return Order(
        act=act,
        token=params.get("token", ""),
        reference=reference,
        id=reference,
        amount=None if amount is None else Money(amount, ""),
        player=params["userId"],
        echo=_echo(params, repeated),
    )


def _verify(params: Params) -> Order:
    return _session(Act.VERIFY, params, "token")


def _balance(params: Params) -> Order:
    return _session(Act.BALANCE, params, "userId")


def _refund(params: Params) -> Order:
    return _move(Act.ROLLBACK, params, params["casinoTransactionId"], "casinoTransactionId")


def _status(params: Params) -> Order:
    return _move(Act.LOOK_UP, params, params["roundId"], "casinoTransactionId")


METHODS: Final[dict[str, tuple[Callable[[Params], Order], tuple[str, ...]]]] = {
    "authenticate": (_verify, ("token",)),
    "getBalance": (_balance, ("userId",)),
    "betResult": (_bet_or_win, ("userId", "bet", "win", "isRoundFinished", "roundId", "gameId")),
    "refundBet": (_refund, ("userId", "casinoTransactionId")),
    "getStatus": (_status, ("userId", "casinoTransactionId")),
}
"""How each method's parameters are read, and those that its hash is made of."""


def _echo(params: Params, repeated: str) -> str:
    """Every parameter but the hash, in capitals, the one that names the request last."""
    names = sorted(params.keys() - {"hash", repeated})
    return urlencode([(name.upper(), params[name]) for name in (*names, repeated)])


def _answer(order: Order, response: dict[str, str]) -> HttpResponse:
    echo = dict(parse_qsl(order.echo, keep_blank_values=True))
    body = SimulatedBetsoft.write_body({"REQUEST": echo, **response})
    return HttpResponse(200, {"content-type": "text/xml"}, body)


def _add(element: ET.Element, name: str, value: object) -> None:
    """Adds a member. One whose value has become a list stands in an element of its own."""
    member = ET.SubElement(element, name)
    if isinstance(value, dict):
        for inner, text in value.items():
            _add(member, inner, text)
    elif isinstance(value, list):
        _add(member, "item", *value)
    else:
        member.text = str(value)


def _money(account: Account) -> dict[str, str]:
    return {"BALANCE": str(scaled(account.balance, 2))}
