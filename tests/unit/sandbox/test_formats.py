"""Faults and the wire log do not depend on the format of a protocol's bodies."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from adapters.quantum.simulated import SimulatedQuantum
from gateway.money import Money, money
from gateway.operators import HttpResponse, Kind
from gateway.sandbox.faults import Fault, FaultRule, FaultyOperator
from gateway.sandbox.ledger import Account, HoldState, Ledger, Refusal, Seen
from gateway.sandbox.simulated import Act, Meaning, Order, Request, Simulated
from gateway.sandbox.stores import FileStore, MemoryStore


class Forms(Simulated):
    """A protocol whose answers are forms, with the balance second in a list of two."""

    balance_at = ("totals", 1)

    @classmethod
    def adapter_settings(cls, base_url: str) -> dict[str, Any]:
        return {"base_url": base_url}

    @classmethod
    def read_body(cls, body: bytes) -> dict[str, Any]:
        return dict(parse_qs(body.decode()))

    @classmethod
    def write_body(cls, members: dict[str, Any]) -> bytes:
        return urlencode(members, doseq=True).encode()

    def understand(self, request: Request) -> Order:
        return Order(act=Act(request.path.removeprefix("/")), token="t1", reference="r", amount=money(10, "XAG"))

    def yes(self, order: Order, account: Account) -> HttpResponse:
        return HttpResponse(200, {}, self.write_body({"ok": ["1"], "totals": ["0", str(account.balance)]}))

    def no(self, order: Order, kind: Kind) -> HttpResponse:
        return HttpResponse(200, {}, f"error={kind}".encode())


def operator(simulated: type[Simulated] = Forms) -> FaultyOperator:
    ledger = Ledger(MemoryStore())
    ledger.enrol("p1", "t1", money(100, "XAG"))
    return FaultyOperator(simulated(ledger), lambda: 12.5)


def answered(faulty: FaultyOperator, path: str = "/hold") -> bytes:
    answer = faulty.handle(Request("GET", path, {"x-key": "k"}, b"")).answer
    assert answer is not None
    return answer.body


@pytest.mark.parametrize(
    "fault, body",
    [
        (Fault.MANY_DIGITS, b"ok=1&totals=0&totals=90.00000000000000004"),
        (Fault.WORDS, b"ok=1&totals=0&totals=plenty"),
        (Fault.NO_BALANCE, b"ok=1"),
        (Fault.WRONG_TYPE, b"ok=%5B%271%27%5D&totals=%5B%270%27%2C+%2790%27%5D"),
    ],
)
def test_a_fault_rewrites_an_answer_in_the_protocols_own_format(fault: Fault, body: bytes) -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=fault)])
    assert answered(faulty) == body


def test_an_answer_without_a_balance_stays_as_it_is() -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=Fault.WORDS)])
    faulty.simulated.balance_at = ("no", "such", 0)  # type: ignore[misc]  # of this one
    assert answered(faulty) == b"ok=1&totals=0&totals=90"


def test_the_wire_log_keeps_method_headers_and_answer() -> None:
    faulty = operator()
    answered(faulty)
    (seen,) = faulty.simulated.ledger.wire()
    assert (seen.method, seen.headers) == ("GET", {"x-key": "k"})
    assert seen.answer == HttpResponse(200, {}, b"ok=1&totals=0&totals=90")


def test_a_request_without_an_answer_has_none_in_the_wire_log() -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=Fault.HANG_AFTER, times=1)])
    faulty.handle(Request("GET", "/hold", {}, b""))
    answered(faulty, "/rollback")
    first, second = faulty.simulated.ledger.wire()
    assert first.answer is None
    assert second.answer is not None


def test_a_ledger_file_of_before_is_still_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b'{"type":"Seen","at":1.5,"call":"withdraw","id":"a","path":"/w","body":"e30="}\n')
    (seen,) = Ledger(FileStore(path)).wire()
    assert seen == Seen(at=1.5, call="withdraw", id="a", path="/w", body=b"{}")


def test_the_answer_survives_in_a_file(tmp_path: Path) -> None:
    ledger = Ledger(FileStore(tmp_path / "ledger"))
    ledger.log_request(Seen(at=1.5, call="withdraw", id="a", path="/w", body=b""))
    ledger.log_answer(HttpResponse(200, {"x": "y"}, b"\xff"))
    ledger.close()
    (seen,) = Ledger(FileStore(tmp_path / "ledger")).wire()
    assert seen.answer == HttpResponse(200, {"x": "y"}, b"\xff")


def test_a_look_up_is_about_the_hold_and_knows_none_that_never_came() -> None:
    ledger = operator().simulated.ledger
    with pytest.raises(Refusal) as refused:
        ledger.account_of("r")
    assert refused.value.kind is Kind.NOT_FOUND
    ledger.hold(ledger.accounts["p1"], Order(act=Act.HOLD).direction, "r", "a", Money(Decimal(1), "XAG"))
    assert ledger.account_of("r").player_id == "p1"
    assert ledger.holds["r"].state is HoldState.HELD


def test_a_question_what_became_of_a_transfer_has_a_name_in_the_wire_log() -> None:
    assert Order(act=Act.LOOK_UP).call == "lookUp"


def test_an_error_code_is_answered_and_has_a_meaning() -> None:
    simulated = operator(SimulatedQuantum).simulated
    order = Order(act=Act.HOLD, id="a")
    assert b'"errorCode":102' in simulated.answer_code(order, "102").body
    assert simulated.meaning("102", order.act, order.direction) is Kind.FUNDS
    assert simulated.meaning("987654", order.act, order.direction) is Meaning.UNKNOWN
