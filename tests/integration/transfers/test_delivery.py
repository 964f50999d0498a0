"""Every try falls where the contract says, over restarts, until success or parking; nothing else is slowed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.journal.interface import JournalUnavailable
from gateway.operators.adapter import Receipt, TransferStatus
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import Declined, Kind, ParkNow, RetryLater, Unclear
from gateway.reasons import Source
from gateway.records import FINAL, Decision, Direction, Key, State, Transfer, Verdict
from gateway.settings import DeliverySettings
from gateway.transfers import delivery_loop, housekeeping, rules
from gateway.transfers.delivery_loop import CLAIM_LIMIT
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.transfers import BALANCE, OPERATOR, a_reason, offsets
from tests.support.world import Instance, World, code, play, refusal

CONFIRM, ROLLBACK = WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL
PLAN = DeliverySettings(jitter=0)
NEVER_OPENS = {"failures": 10_000}


@pytest.fixture
def two_quiet_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chores every few minutes only: they are not what two virtual days are to show."""
    monkeypatch.setattr(delivery_loop, "POLL_S", 300.0)
    monkeypatch.setattr(housekeeping, "ROUND_EVERY_S", 300.0)


async def parked(world: World) -> Instance:
    """A gateway with a rollback whose two days are over."""
    gateway = world.instance(breaker=NEVER_OPENS)
    await gateway.withdraw()
    world.far_side.always(ROLLBACK, Unclear("cut"))
    await refusal(gateway.roll_back())
    await world.reaches(State.PARKED, within_s=49 * 3600)
    return gateway


@pytest.mark.usefixtures("two_quiet_days")
@pytest.mark.parametrize("end", ["confirm", "roll_back"])
@pytest.mark.parametrize("restart_every_s", [None, 1700])
def test_the_tries_of_48_hours_fall_where_the_contract_says(
    tmp_path: Path, end: str, restart_every_s: float | None
) -> None:
    async def restarts(world: World) -> None:
        while restart_every_s is not None:
            await asyncio.sleep(restart_every_s)
            await world.instances[-1].kill()
            world.instance()

    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        for call in (CONFIRM, ROLLBACK):
            world.far_side.always(call, Unclear("cut"))
        begun = gateway.clock.now()
        ending = asyncio.create_task(refusal(getattr(gateway, end)()))
        restarting = asyncio.create_task(restarts(world))
        row = await world.reaches(State.PARKED, within_s=49 * 3600)
        restarting.cancel()
        await ending
        tries = [attempt.at - begun for attempt in (await world.timeline()).attempts[1:]]
        assert len(tries) == row.tries == len(offsets(PLAN))
        assert [made for made, due in zip(tries, offsets(PLAN), strict=True) if not due <= made <= due + 15] == []
        await asyncio.sleep(10 * 3600)
        assert len(world.far_side.sent) == 1 + len(tries)

    play(tmp_path, scenario)


@pytest.mark.usefixtures("two_quiet_days")
def test_what_is_parked_is_counted_and_keeps_what_it_wants(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await parked(world)
        assert (await world.row()).wants is Decision.ROLLBACK
        assert gateway.metric("parked_total", decision=Decision.ROLLBACK) == 1
        await gateway.housekeeping.round()
        (tally,) = gateway.housekeeping.unfinished
        assert (tally.state, tally.count) == (State.PARKED, 1)

    play(tmp_path, scenario)


@pytest.mark.usefixtures("two_quiet_days")
def test_a_late_call_starts_one_try_of_what_is_parked(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await parked(world)
        before, sent = await world.row(), len(world.far_side.sent)
        told = await refusal(gateway.roll_back())
        assert (told.code, "parked" in told.text) == (ErrorCode.PENDING, True)
        row = await world.row()
        assert (row.state, row.wants, row.tries) == (State.PARKED, Decision.ROLLBACK, before.tries + 1)
        assert row.decided_at == before.decided_at
        await asyncio.sleep(3 * 3600)
        assert len(world.far_side.sent) == sent + 1
        world.far_side.then(ROLLBACK, _succeeds)
        assert await gateway.roll_back() == BALANCE

    play(tmp_path, scenario)


@pytest.mark.usefixtures("two_quiet_days")
def test_a_person_starts_what_is_parked_again(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await parked(world)
        world.far_side.then(ROLLBACK, _succeeds)
        why = a_reason("operator is back", Source.PERSON)
        await world.journal.change(rules.retry(await world.row(), why, gateway.clock.now()))
        await world.reaches(State.ROLLED_BACK, within_s=301)
        assert (await world.timeline()).reasons[-1] == why

    play(tmp_path, scenario)


@pytest.mark.usefixtures("two_quiet_days")
def test_a_person_has_what_is_due_in_an_hour_sent_now(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(breaker=NEVER_OPENS)
        await gateway.withdraw()
        world.far_side.always(ROLLBACK, Unclear("cut"))
        await refusal(gateway.roll_back())
        await asyncio.sleep(3 * 3600)
        row, now = await world.row(), gateway.clock.now()
        assert row.due_at is not None
        assert row.due_at > now + 600
        world.far_side.then(ROLLBACK, _succeeds)
        why = a_reason("operator is back", Source.PERSON)
        assert (await world.journal.change(rules.hasten(row, why, now, now))).moved
        ended = await world.reaches(State.ROLLED_BACK, within_s=301)
        assert (ended.tries, ended.decided_at) == (row.tries + 1, row.decided_at)
        assert (await world.timeline()).reasons[-1] == why

    play(tmp_path, scenario)


@pytest.mark.usefixtures("two_quiet_days")
def test_a_person_vouches_for_what_is_parked(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await parked(world)
        sent = len(world.far_side.sent)
        change = rules.resolve(await world.row(), a_reason("done by phone", Source.PERSON), gateway.clock.now())
        assert (await world.journal.change(change)).moved
        assert await gateway.roll_back() == BALANCE
        assert len(world.far_side.sent) == sent

    play(tmp_path, scenario)


@pytest.mark.usefixtures("two_quiet_days")
def test_what_is_parked_stays_so_when_the_game_repeats_its_call_while_the_breaker_is_open(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        await parked(world)
        before, sent = await world.row(), len(world.far_side.sent)
        gateway = world.instance(breaker={"failures": 1})
        gateway.operator.bulkhead.record(CallGroup.ENDS, ok=False)
        assert await code(gateway.roll_back()) is ErrorCode.PENDING
        row = await world.row()
        assert (row.state, row.wants, row.tries) == (State.PARKED, Decision.ROLLBACK, before.tries)
        assert len(world.far_side.sent) == sent

    play(tmp_path, scenario)


def test_an_open_breaker_uses_up_no_try(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(breaker={"failures": 3, "open_for": "7s"})
        await gateway.withdraw()
        world.far_side.then(ROLLBACK, Unclear("cut"))
        await refusal(gateway.roll_back())
        for _ in range(3):
            gateway.operator.bulkhead.record(CallGroup.ENDS, ok=False)
        await asyncio.sleep(6)
        row = await world.row()
        assert (row.state, row.tries, world.far_side.calls(ROLLBACK)) == (State.ROLLING_BACK, 1, 1)
        await world.reaches(State.ROLLED_BACK, within_s=3)

    play(tmp_path, scenario)


def test_what_was_claimed_when_the_breaker_opened_is_postponed(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False, breaker={"failures": 1, "open_for": "7s"})
        await gateway.withdraw()
        gateway.operator.bulkhead.record(CallGroup.ENDS, ok=False)
        await refusal(gateway.roll_back())
        row = await world.row()
        assert (row.tries, row.owner, world.far_side.calls(ROLLBACK)) == (0, None, 0)
        assert row.due_at == pytest.approx(gateway.clock.now() + 7.5, abs=0.1)

    play(tmp_path, scenario)


def test_many_due_are_brought_side_by_side_but_not_more_than_configured(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        most, now = 0, 0

        async def slow(transfer: Transfer) -> Receipt:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(1)
            now -= 1
            return Receipt(BALANCE)

        gateway = world.instance(started=False, delivery={"concurrency": 48}, breaker=NEVER_OPENS)
        await asyncio.gather(*(gateway.withdraw(f"t{number}") for number in range(100)))
        world.far_side.always(ROLLBACK, Unclear("cut"))
        await asyncio.gather(*(refusal(gateway.roll_back(f"t{number}")) for number in range(100)))
        world.far_side.always(ROLLBACK, slow)
        await asyncio.sleep(30)
        gateway.start()
        await asyncio.sleep(8)
        assert CLAIM_LIMIT < most == 48
        assert gateway.metric("deliveries_total", decision=Decision.ROLLBACK) == 100

    play(tmp_path, scenario)


def test_every_due_row_is_delivered_once_however_many_gateways_claim(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        first = world.instance(started=False)
        await asyncio.gather(*(first.withdraw(f"t{number}") for number in range(100)))
        world.far_side.always(ROLLBACK, Unclear("cut"))
        await asyncio.gather(*(refusal(first.roll_back(f"t{number}")) for number in range(100)))
        world.far_side.always(ROLLBACK, _succeeds)
        world.far_side.sent.clear()
        for _ in range(8):
            world.instance()
        await asyncio.sleep(30)
        assert sorted(id for _, id in world.far_side.sent) == sorted(f"t{number}" for number in range(100))

    play(tmp_path, scenario)


def test_delivery_outlives_the_journals_absence(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.then(CONFIRM, Unclear("cut"))
        await refusal(gateway.confirm())
        world.journal.away = "disk full"
        await asyncio.sleep(20)
        assert world.far_side.calls(CONFIRM) == 1
        with pytest.raises(JournalUnavailable):
            await gateway.housekeeping.round()
        world.journal.away = ""
        await world.reaches(State.CONFIRMED, within_s=30)

    play(tmp_path, scenario)


def test_a_try_whose_record_was_lost_is_made_again_by_the_next(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def journal_goes(transfer: Transfer) -> Receipt:
            world.journal.away = "disk full"
            return Receipt(BALANCE)

        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.then(CONFIRM, Unclear("cut"), journal_goes)
        await refusal(gateway.confirm())
        await asyncio.sleep(10)
        world.journal.away = ""
        await world.reaches(State.CONFIRMED, within_s=60)
        assert world.far_side.calls(CONFIRM) == 3

    play(tmp_path, scenario)


def test_an_error_nobody_thought_of_stops_no_other_delivery(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        attempt = gateway.operator._attempt

        async def fails_for_one(call: WalletCall, transfer: Transfer) -> object:
            if transfer.id == "odd":
                raise RuntimeError("a bug")
            return await attempt(call, transfer)

        for id in ("odd", "even"):
            await gateway.withdraw(id)
            world.far_side.then(ROLLBACK, Unclear("cut"))
            await refusal(gateway.roll_back(id))
        gateway.operator._attempt = fails_for_one  # type: ignore[method-assign,assignment]  # the bug
        await asyncio.sleep(10)
        timelines = [await world.timeline(Key(OPERATOR, Direction.WITHDRAW, id)) for id in ("odd", "even")]
        assert [timeline.transfer.state for timeline in timelines] == [State.ROLLING_BACK, State.ROLLED_BACK]

    play(tmp_path, scenario)


def test_a_recovery_that_somebody_was_faster_with_does_nothing(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def hangs(transfer: Transfer) -> Receipt:
            await asyncio.sleep(3)
            return Receipt(BALANCE)

        gateway = world.instance(started=False)
        world.far_side.then(WalletCall.WITHDRAW, hangs)
        hold = asyncio.create_task(gateway.withdraw())
        await asyncio.sleep(1)
        stale = await world.row()
        assert await hold == BALANCE
        await gateway.delivery._deliver(gateway.operator, stale)
        assert (await world.row()).state is State.HELD
        assert world.far_side.calls(ROLLBACK) == 0

    play(tmp_path, scenario)


def test_a_delivery_whose_lease_was_lost_changes_nothing(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await gateway.withdraw()
        world.far_side.then(ROLLBACK, Unclear("cut"), _succeeds, Unclear("late and lost"))
        await refusal(gateway.roll_back())
        stale = await world.row()
        assert await gateway.roll_back() == BALANCE
        after = await gateway.deliverer.deliver(gateway.operator, stale)
        assert after.state is State.ROLLED_BACK
        assert [attempt.verdict for attempt in (await world.timeline()).attempts][-1] is Verdict.UNKNOWN

    play(tmp_path, scenario)


def test_what_is_under_way_at_a_stop_is_finished(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def slow(transfer: Transfer) -> Receipt:
            await asyncio.sleep(3)
            return Receipt(BALANCE)

        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.then(ROLLBACK, Unclear("cut"), slow)
        await refusal(gateway.roll_back())
        await asyncio.sleep(6)
        gateway.tasks[0].cancel()
        await gateway.delivery.wait_idle()
        assert (await world.row()).state is State.ROLLED_BACK

    play(tmp_path, scenario)


async def _succeeds(transfer: Transfer) -> Receipt:
    return Receipt(BALANCE)


@pytest.mark.parametrize(
    "end, call, status",
    [
        ("confirm", CONFIRM, TransferStatus.CONFIRMED),
        ("roll_back", ROLLBACK, TransferStatus.ROLLED_BACK),
    ],
)
def test_an_end_whose_answer_is_lost_ends_by_the_operators_own_word(
    tmp_path: Path, end: str, call: WalletCall, status: TransferStatus
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(adapter="askable")
        await gateway.withdraw()
        world.far_side.then(call, Unclear("timed out"))
        world.far_side.status = status
        await getattr(gateway, end)()
        assert (await world.row()).state in FINAL
        (_, attempt) = (await world.timeline()).attempts
        assert (attempt.verdict, attempt.detail) == (
            Verdict.SUCCESS,
            f"timed out; asked what became of it, the operator says: {status}",
        )
        assert world.far_side.calls(call) == len(world.far_side.looked_up) == 1

    play(tmp_path, scenario)


def test_an_end_that_stands_otherwise_at_the_operator_is_sent_again(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(adapter="askable")
        await gateway.withdraw()
        world.far_side.then(ROLLBACK, Unclear("timed out"), Unclear("timed out"))
        assert await code(gateway.roll_back()) == ErrorCode.PENDING
        await world.reaches(State.ROLLED_BACK)
        assert world.far_side.calls(ROLLBACK) == 3
        assert len(world.far_side.looked_up) == 2

    play(tmp_path, scenario)


def test_what_the_operator_rules_out_is_parked_at_once_and_a_person_can_still_retry(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.then(CONFIRM, ParkNow("paid out already"))
        await refusal(gateway.confirm())
        row = await world.row()
        assert (row.state, row.wants, row.due_at) == (State.PARKED, Decision.CONFIRM, None)
        assert gateway.metric("parked_total", decision="confirm") == 1
        await gateway.confirm()
        assert (await world.row()).state is State.CONFIRMED

    play(tmp_path, scenario)


def test_a_busy_operator_gets_the_next_try_when_it_wants_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.then(ROLLBACK, RetryLater("HTTP 429", 600.0))
        begun = gateway.clock.now()
        await refusal(gateway.roll_back())
        await world.reaches(State.ROLLED_BACK)
        (_, _, last) = (await world.timeline()).attempts
        assert 600 <= last.at - begun <= 615

    play(tmp_path, scenario)


RECEIPT = {"transactionId": "T-1", "round": '\ud83d half an emoji, "quotes" and \x00'}


@pytest.mark.parametrize("end, call", [("confirm", CONFIRM), ("roll_back", ROLLBACK)])
def test_what_a_receipt_gave_comes_back_with_every_later_call(tmp_path: Path, end: str, call: WalletCall) -> None:
    remembered: list[object] = []

    async def note(transfer: Transfer) -> Receipt:
        remembered.append(transfer.memory)
        if len(remembered) < 3:
            raise Unclear("cut")
        return Receipt(BALANCE, {"endedAs": "T-2"})

    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.then(WalletCall.WITHDRAW, Receipt(BALANCE, RECEIPT))
        world.far_side.then(call, note, note, note)
        await gateway.withdraw()
        await refusal(getattr(gateway, end)())
        await gateway.kill()
        world.instance()
        ended = await world.reaches(State.CONFIRMED if end == "confirm" else State.ROLLED_BACK)
        assert remembered == [RECEIPT] * 3
        assert ended.memory == {**RECEIPT, "endedAs": "T-2"}

    play(tmp_path, scenario)


def test_the_rollback_after_the_window_is_told_that_it_is_over_and_those_within_are_not(tmp_path: Path) -> None:
    told: list[tuple[bool, bool]] = []

    async def note(transfer: Transfer) -> Receipt:
        told.append((transfer.missing_at is not None, transfer.window_over))
        raise Declined(Kind.NOT_FOUND, "never heard of it")

    async def scenario(world: World) -> None:
        gateway = world.instance(delivery={"jitter": 0, "late_arrival_window": 60.0})
        world.far_side.then(WalletCall.WITHDRAW, Unclear("timed out"))
        world.far_side.then(ROLLBACK, note, note, note)
        await refusal(gateway.withdraw())
        await refusal(gateway.roll_back())
        await world.reaches(State.ROLLED_BACK)
        assert told[0] == (False, False)
        assert told[1:-1] == [(True, False)] * (len(told) - 2)
        assert told[-1] == (True, True)
        assert len(told) == 3

    play(tmp_path, scenario)
