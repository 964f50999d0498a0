"""Before an end is given up, the operator is asked what became of the transfer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.operators import Declined, Kind, ParkNow, RetryLater, TransferStatus, Unclear, Unsent
from gateway.operators.errors import OperatorError
from gateway.records import Attempt, Decision, State, Verdict
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.far_side import BeforeSending
from tests.support.world import Instance, World, code, play, refusal

CONFIRM, ROLLBACK = WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL
WINDOW_S = 60.0
TWO_TRIES = {"schedule": [0], "then_every": 10, "until": 15, "jitter": 0, "late_arrival_window": WINDOW_S}
ENDS = {
    CONFIRM: (TransferStatus.CONFIRMED, State.CONFIRMED),
    ROLLBACK: (TransferStatus.ROLLED_BACK, State.ROLLED_BACK),
}

FAILURES: dict[str, OperatorError | BeforeSending] = {
    "declined": Declined(Kind.SESSION, "the session has ended"),
    "not sent": Unsent("no connection"),
    "unclear": Unclear("timed out"),
    "unclear before it was sent": BeforeSending(ValueError("a bug")),
}


async def held(world: World, call: WalletCall, *failures: OperatorError | BeforeSending, **settings: Any) -> Instance:
    """A gateway with a held transfer, at an operator that can be asked and fails this end so."""
    gateway = world.instance(**({"adapter": "askable", "delivery": TWO_TRIES} | settings))
    await gateway.withdraw()
    world.far_side.then(call, *failures)
    return gateway


async def decided(gateway: Instance, call: WalletCall) -> None:
    await refusal(gateway.confirm() if call is CONFIRM else gateway.roll_back())


async def last_attempt(world: World) -> Attempt:
    return (await world.timeline()).attempts[-1]


@pytest.mark.parametrize("call", ENDS)
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_an_end_that_the_operator_already_has_is_not_parked_whatever_its_last_try_came_to(
    tmp_path: Path, call: WalletCall, failure: OperatorError | BeforeSending
) -> None:
    status, ended = ENDS[call]

    async def scenario(world: World) -> None:
        gateway = await held(world, call, Declined(Kind.OTHER, "no"), failure)
        await decided(gateway, call)
        world.far_side.status = status
        row = await world.reaches(ended)
        assert (row.tries, row.wants) == (2, None)
        attempt = await last_attempt(world)
        assert (attempt.verdict, attempt.kind) == (Verdict.SUCCESS, "")
        assert attempt.detail.endswith(f"; asked what became of it, the operator says: {status}")
        assert gateway.metric("parked_total", decision=call.value) == 0

    play(tmp_path, scenario)


def test_the_operator_is_asked_about_a_decline_only_before_it_parks_the_end(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await held(world, CONFIRM, Declined(Kind.OTHER, "no"), Declined(Kind.FUNDS, "still no"))
        await decided(gateway, CONFIRM)
        assert world.far_side.looked_up == []
        await world.reaches(State.PARKED)
        assert len(world.far_side.looked_up) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "call, status",
    [
        (CONFIRM, TransferStatus.HELD),
        (CONFIRM, TransferStatus.ROLLED_BACK),
        (CONFIRM, TransferStatus.NOT_FOUND),
        (ROLLBACK, TransferStatus.HELD),
        (ROLLBACK, TransferStatus.CONFIRMED),
        (ROLLBACK, TransferStatus.NOT_FOUND),  # it has taken the hold, so that it must know it
    ],
)
def test_any_other_answer_parks_the_end_as_its_last_try_left_it_with_both_texts(
    tmp_path: Path, call: WalletCall, status: TransferStatus
) -> None:
    async def scenario(world: World) -> None:
        world.far_side.status = status
        gateway = await held(world, call, ParkNow("never"))
        await decided(gateway, call)
        await world.reaches(State.PARKED)
        attempt = await last_attempt(world)
        assert attempt.verdict is Verdict.UNKNOWN
        assert attempt.detail == f"never; asked what became of it, the operator says: {status}"

    play(tmp_path, scenario)


def test_a_decline_stays_one_where_the_operators_word_settles_nothing(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        no = Declined(Kind.FUNDS, "no")
        gateway = await held(world, CONFIRM, no, no)
        await decided(gateway, CONFIRM)
        await world.reaches(State.PARKED)
        attempt = await last_attempt(world)
        assert (attempt.verdict, attempt.kind) == (Verdict.DECLINED, Kind.FUNDS)
        assert attempt.detail == "no; asked what became of it, the operator says: held"

    play(tmp_path, scenario)


@pytest.mark.parametrize("error", [Unclear("cut"), Declined(Kind.NOT_FOUND, "who?"), RetryLater("busy", 900.0)])
def test_an_unclear_answer_to_the_question_parks_the_end(tmp_path: Path, error: OperatorError) -> None:
    async def scenario(world: World) -> None:
        no = Declined(Kind.FUNDS, "no")
        gateway = await held(world, ROLLBACK, no, no)
        await decided(gateway, ROLLBACK)
        world.far_side.status = error
        await world.reaches(State.PARKED)
        assert (await last_attempt(world)).detail == f"no; asked what became of it: {error.text}"

    play(tmp_path, scenario)


def test_what_the_operator_rules_out_is_asked_for_at_once(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.status = TransferStatus.CONFIRMED
        gateway = await held(world, CONFIRM, ParkNow("settled already"))
        await gateway.confirm()
        assert (await world.row()).state is State.CONFIRMED

    play(tmp_path, scenario)


def test_an_operator_that_wants_to_be_left_alone_is_not_asked(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        busy = RetryLater("busy", 900.0)
        gateway = await held(world, CONFIRM, busy, busy, busy)
        await decided(gateway, CONFIRM)
        await world.reaches(State.PARKED)
        assert world.far_side.looked_up == []

    play(tmp_path, scenario)


def test_no_try_asks_twice(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        cut = Unclear("timed out")
        gateway = await held(world, CONFIRM, cut, cut)
        await decided(gateway, CONFIRM)
        await world.reaches(State.PARKED)
        assert len(world.far_side.looked_up) == world.far_side.calls(CONFIRM) == 2

    play(tmp_path, scenario)


def test_a_rollback_of_what_the_operator_never_heard_of_is_sent_again_after_the_window(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.then(WalletCall.WITHDRAW, Unclear("timed out"))
        world.far_side.always(ROLLBACK, Declined(Kind.SESSION, "the session has ended"))
        world.far_side.status = TransferStatus.NOT_FOUND
        gateway = world.instance(adapter="askable", delivery=TWO_TRIES)
        await refusal(gateway.withdraw())
        await world.reaches(State.ROLLED_BACK)
        timeline = await world.timeline()
        verdicts = [attempt.verdict for attempt in timeline.attempts]
        assert verdicts == [Verdict.UNKNOWN, Verdict.DECLINED, Verdict.NOT_FOUND, Verdict.NOT_FOUND]
        first, second = timeline.attempts[-2:]
        assert second.at - first.at >= WINDOW_S

    play(tmp_path, scenario)


def test_what_the_operator_rules_out_is_no_proof_that_there_is_no_hold(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.then(WalletCall.WITHDRAW, Unclear("timed out"))
        world.far_side.always(ROLLBACK, ParkNow("paid out"))
        world.far_side.status = TransferStatus.NOT_FOUND
        gateway = world.instance(adapter="askable", delivery=TWO_TRIES)
        await refusal(gateway.withdraw())
        await world.reaches(State.PARKED)
        assert (await last_attempt(world)).detail.endswith("; asked what became of it, the operator says: not_found")

    play(tmp_path, scenario)


def test_the_refused_rollback_of_a_refused_hold_ends_without_a_question(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.then(WalletCall.WITHDRAW, Declined(Kind.FUNDS, "no"))
        world.far_side.always(ROLLBACK, Declined(Kind.SESSION, "no"))
        gateway = world.instance(adapter="askable", delivery=TWO_TRIES)
        await refusal(gateway.withdraw())
        await world.reaches(State.ROLLED_BACK)
        assert world.far_side.looked_up == []

    play(tmp_path, scenario)


def test_a_game_that_asks_for_what_is_parked_has_the_operator_asked_too(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await held(world, CONFIRM, ParkNow("never"), Declined(Kind.OTHER, "no"))
        await decided(gateway, CONFIRM)
        world.far_side.status = TransferStatus.CONFIRMED
        await gateway.confirm()
        assert (await world.row()).state is State.CONFIRMED

    play(tmp_path, scenario)


def test_an_operator_that_cannot_be_asked_parks_the_end_as_it_is(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await held(world, CONFIRM, ParkNow("never"), adapter="scripted")
        assert await code(gateway.confirm()) == ErrorCode.PENDING
        row = await world.row()
        assert (row.state, row.wants) == (State.PARKED, Decision.CONFIRM)
        assert (await last_attempt(world)).detail == "never"

    play(tmp_path, scenario)
