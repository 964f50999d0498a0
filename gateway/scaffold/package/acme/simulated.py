"""Acme's wallet from the operator's side, written from the contract and not from the adapter.

The ledger, the faults and the sockets are the gateway's. `mm-gateway sandbox acme` serves it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from gateway.money import Money, scaled, unscaled
from gateway.operators import Direction, HttpResponse, Kind, decode, encode
from gateway.sandbox.ledger import Account
from gateway.sandbox.simulated import Act, Meaning, Misunderstood, Order, Request, Simulated

KEY: Final = "the sandbox's key"

ACTS: Final = {
    "/wallet": Act.BALANCE,
    "/take": Act.HOLD,
    "/give": Act.HOLD,
    "/settle": Act.CONFIRM,
    "/cancel": Act.ROLLBACK,
}

ERRORS: Final = {Kind.SESSION: "NO_SESSION", Kind.FUNDS: "NO_FUNDS", Kind.NOT_FOUND: "UNKNOWN_TX"}
"""The errors that prove that nothing was booked."""

INTERNAL: Final = "INTERNAL"
"""Any other error: it proves nothing."""


class SimulatedAcme(Simulated):
    """Acme's wallet, with players and money that are made up."""

    balance_at = ("cents",)
    exemptions: ClassVar = {
        "the_session_of_another_is_refused": "Acme's answer to /wallet does not name the session",
        "a_late_hold_is_undone_by_an_operator_that_repeats_its_answers": "a cancel carries the tx of its take alone",
    }

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {"base_url": base_url, "key": KEY}

    def understand(self, request: Request) -> Order:
        if request.path not in ACTS or request.headers.get("x-key") != KEY:
            raise Misunderstood(HttpResponse(403, {}, b""))
        body = decode(request.body)
        tx = body.get("tx", "withdraw-")
        direction, _, id = tx.partition("-")
        amount = Money(unscaled(body["cents"], 2), body["currency"]) if "cents" in body else None
        return Order(
            act=ACTS[request.path],
            direction=Direction(direction),
            token=body["session"],
            reference=tx,
            id=id,
            amount=amount,
            echo=tx,
        )

    def yes(self, order: Order, account: Account) -> HttpResponse:
        money = {"cents": scaled(account.balance, 2), "currency": account.currency}
        return HttpResponse(200, {}, encode({"player": account.player_id, "tx": order.echo, **money}))

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        return self.answer_code(order, ERRORS.get(kind, INTERNAL))

    @classmethod
    def codes(cls) -> tuple[str, ...]:
        return (*ERRORS.values(), INTERNAL)

    def meaning(self, code: str, act: Act, direction: Direction) -> Kind | Meaning:
        return next((kind for kind, error in ERRORS.items() if error == code), Meaning.UNKNOWN)

    def answer_code(self, order: Order, code: str) -> HttpResponse:
        return HttpResponse(409, {}, encode({"error": code}))
