from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.quantum.simulated import PASSWORD, USERNAME, SimulatedQuantum
from gateway.money import money
from gateway.operators import HttpResponse, Unclear
from gateway.sandbox.faults import BALANCE_FAULTS, HUGE, Ending, Fault, FaultRule, FaultyOperator
from gateway.sandbox.ledger import HoldState, Ledger
from gateway.sandbox.simulated import PLAIN, Manner, Request, Unknown
from gateway.sandbox.stores import MemoryStore
from gateway.toolbox import basic_auth
from gateway.wire.calls import WalletCall
from tests.support.memory_http import MAX_ANSWER, MemoryHttp

NOT_DONE = {
    Fault.DECLINE,
    Fault.ERROR_BEFORE,
    Fault.CLIENT_ERROR,
    Fault.REDIRECT,
    Fault.BUSY,
    Fault.HANG_BEFORE,
    Fault.CUT_BEFORE,
    Fault.LATE,
}


def operator(
    unknown: Unknown | None = None, chances: Iterator[float] | None = None, manner: Manner = PLAIN
) -> FaultyOperator:
    ledger = Ledger(MemoryStore())
    ledger.enrol("p1", "t1", money(100, "XAG"))
    simulated = SimulatedQuantum(ledger, unknown, manner)
    if chances is None:
        return FaultyOperator(simulated, lambda: 12.5)
    return FaultyOperator(simulated, lambda: 12.5, chances.__next__)


def request(endpoint: str = "withdraw", **members: Any) -> Request:
    body = {"token": "t1", "mmTransactionId": "a", "amount": {"amount": 10, "currencyCode": "XAG"}, **members}
    headers = {"authorization": basic_auth(USERNAME, PASSWORD)}
    return Request("POST", f"/wallet/{endpoint}", headers, json.dumps(body).encode())


def said(answer: HttpResponse | None) -> Any:
    assert answer is not None
    return json.loads(answer.body)


@pytest.mark.parametrize("fault", Fault)
def test_the_money_moves_unless_the_fault_comes_first(fault: Fault) -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=fault)])
    faulty.handle(request())
    expected = 100 if fault in NOT_DONE else 90
    assert faulty.simulated.ledger.accounts["p1"].balance == expected


@pytest.mark.parametrize("fault", Fault)
def test_every_request_is_written_down_with_its_fault(fault: Fault) -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=fault)])
    faulty.handle(request())
    (seen,) = faulty.simulated.ledger.wire()
    assert (seen.at, seen.call, seen.id, seen.path, seen.fault) == (12.5, "withdraw", "a", "/wallet/withdraw", fault)


def test_a_request_that_is_not_understood_is_written_down_too() -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=Fault.CUT_BEFORE)])
    reply = faulty.handle(Request("POST", "/wallet/withdraw", {}, b"{}"))
    (seen,) = faulty.simulated.ledger.wire()
    assert reply.answer is not None
    assert (reply.answer.status, seen.call, seen.fault) == (401, "", "")


@pytest.mark.parametrize(
    "fault, ending",
    [
        (Fault.HANG_BEFORE, Ending.HANG),
        (Fault.HANG_AFTER, Ending.HANG),
        (Fault.LATE, Ending.HANG),
        (Fault.CUT_BEFORE, Ending.CUT),
        (Fault.CUT_AFTER, Ending.CUT),
        (Fault.HALF, Ending.HALF),
        (Fault.GARBAGE, Ending.WHOLE),
    ],
)
def test_a_fault_says_how_the_connection_ends(fault: Fault, ending: Ending) -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=fault)])
    assert faulty.handle(request()).ending is ending


def test_answers_are_spoiled_as_named() -> None:
    faulty = operator()
    right = {"mmTransactionId": "a", "balance": {"amount": 90, "currencyCode": "XAG"}}
    expected: dict[Fault, tuple[int, Any]] = {
        Fault.DUPLICATE: (200, right),
        Fault.WRONG_ID: (200, {**right, "mmTransactionId": "a-"}),
        Fault.WRONG_TYPE: (200, {name: [value] for name, value in right.items()}),
        Fault.WRONG_STATUS: (500, right),
        Fault.HUGE: (200, right),
        Fault.OTHER_CASE: (200, {**right, "balance": {"amount": 90, "currencyCode": "xag"}}),
        Fault.OTHER_CURRENCY: (200, {**right, "balance": {"amount": 90, "currencyCode": "XTS"}}),
        Fault.NO_BALANCE: (200, {"mmTransactionId": "a"}),
        Fault.WORDS: (200, {**right, "balance": {"amount": "plenty", "currencyCode": "XAG"}}),
    }
    for fault, (status, body) in expected.items():
        faulty.switch([FaultRule(fault=fault)])
        answer = faulty.handle(request()).answer
        assert answer is not None
        assert (answer.status, said(answer)) == (status, body)


@pytest.mark.parametrize(
    "fault, written",
    [(Fault.MANY_DIGITS, b'"amount":90.00000000000000004,'), (Fault.ENDLESS_DIGITS, b'"amount":90.' + b"3" * 60)],
)
def test_a_balance_of_many_digits_is_written_out(fault: Fault, written: bytes) -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=fault)])
    answer = faulty.handle(request()).answer
    assert answer is not None
    assert written in answer.body


@pytest.mark.parametrize("fault", BALANCE_FAULTS)
def test_what_is_refused_is_refused_whatever_the_balance_would_be(fault: Fault) -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=fault)])
    answer = faulty.handle(request(token="t9")).answer
    assert (answer is not None and answer.status, said(answer)["errorCode"]) == (500, 101)


def ended(faulty: FaultyOperator, *calls: str, token: str = "t1") -> list[tuple[int, int]]:
    """Status and error code of each answer."""
    answers = [faulty.handle(request(call, token=token)).answer for call in calls]
    return [(answer.status, said(answer).get("errorCode", 0)) for answer in answers if answer is not None]


@pytest.mark.parametrize("checks, code", [(False, 0), (True, 101)])
def test_an_end_under_a_session_that_is_over_is_refused_by_who_checks(checks: bool, code: int) -> None:
    faulty = operator(manner=Manner(checks_ends=checks))
    faulty.handle(request())
    faulty.simulated.ledger.end_session("t1")
    assert [said for _, said in ended(faulty, "confirmWithdrawal")] == [code]


def test_who_trusts_tokens_gives_the_money_to_whoever_asks() -> None:
    faulty = operator(manner=Manner(trusts_tokens=True))
    ledger = faulty.simulated.ledger
    ledger.enrol("p2", "t2", money(100, "XAG"))
    faulty.handle(request())
    assert ended(faulty, "rollbackWithdrawal", token="t2") == [(200, 0)]
    assert [int(ledger.accounts[player].balance) for player in ("p1", "p2")] == [90, 110]


@pytest.mark.parametrize("end, code", [("confirmWithdrawal", 112), ("rollbackWithdrawal", 111)])
def test_who_refuses_repeats_says_that_it_is_done_already(end: str, code: int) -> None:
    faulty = operator(manner=Manner(refuses_repeats=True))
    faulty.handle(request())
    assert ended(faulty, end, end) == [(200, 0), (500, code)]


def test_who_does_not_say_why_has_one_error_for_all() -> None:
    faulty = operator(manner=Manner(says_why=False))
    assert ended(faulty, "withdraw", token="t9") == [(500, 100)]
    assert faulty.simulated.own_settings("http://a/")["declines"] == {}


def test_a_rule_strikes_only_its_calls_and_only_so_often() -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=Fault.GARBAGE, calls=(WalletCall.CONFIRM_WITHDRAWAL,), times=2)])
    calls = ["withdraw", *["confirmWithdrawal"] * 3]
    for call in calls:
        faulty.handle(request(call))
    assert [seen.fault for seen in faulty.simulated.ledger.wire()] == ["", "garbage", "garbage", ""]


def test_a_rule_strikes_only_its_transfers() -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=Fault.GARBAGE, ids=("b", "c"))])
    for id in "abcd":
        faulty.handle(request(mmTransactionId=id))
    assert [seen.fault for seen in faulty.simulated.ledger.wire()] == ["", "garbage", "garbage", ""]


def test_a_rule_strikes_with_its_chance() -> None:
    faulty = operator(chances=iter([0.29, 0.3, 0.99, 0.0]))
    faulty.switch([FaultRule(fault=Fault.GARBAGE, chance=0.3)])
    for _ in range(4):
        faulty.handle(request())
    assert [seen.fault for seen in faulty.simulated.ledger.wire()] == ["garbage", "", "", "garbage"]


def test_switching_replaces_the_rules() -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=Fault.GARBAGE)])
    faulty.switch([])
    assert (faulty.rules, said(faulty.handle(request()).answer)["mmTransactionId"]) == ([], "a")


def rolled_back_before_it_came(unknown: Unknown) -> FaultyOperator:
    faulty = operator(unknown)
    faulty.switch([FaultRule(fault=Fault.LATE, calls=(WalletCall.WITHDRAW,))])
    faulty.handle(request())
    faulty.handle(request("rollbackWithdrawal"))
    return faulty


@pytest.mark.parametrize("unknown", [Unknown.ACKNOWLEDGE, Unknown.REPORT])
def test_an_operator_that_remembers_refuses_a_late_withdraw(unknown: Unknown) -> None:
    faulty = rolled_back_before_it_came(unknown)
    (hold,) = faulty.simulated.ledger.holds.values()
    assert hold.state is HoldState.BURIED
    assert faulty.simulated.ledger.accounts["p1"].balance == 100


def test_a_late_withdraw_whose_rollback_has_been_answered_waits_for_no_other() -> None:
    faulty = operator(Unknown.FORGET)
    faulty.switch([FaultRule(fault=Fault.LATE, calls=(WalletCall.WITHDRAW,))])
    faulty.handle(request("rollbackWithdrawal"))
    assert faulty.handle(request()).answer is None
    assert faulty.simulated.ledger.accounts["p1"].balance == 90


@pytest.mark.parametrize("after_s, balance", [(20.0, 90), (20.1, 100)])
def test_a_late_withdraw_comes_within_its_time_after_it_was_missed(after_s: float, balance: int) -> None:
    times = [100.0]
    ledger = Ledger(MemoryStore())
    ledger.enrol("p1", "t1", money(100, "XAG"))
    simulated = SimulatedQuantum(ledger, Unknown.FORGET, PLAIN)
    faulty = FaultyOperator(simulated, lambda: times[-1], late_within_s=20.0)
    faulty.switch([FaultRule(fault=Fault.LATE, calls=(WalletCall.WITHDRAW,))])
    faulty.handle(request())
    for look_s in (50.0, 60.0):
        times.append(100.0 + look_s)
        assert said(faulty.handle(request("payment/queryWithdrawal")).answer)["state"] == "NOT_FOUND"
    times.append(150.0 + after_s)
    faulty.handle(request("rollbackWithdrawal"))
    assert ledger.accounts["p1"].balance == balance


def test_an_operator_that_forgets_books_a_late_withdraw_and_undoes_it_when_asked_again() -> None:
    faulty = rolled_back_before_it_came(Unknown.FORGET)
    ledger = faulty.simulated.ledger
    assert ledger.accounts["p1"].balance == 90
    faulty.handle(request("rollbackWithdrawal"))
    assert ledger.accounts["p1"].balance == 100


@pytest.mark.parametrize("unknown, status", [(Unknown.ACKNOWLEDGE, 200), (Unknown.REPORT, 500), (Unknown.FORGET, 500)])
def test_the_rollback_of_what_never_came_is_answered_as_the_operator_does(unknown: Unknown, status: int) -> None:
    faulty = operator(unknown)
    for _ in range(2):
        answer = faulty.handle(request("rollbackWithdrawal")).answer
        assert answer is not None
        assert answer.status == status


@pytest.mark.parametrize("fault", [Fault.HANG_AFTER, Fault.CUT_AFTER, Fault.HALF, Fault.HUGE])
async def test_in_memory_what_would_break_or_time_out_is_unclear(fault: Fault) -> None:
    faulty = operator()
    faulty.switch([FaultRule(fault=fault)])
    sent = request()
    assert MAX_ANSWER < HUGE
    with pytest.raises(Unclear):
        await MemoryHttp(faulty).post("http://acme.example/wallet/withdraw", sent.body, sent.headers)


async def test_in_memory_real_bytes_go_both_ways() -> None:
    sent = request()
    http = MemoryHttp(operator())
    answer = await http.post(
        "http://acme.example/wallet/withdraw", sent.body, {"Authorization": sent.headers["authorization"]}
    )
    refused = await http.get("http://acme.example/wallet/withdraw?a=b", {})
    assert (answer.status, refused.status) == (200, 401)
