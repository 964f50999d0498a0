"""Whatever an adapter does, the heart gets a plain outcome: no exception, no secret, nothing made up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

import pytest
import structlog
from prometheus_client import generate_latest

from gateway.money import Money, money
from gateway.operators import (
    Declined,
    HttpResponse,
    Kind,
    Player,
    Receipt,
    Unclear,
    Unmapped,
    Unsent,
)
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import OperatorError, Refused, Unsendable
from gateway.operators.http_client.wire_use import note_answer, note_write
from gateway.operators.safe_text import TEXT_LIMIT
from gateway.records import Session, Verdict
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.support.puppet import MOVES, PASSWORD, Answering, Puppet, attempted, operator, raising, returning, writing
from tests.support.transfers import BALANCE, SESSION, TOKEN, a_transfer
from tests.support.virtual_time import EPOCH, run

ROLLBACKS = [WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT]


@pytest.mark.parametrize("call", MOVES)
def test_each_call_reaches_its_method_with_the_whole_transfer(call: WalletCall) -> None:
    async def scenario() -> None:
        ours = operator(returning(Receipt(BALANCE)))
        transfer = a_transfer()
        outcome = await ours._attempt(call, transfer)
        assert cast("Puppet", ours.adapter).seen == [(call, transfer)]
        assert (outcome.verdict, outcome.balance, outcome.text) == (Verdict.SUCCESS, BALANCE, "")

    run(scenario)


def test_an_outcome_says_when_it_began_and_how_long_it_took() -> None:
    async def slow() -> Receipt:
        await asyncio.sleep(1.5)
        return Receipt(BALANCE)

    outcome = attempted(slow)
    assert (outcome.at, outcome.took_s) == (EPOCH, 1.5)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("call", MOVES)
def test_a_decline_keeps_its_kind_and_never_heard_of_it_means_something_only_on_a_rollback(
    call: WalletCall, kind: Kind
) -> None:
    outcome = attempted(raising(Declined(kind, "no")), call)
    nothing_to_undo = kind is Kind.NOT_FOUND and call in ROLLBACKS
    assert outcome.verdict is (Verdict.NOT_FOUND if nothing_to_undo else Verdict.DECLINED)
    assert (outcome.kind, outcome.text, outcome.balance) == (kind, "no", None)


@pytest.mark.parametrize(
    "error, verdict",
    [
        (Unsent("refused"), Verdict.UNSENT),
        (Unsendable("a header that must not be sent"), Verdict.UNSENT),
        (Unclear("HTTP 502"), Verdict.UNKNOWN),
        (OperatorError("odd"), Verdict.UNKNOWN),
        (Refused("not an adapter's to say", 0.0), Verdict.UNKNOWN),
    ],
)
def test_what_the_client_says_is_believed(error: OperatorError, verdict: Verdict) -> None:
    outcome = attempted(raising(error))
    assert (outcome.verdict, outcome.text, outcome.kind) == (verdict, error.text, None)


@pytest.mark.parametrize(
    "error",
    [
        KeyError(TOKEN),
        ValueError(PASSWORD),
        AssertionError(),
        TimeoutError(),
        RecursionError(),
        StopIteration(),
        ExceptionGroup("several", [Declined(Kind.FUNDS, "no")]),
    ],
)
def test_anything_else_an_adapter_throws_is_unknown_and_only_its_class_is_told(error: Exception) -> None:
    with structlog.testing.capture_logs() as logs:
        outcome = attempted(raising(error))
    assert outcome.verdict is Verdict.UNKNOWN
    assert TOKEN not in outcome.text
    assert PASSWORD not in outcome.text
    assert "adapter" in outcome.text
    assert [entry["event"] for entry in logs] == ["adapter failed"]
    assert TOKEN not in repr(logs)
    assert PASSWORD not in repr(logs)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        BALANCE,
        {"balance": 1},
    ],
)
def test_an_answer_that_is_not_a_receipt_is_unknown(answer: object) -> None:
    assert attempted(returning(answer)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "balance",
    [
        Decimal(1),
        Money(cast("Decimal", 1.5), "XAG"),
        Money(Decimal("NaN"), "XAG"),
        Money(Decimal("Infinity"), "XAG"),
        Money(Decimal("1E+100000"), "XAG"),
        Money(Decimal("1" * 100), "XAG"),
        Money(Decimal(1), ""),
        Money(Decimal(1), cast("str", None)),
    ],
)
@pytest.mark.parametrize("call", MOVES)
def test_a_yes_whose_balance_cannot_be_told_is_a_yes_and_says_why_it_is_left_out(
    call: WalletCall, balance: object
) -> None:
    outcome = attempted(returning(Receipt(cast("Money", balance))), call)
    assert (outcome.verdict, outcome.balance) == (Verdict.SUCCESS, None)
    assert "balance" in outcome.text


def test_a_balance_may_have_the_digits_of_a_float() -> None:
    floating = Money(Decimal("0.30000000000000004"), "XAG")
    assert attempted(returning(Receipt(floating))).balance == floating


def test_a_negative_balance_is_a_balance() -> None:
    assert attempted(returning(Receipt(money("-0.5", "XAG")))).balance == money("-0.5", "XAG")


def test_an_unsent_request_after_one_that_was_written_is_unknown() -> None:
    async def two_requests() -> Receipt:
        note_write()
        raise Unsent("connection refused")

    outcome = attempted(two_requests)
    assert outcome.verdict is Verdict.UNKNOWN
    assert "later request" in outcome.text


def test_a_write_in_a_task_of_the_adapter_counts_too() -> None:
    async def two_requests() -> Receipt:
        async with asyncio.TaskGroup() as group:
            group.create_task(write())
        raise Unsent("connection refused")

    async def write() -> None:
        note_write()

    assert attempted(two_requests).verdict is Verdict.UNKNOWN


def test_what_one_call_wrote_does_not_count_for_the_next() -> None:
    async def scenario() -> None:
        ours = operator(returning(Receipt(BALANCE)))

        async def write() -> Receipt:
            note_write()
            return Receipt(BALANCE)

        adapter = cast("Puppet", ours.adapter)
        adapter._answer = write
        await ours._attempt(WalletCall.WITHDRAW, a_transfer())
        adapter._answer = raising(Unsent("refused"))
        assert (await ours._attempt(WalletCall.WITHDRAW, a_transfer())).verdict is Verdict.UNSENT

    run(scenario)


def test_secrets_that_the_operator_repeats_are_hidden() -> None:
    session = Session(operator="acme", token=TOKEN, memory={"wallet": "wallet-secret", "n": "1"})
    said = f"no session {TOKEN} with {PASSWORD}\r\nX: wallet-secret 1"
    outcome = attempted(raising(Declined(Kind.SESSION, said)), transfer=a_transfer(session=session))
    assert outcome.text == "no session [hidden] with [hidden] X: [hidden] 1"


def test_a_long_text_is_cut() -> None:
    assert len(attempted(raising(Unclear("x" * 100_000))).text) == 300


def test_an_adapter_that_takes_too_long_is_cut_off_as_unknown() -> None:
    async def hang() -> Receipt:
        await asyncio.sleep(1000)
        return Receipt(BALANCE)

    outcome = attempted(hang)
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.took_s == pytest.approx(6.0, abs=0.01)


def test_a_cancelled_caller_is_cancelled_and_nothing_is_recorded() -> None:
    async def scenario() -> None:
        ours = operator(lambda: asyncio.sleep(3), failures=1)
        call = asyncio.ensure_future(ours._attempt(WalletCall.WITHDRAW, a_transfer()))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.sleep(10)
        assert ours.bulkhead.probe_at(CallGroup.HOLDS) is None

    run(scenario)


async def two_requests() -> object:
    """The first is answered, the second is not."""
    note_write()
    note_answer(HttpResponse(200, {}, b"{}"))
    note_write()
    raise Unclear("timed out")


@pytest.mark.parametrize(
    "answer, opens",
    [
        (writing(returning(Receipt(BALANCE))), False),
        (writing(raising(Declined(Kind.FUNDS, "no"))), False),
        (writing(raising(Declined(Kind.NOT_FOUND, "no"))), False),
        (writing(raising(Unmapped("error 100: no session"))), False),
        (writing(raising(KeyError("x"))), False),
        (raising(KeyError("x")), False),
        (raising(Declined(Kind.AMOUNT, "nothing was sent")), False),
        (raising(Unsent("refused")), True),
        (raising(Unsendable("a header that must not be sent")), False),
        (writing(raising(Unclear("another currency"))), False),
        (writing(raising(Unclear("HTTP 502")), 502), True),
        (writing(raising(Unclear("HTTP 429")), 429), True),
        (writing(raising(Unclear("a web page")), 200, b"<html>"), True),
        (writing(raising(Unclear("nothing")), 200, b""), True),
        (two_requests, True),
        (writing(raising(Unclear("cut")), None), True),
        (writing(raising(KeyError("x")), 502), True),
    ],
)
def test_only_silence_opens_the_breaker(answer: Answering, opens: bool) -> None:
    async def scenario() -> None:
        ours = operator(answer)
        for _ in range(3):
            await ours._attempt(WalletCall.ROLLBACK_WITHDRAWAL, a_transfer())
        assert (ours.bulkhead.probe_at(CallGroup.ENDS) is not None) == opens
        assert ours.bulkhead.probe_at(CallGroup.HOLDS) is None

    run(scenario)


@pytest.mark.parametrize(
    "answer", [raising(Declined(Kind.AMOUNT, "nothing was sent")), returning(Receipt()), raising(KeyError("x"))]
)
def test_what_sends_nothing_says_nothing_of_the_operator(answer: Answering) -> None:
    async def scenario() -> None:
        ours = operator(raising(Unsent("refused")), failures=1)
        await ours._attempt(WalletCall.WITHDRAW, a_transfer())
        cast("Puppet", ours.adapter)._answer = answer
        await ours._attempt(WalletCall.WITHDRAW, a_transfer())
        assert ours.bulkhead.probe_at(CallGroup.HOLDS) is not None

    run(scenario)


@pytest.mark.parametrize("looked_up", [False, True])
def test_a_probe_that_sends_nothing_lets_another_go_at_once(monkeypatch: pytest.MonkeyPatch, looked_up: bool) -> None:
    monkeypatch.setattr(Puppet, "needs_player", looked_up)
    dead = a_transfer(session=Session(operator="acme", token="dead"))

    async def scenario() -> None:
        ours = operator(raising(Unsent("refused")), failures=1)
        await ours._attempt(WalletCall.WITHDRAW, a_transfer())
        await asyncio.sleep(5)
        await ours.bulkhead.enter(CallGroup.HOLDS)
        cast("Puppet", ours.adapter)._answer = raising(Declined(Kind.SESSION, "over"))
        await ours._attempt(WalletCall.WITHDRAW, dead)
        ours.bulkhead.leave()
        cast("Puppet", ours.adapter)._answer = writing(returning(Receipt(BALANCE)))
        await ours.bulkhead.enter(CallGroup.HOLDS)
        await ours._attempt(WalletCall.WITHDRAW, a_transfer())
        assert ours.bulkhead.probe_at(CallGroup.HOLDS) is None

    run(scenario)


@pytest.mark.parametrize(
    "answer, proven",
    [
        (raising(Unsent("refused")), True),
        (raising(Declined(Kind.AMOUNT, "nothing was sent")), True),
        (writing(raising(Declined(Kind.FUNDS, "poor"))), False),
        (writing(raising(Unsent("refused")), None), False),
        (raising(Unclear("odd")), False),
        (raising(KeyError("x")), False),
        (returning(Receipt(BALANCE)), False),
    ],
)
def test_that_nothing_was_written_is_proven_by_the_client_or_an_adapter_that_says_so(
    answer: Answering, proven: bool
) -> None:
    assert attempted(answer).unwritten is proven


def test_a_task_that_outlives_its_call_cannot_write_any_more() -> None:
    outcomes: list[str] = []

    async def scenario() -> None:
        go_on = asyncio.Event()

        async def late() -> None:
            await go_on.wait()
            try:
                note_write()
            except Unsent as error:
                outcomes.append(error.text)

        async def gives_up() -> Receipt:
            tasks.append(asyncio.ensure_future(late()))
            raise Unsent("refused")

        tasks: list[asyncio.Task[None]] = []
        outcome = await operator(gives_up)._attempt(WalletCall.WITHDRAW, a_transfer())
        assert outcome.unwritten
        go_on.set()
        await asyncio.gather(*tasks)

    run(scenario)
    assert outcomes == ["the call that this request belongs to has ended"]


def test_what_the_operator_said_is_told_where_the_adapter_makes_nothing_of_it_but_no_secret_of_it() -> None:
    async def odd() -> Receipt:
        note_write()
        note_answer(HttpResponse(200, {}, b'{"errorCode": 102, "said": "' + TOKEN.encode() + b'"}'))
        raise KeyError("balance")

    outcome = attempted(odd)
    assert "(KeyError); it was HTTP 200: " in outcome.text
    assert '"errorCode": 102' in outcome.text
    assert TOKEN not in outcome.text


def test_every_call_is_measured_by_its_verdict() -> None:
    metrics = Metrics()

    async def scenario() -> None:
        ours = operator(raising(Unclear("HTTP 502")), metrics)
        await ours._attempt(WalletCall.WITHDRAW, a_transfer())
        with pytest.raises(Unclear):
            await ours.get_balance(SESSION)

    run(scenario)
    text = generate_latest(metrics.registry).decode()
    for call in ("withdraw", "getBalance"):
        labels = f'call="{call}",operator="acme",verdict="unknown"'
        assert f"mm_gateway_operator_call_seconds_count{{{labels}}} 1.0" in text


PLAYER = Player(player_id="p1", balance=BALANCE, memory={"wallet": "w"})


def test_a_session_is_verified_and_a_balance_read_behind_the_guard() -> None:
    async def scenario() -> None:
        ours = operator(returning(PLAYER))
        assert await ours.verify_session(SESSION) == PLAYER
        cast("Puppet", ours.adapter)._answer = returning(BALANCE)
        assert await ours.get_balance(SESSION) == BALANCE
        assert cast("Puppet", ours.adapter).seen == [("verifySession", SESSION), ("getBalance", SESSION)]
        assert ours.bulkhead.read()[:2] == (0, 0)

    run(scenario)


def test_a_read_waits_for_a_place_and_is_refused_when_there_is_no_room() -> None:
    async def scenario() -> None:
        async def slow() -> Money:
            await asyncio.sleep(1)
            return BALANCE

        ours = operator(slow)
        calls = [asyncio.ensure_future(ours.get_balance(SESSION)) for _ in range(4)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert results[:3] == [BALANCE] * 3
        assert isinstance(results[3], Refused)
        assert ours.bulkhead.read()[:2] == (0, 0)

    run(scenario)


@pytest.mark.parametrize(
    "answer",
    [
        None,
        BALANCE,
        Player(player_id="", balance=BALANCE),
        Player(player_id=cast("str", 7), balance=BALANCE),
        Player(player_id="p" * 513, balance=BALANCE),
        Player(player_id="p" * 250_000, balance=BALANCE),
        Player(player_id="p\n1", balance=BALANCE),
        Player(player_id="p\x9b1", balance=BALANCE),
        Player(player_id="p\ud8001", balance=BALANCE),
        Player(player_id="p1", balance=BALANCE, memory={"a": "b" * 4096}),
        Player(player_id="p1", balance=BALANCE, memory={str(n): "" for n in range(17)}),
        Player(player_id="p1", balance=BALANCE, memory=cast("Mapping[str, str]", {"a": 1})),
        Player(player_id="p1", balance=BALANCE, memory=cast("Mapping[str, str]", ["a"])),
    ],
)
def test_a_player_that_cannot_be_kept_is_unclear(answer: object) -> None:
    async def scenario() -> None:
        with pytest.raises(Unclear, match="adapter"):
            await operator(returning(answer)).verify_session(SESSION)

    run(scenario)


@pytest.mark.parametrize("text", ["x" * 257, "a\nb", "\x1b[31m", "\ud800", 7])
def test_what_only_informs_of_a_player_is_left_out_where_it_cannot_be_shown(text: object) -> None:
    odd = cast("str", text)

    async def scenario() -> None:
        told = Player(player_id="p1", balance=BALANCE, nickname=odd, language=odd, country=odd)
        player = await operator(returning(told)).verify_session(SESSION)
        assert player == Player(player_id="p1", balance=BALANCE)

    run(scenario)


def test_a_balance_in_what_can_be_no_currency_is_none() -> None:
    odd = Money(BALANCE.amount, "X" * 250_000)

    async def scenario() -> None:
        player = await operator(returning(Player(player_id="p1", balance=odd))).verify_session(SESSION)
        assert player.balance is None
        with pytest.raises(Unclear, match="is not a code of 1 to 16 characters"):
            await operator(returning(odd)).get_balance(SESSION)
        adopted = a_transfer(amount=None)
        rolled_back = await operator(returning(Receipt(odd)))._attempt(WalletCall.ROLLBACK_WITHDRAWAL, adopted)
        assert (rolled_back.verdict, rolled_back.balance) == (Verdict.SUCCESS, None)
        held = await operator(returning(Receipt(odd)))._attempt(WalletCall.WITHDRAW, a_transfer())
        assert (held.verdict, len(held.text) <= TEXT_LIMIT) == (Verdict.UNKNOWN, True)

    run(scenario)


def test_an_error_of_a_read_is_fit_to_be_shown() -> None:
    async def scenario() -> None:
        with pytest.raises(Declined) as caught:
            await operator(raising(Declined(Kind.SESSION, f"who is {TOKEN}?"))).get_balance(SESSION)
        assert caught.value.text == str(caught.value) == "who is [hidden]?"
        with pytest.raises(Unclear) as unclear:
            await operator(raising(KeyError(TOKEN))).get_balance(SESSION)
        assert TOKEN not in str(unclear.value)

    run(scenario)
