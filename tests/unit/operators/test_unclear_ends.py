"""What an operator says beside yes and no: what became of an end, when to come again, what it gave for later."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

import pytest

from gateway.operators import (
    Declined,
    Kind,
    ParkNow,
    Receipt,
    RetryLater,
    TransferStatus,
    Unclear,
)
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import MAX_RETRY_AFTER_S
from gateway.records import Verdict
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.support.puppet import MOVES, Answering, Puppet, attempted, operator, raising, returning, writing
from tests.support.transfers import BALANCE, TOKEN, a_transfer
from tests.support.virtual_time import run

CONFIRM, ROLLBACK = WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL


@pytest.mark.parametrize(
    "call, status, verdict",
    [
        (CONFIRM, TransferStatus.CONFIRMED, Verdict.SUCCESS),
        (CONFIRM, TransferStatus.ROLLED_BACK, Verdict.UNKNOWN),
        (CONFIRM, TransferStatus.HELD, Verdict.UNKNOWN),
        (CONFIRM, TransferStatus.NOT_FOUND, Verdict.UNKNOWN),
        (ROLLBACK, TransferStatus.ROLLED_BACK, Verdict.SUCCESS),
        (ROLLBACK, TransferStatus.CONFIRMED, Verdict.UNKNOWN),
        (ROLLBACK, TransferStatus.HELD, Verdict.UNKNOWN),
        (ROLLBACK, TransferStatus.NOT_FOUND, Verdict.NOT_FOUND),
        (ROLLBACK, "rolled_back", Verdict.UNKNOWN),
        (ROLLBACK, None, Verdict.UNKNOWN),
    ],
)
def test_only_the_wanted_end_is_a_yes_when_the_operator_is_asked(
    call: WalletCall, status: object, verdict: Verdict
) -> None:
    outcome = attempted(writing(raising(Unclear("timed out"))), call, status=returning(status))
    assert outcome.verdict is verdict
    assert outcome.text.startswith("timed out; asked what became of it")


@pytest.mark.parametrize("error", [Unclear("cut"), Declined(Kind.SESSION, "ended"), ValueError(TOKEN)])
def test_an_unclear_answer_to_the_question_leaves_the_end_unclear(error: Exception) -> None:
    outcome = attempted(writing(raising(Unclear("timed out"))), ROLLBACK, status=writing(raising(error)))
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.text.startswith("timed out; asked what became of it: ")
    assert TOKEN not in outcome.text


@pytest.mark.parametrize(
    "call, answer",
    [
        (WalletCall.WITHDRAW, writing(raising(Unclear("timed out")))),
        (ROLLBACK, returning(Receipt())),
        (ROLLBACK, writing(raising(Declined(Kind.OTHER, "no")))),
        (ROLLBACK, writing(raising(RetryLater("busy", 5.0)))),
        (ROLLBACK, writing(raising(ParkNow("paid out")))),
        (ROLLBACK, raising(Unclear("never sent"))),
    ],
)
def test_the_operator_is_asked_only_what_became_of_an_end_that_went_out_and_is_unclear(
    call: WalletCall, answer: Answering
) -> None:
    async def scenario() -> list[str]:
        ours = operator(answer, status=returning(TransferStatus.ROLLED_BACK))
        await ours._attempt(call, a_transfer())
        return [seen for seen, _ in cast("Puppet", ours.adapter).seen]

    assert run(scenario) == [call]


def test_the_question_is_measured_under_a_name_of_its_own() -> None:
    metrics = Metrics()

    async def scenario() -> None:
        ours = operator(writing(raising(Unclear("cut"))), metrics, status=returning(TransferStatus.ROLLED_BACK))
        await ours._attempt(ROLLBACK, a_transfer())

    run(scenario)
    count = metrics.registry.get_sample_value
    for call, verdict in (("lookUp", "success"), (str(ROLLBACK), "unknown")):
        labels = {"operator": "acme", "call": call, "verdict": verdict}
        assert count("mm_gateway_operator_call_seconds_count", labels) == 1


@pytest.mark.parametrize("failing", ["the end", "both"])
def test_what_became_of_an_end_says_nothing_to_the_breaker(failing: str) -> None:
    """Neither that the operator lives, while its ends hang in their slots, nor twice that it is silent."""
    status = returning(TransferStatus.HELD) if failing == "the end" else raising(Unclear("cut"))

    async def scenario() -> None:
        ours = operator(writing(raising(Unclear("cut")), None), status=status)
        for _ in range(2):
            await ours._attempt(ROLLBACK, a_transfer())
        assert ours.bulkhead.probe_at(CallGroup.ENDS) is None
        await ours._attempt(ROLLBACK, a_transfer())
        assert ours.bulkhead.probe_at(CallGroup.ENDS) is not None

    run(scenario)


def test_what_the_operator_says_of_later_tries_counts_in_answer_to_the_question_too() -> None:
    cut = writing(raising(Unclear("cut")))
    busy = attempted(cut, ROLLBACK, status=raising(RetryLater("busy", 30.0)))
    assert (busy.verdict, busy.retry_after_s, busy.park) == (Verdict.UNKNOWN, 30.0, False)
    never = attempted(cut, ROLLBACK, status=raising(ParkNow("paid out")))
    assert (never.verdict, never.retry_after_s, never.park) == (Verdict.UNKNOWN, None, True)
    assert never.text == "cut; asked what became of it: paid out"


@pytest.mark.parametrize("after_s, kept", [(Decimal("2.5"), 2.5), ("7", 7.0), (None, 0.0), ("soon", 0.0), ([], 0.0)])
def test_a_time_to_wait_may_be_whatever_the_operator_sent(after_s: Any, kept: float) -> None:
    outcome = attempted(writing(raising(RetryLater("busy", after_s))), CONFIRM)
    assert (outcome.verdict, outcome.retry_after_s) == (Verdict.UNKNOWN, kept)
    assert isinstance(outcome.retry_after_s, float)


@pytest.mark.parametrize("text", [None, 7, {"message": "no"}])
@pytest.mark.parametrize("call", [WalletCall.WITHDRAW, ROLLBACK])
def test_a_text_may_be_whatever_the_operator_sent(call: WalletCall, text: Any) -> None:
    outcome = attempted(writing(raising(Declined(Kind.FUNDS, text))), call)
    assert (outcome.verdict, outcome.text) == (Verdict.DECLINED, str(text))


@pytest.mark.parametrize(
    "after_s, kept", [(30.0, 30.0), (-1.0, 0.0), (1e9, MAX_RETRY_AFTER_S), (float("nan"), 0.0), (float("inf"), 3600.0)]
)
def test_an_operator_puts_a_try_off_for_as_long_as_makes_sense(after_s: float, kept: float) -> None:
    outcome = attempted(writing(raising(RetryLater("busy", after_s))), CONFIRM)
    assert (outcome.verdict, outcome.retry_after_s, outcome.park) == (Verdict.UNKNOWN, kept, False)


def test_an_operator_that_rules_an_end_out_is_believed() -> None:
    outcome = attempted(writing(raising(ParkNow("paid out already"))), ROLLBACK)
    assert (outcome.verdict, outcome.park, outcome.text) == (Verdict.UNKNOWN, True, "paid out already")


TOO_MUCH: list[Any] = [
    {str(number): "" for number in range(17)},
    {"id": "1" * 2047},
    {"id": 1},
    {1: "id"},
    ["id"],
    "id",
]


@pytest.mark.parametrize("call", MOVES)
def test_what_a_receipt_gives_for_later_comes_with_the_outcome(call: WalletCall) -> None:
    outcome = attempted(returning(Receipt(BALANCE, {"id": "1" * 2046})), call)
    assert (outcome.verdict, outcome.memory, outcome.balance) == (Verdict.SUCCESS, {"id": "1" * 2046}, BALANCE)


@pytest.mark.parametrize("memory", TOO_MUCH)
def test_a_hold_whose_later_calls_would_lack_something_is_unclear(memory: Any) -> None:
    outcome = attempted(returning(Receipt(BALANCE, memory)))
    assert (outcome.verdict, outcome.memory) == (Verdict.UNKNOWN, {})
    assert "remembered" in outcome.text


@pytest.mark.parametrize("memory", TOO_MUCH)
def test_an_end_is_a_yes_whatever_the_adapter_wants_remembered(memory: Any) -> None:
    outcome = attempted(returning(Receipt(BALANCE, memory)), CONFIRM)
    assert (outcome.verdict, outcome.memory, outcome.balance) == (Verdict.SUCCESS, {}, BALANCE)
    assert "remembered" in outcome.text


@pytest.mark.parametrize("call", MOVES)
def test_a_decline_without_a_kind_proves_nothing(call: WalletCall) -> None:
    outcome = attempted(writing(raising(Declined(cast("Kind", "not_found"), "no"))), call)
    assert outcome.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("status", [returning(TransferStatus.HELD), raising(Unclear("y" * 300))])
def test_neither_of_two_long_texts_hides_the_other(status: Answering) -> None:
    outcome = attempted(writing(raising(Unclear("x" * 300))), ROLLBACK, status=status)
    assert len(outcome.text) == 300
    assert outcome.text.startswith("x" * 149)
    assert "…; asked what became of it" in outcome.text
    assert outcome.text.endswith(("the operator says: held", f"{'y' * 100}…"))
