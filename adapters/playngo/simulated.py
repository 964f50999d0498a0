"""A simulated operator that serves Play'n GO's wallet protocol.

Source: Play'n GO's wallet protocol (authenticate, balance, reserve, cancelReserve, release).
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Final
from xml.etree import ElementTree as ET

from gateway.money import money
from gateway.operators import Direction, HttpResponse, Kind
from gateway.sandbox.ledger import Account, HoldState, Ledger
from gateway.sandbox.simulated import PLAIN, Act, Manner, Meaning, Misunderstood, Order, Request, Simulated, Unknown

ACCESS_TOKEN: Final = "sandbox-access-token"

ACTS: Final = {
    "authenticate": Act.VERIFY,
    "balance": Act.BALANCE,
    "reserve": Act.HOLD,
    "release": Act.CONFIRM,
    "cancelReserve": Act.ROLLBACK,
}
METHODS: Final = {act: method for method, act in ACTS.items()}

CODES: Final = {
    Kind.PLAYER: "1",
    Kind.CURRENCY: "3",
    Kind.FUNDS: "7",
    Kind.LIMIT: "9",
    Kind.SESSION: "10",
}
OTHER: Final = "2"
BUSY: Final = "8"
WRONG_ACCESS_TOKEN: Final = "4"

REFUSALS: Final = {"1": Kind.PLAYER, "5": Kind.PLAYER, "6": Kind.PLAYER, "10": Kind.SESSION}
HOLD_REFUSALS: Final = {**REFUSALS, "3": Kind.CURRENCY, "7": Kind.FUNDS, "9": Kind.LIMIT, "11": Kind.LIMIT}

ROOT: Final = ""
"""Where `read_body` puts the root element's name."""


class SimulatedPlayngo(Simulated):
    """Answers 0 without a transaction's id to the cancel of an unknown reserve. The id of a session is its ticket in
    hexadecimal digits."""

    base_path = "/playngo/"
    balance_at = ("real",)
    unknown_rollback = Unknown.FORGET
    refusable_repeats: ClassVar[frozenset[Act]] = frozenset()
    exemptions: ClassVar[dict[str, str]] = {
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers": "a rollback carries the hold's id alone",
        "an_answer_to_another_request_is_unknown": "an answer names neither the transaction nor the player",
        "the_session_of_another_is_refused": "an answer does not name the ticket",
    }

    def __init__(self, ledger: Ledger, unknown_rollback: Unknown | None = None, manner: Manner = PLAIN) -> None:
        super().__init__(ledger, unknown_rollback, manner)
        self._reserves: dict[str, str] = {}
        """The first transactionId of each round."""

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {"base_url": base_url, "access_token": ACCESS_TOKEN, "product_id": "1", "game_id": "287"}

    @classmethod
    def other_settings(cls) -> list[dict[str, Any]]:
        return [{"one_url": True}, {"confirm": "none"}]

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return tuple(str(code) for code in range(1, 13))

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        if code == BUSY:
            return Meaning.RETRY_LATER
        return (HOLD_REFUSALS if act is Act.HOLD else REFUSALS).get(code, Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return _answer(order.act, {"statusCode": code, "statusMessage": f"code {code}"})

    @classmethod
    def read_body(cls, body: bytes) -> dict[str, Any]:
        root = _parse(body)
        return {ROOT: root.tag, **{member.tag: member.text or "" for member in root}}

    @classmethod
    def write_body(cls, members: dict[str, Any]) -> bytes:
        """A value that has become a list stands in an element of its own."""
        texts = {name: value for name, value in members.items() if name != ROOT}
        (root,) = [members[ROOT]] if isinstance(members[ROOT], str) else members[ROOT]
        return _write(root, texts)

    def understand(self, request: Request) -> Order:
        try:
            body = self.read_body(request.body)
            act = ACTS[body[ROOT]]
            order = self._order(act, body)
        except (LookupError, ValueError, InvalidOperation):
            raise Misunderstood(HttpResponse(400, {}, b"")) from None
        if request.method != "POST" or request.path not in {self.base_path, self.base_path + body[ROOT]}:
            raise Misunderstood(HttpResponse(404, {}, b""))
        if body["accessToken"] != ACCESS_TOKEN:
            raise Misunderstood(self.answer_code(order, WRONG_ACCESS_TOKEN))
        return order

    def yes(self, order: Order, account: Account) -> HttpResponse:
        balance = {"real": f"{account.balance:f}", "currency": account.currency}
        done = {"statusCode": "0", "statusMessage": "OK"}
        if order.act is Act.VERIFY:
            names = {"externalId": account.player_id, "userCurrency": account.currency, "real": balance["real"]}
            return _answer(order.act, {**names, "externalGameSessionId": order.token.encode().hex(), **done})
        if order.act is Act.BALANCE:
            return _answer(order.act, {**balance, **done})
        own_id = {"externalTransactionId": f"own-{order.echo}"}
        if order.act is not Act.ROLLBACK:
            return _answer(order.act, {**own_id, **balance, **done})
        hold = self.ledger.holds.get(order.reference)
        if hold is None or hold.state is HoldState.BURIED:
            return self.no(order, Kind.NOT_FOUND)
        return _answer(order.act, {**own_id, **done})

    def _order(self, act: Act, body: dict[str, str]) -> Order:
        """A release names its reserve by the round, which holds no other."""
        token = body["username"] if act is Act.VERIFY else bytes.fromhex(body["externalGameSessionId"]).decode()
        if act in {Act.VERIFY, Act.BALANCE}:
            return Order(act=act, token=token, player=body.get("externalId", ""))
        if act is Act.CONFIRM and not (body["state"] == "1" and Decimal(body["real"]) == 0):
            raise ValueError("a release that gives money, or leaves the round open")
        return Order(
            act=act,
            token=token,
            reference=self._reserve_of(act, body["roundId"], body["transactionId"]),
            id=body["roundId"],
            amount=money(body["real"], body["currency"]) if act is Act.HOLD else None,
            player=body["externalId"],
            echo=body["transactionId"],
        )

    def _reserve_of(self, act: Act, round_id: str, transaction_id: str) -> str:
        """The name of the reserve that a request is about: its round, if it is the one that the round was opened for.
        Raises `ValueError` for a release that has no id of its own."""
        if act is not Act.CONFIRM:
            opened_for = self._reserves.setdefault(round_id, transaction_id)
            return round_id if transaction_id == opened_for else transaction_id
        if transaction_id in {"", self._reserves.get(round_id)}:
            raise ValueError("a release without an id of its own")
        return round_id

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        if order.act is Act.ROLLBACK and kind is Kind.NOT_FOUND:
            return _answer(order.act, {"externalTransactionId": "", "statusCode": "0", "statusMessage": "OK"})
        return _answer(order.act, {"statusCode": CODES.get(kind, OTHER), "statusMessage": f"{kind}"})


def _parse(body: bytes) -> ET.Element:
    try:
        return ET.fromstring(body)  # noqa: S314 - what the gateway, or this operator, has written
    except ET.ParseError as error:
        raise ValueError("not XML") from error


def _answer(act: Act, members: dict[str, Any]) -> HttpResponse:
    return HttpResponse(200, {"content-type": "application/xml"}, _write(METHODS[act], members))


def _write(root: str, members: dict[str, Any]) -> bytes:
    element = ET.Element(root)
    for name, value in members.items():
        member = ET.SubElement(element, name)
        if isinstance(value, list):
            ET.SubElement(member, "item").text = str(*value)
        else:
            member.text = str(value)
    return ET.tostring(element)
