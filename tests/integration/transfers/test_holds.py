"""Withdraws: written first, sent once, undone by the gateway itself when they did not clearly succeed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Change, Changed, Claim, Inserted
from gateway.money import Money, money
from gateway.operators.adapter import Receipt
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import Declined, Kind, OperatorError, Unclear, Unsent
from gateway.records import Decision, Direction, Fate, Key, Reason, State, Transfer, Verdict
from gateway.transfers.housekeeping import INSTANCE_LEASE_S
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode, WalletError
from tests.support.far_side import BeforeSending
from tests.support.transfers import BALANCE, OPERATOR, PRICE
from tests.support.world import World, code, play, refusal

WITHDRAW, ROLLBACK = WalletCall.WITHDRAW, WalletCall.ROLLBACK_WITHDRAWAL
FAILURES = [
    (Declined(Kind.FUNDS, "poor"), ErrorCode.FUNDS, Fate.REFUSED),
    (Declined(Kind.OTHER, "no"), ErrorCode.OTHER, Fate.REFUSED),
    (Unclear("cut"), ErrorCode.UNCLEAR, Fate.UNKNOWN),
]
NEVER_WRITTEN = [
    (Unsent("refused"), ErrorCode.NOT_SENT),
    (BeforeSending(Declined(Kind.AMOUNT, "too fine")), ErrorCode.AMOUNT),
]


def gateway_key(id: str, direction: Direction = Direction.WITHDRAW) -> Key:
    return Key(OPERATOR, direction, id)


def test_a_withdraw_is_durable_before_it_is_sent(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def looks(transfer: Transfer) -> Receipt:
            assert (await world.row()).state is State.SENDING
            return Receipt(BALANCE)

        world.far_side.then(WITHDRAW, looks)
        assert await world.instance().withdraw() == BALANCE
        assert (await world.row()).state is State.HELD

    play(tmp_path, scenario)


@pytest.mark.parametrize("failure, told, fate", FAILURES)
def test_a_withdraw_that_did_not_clearly_succeed_is_rolled_back_without_being_asked(
    tmp_path: Path, failure: OperatorError, told: ErrorCode, fate: Fate
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.then(WITHDRAW, failure)
        assert await code(gateway.withdraw()) is told
        ended = await world.reaches(State.ROLLED_BACK)
        assert ended.fate is fate
        assert [call for call, _ in world.far_side.sent] == [WITHDRAW, ROLLBACK]
        (reason,) = (await world.timeline()).reasons
        assert (reason.source, reason.text) == ("gateway", f"withdraw failed: {failure.text}")

    play(tmp_path, scenario)


@pytest.mark.parametrize("failure, told", NEVER_WRITTEN)
def test_a_withdraw_of_which_nothing_was_written_has_ended_at_once(
    tmp_path: Path, failure: OperatorError | BeforeSending, told: ErrorCode
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.then(WITHDRAW, failure)
        first = await refusal(gateway.withdraw())
        assert (first.code, "the withdraw is rolled back" in first.text) == (told, True)
        ended = await world.row()
        assert (ended.state, ended.fate, ended.due_at) == (State.ROLLED_BACK, Fate.REFUSED, None)
        assert gateway.metric("transfers_ended_total", direction="withdraw", state="rolled_back") == 1
        await asyncio.sleep(3600)
        assert await gateway.roll_back() == BALANCE
        assert world.far_side.sent == []
        reasons = [reason.source for reason in (await world.timeline()).reasons]
        assert reasons == ["gateway", "game"]

    play(tmp_path, scenario)


def test_a_withdraw_of_which_nothing_was_written_and_recorded_has_ended_once_the_journal_is_back(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        async def journal_goes(transfer: Transfer) -> Receipt:
            world.journal.away = "disk full"
            raise Unsent("refused")

        gateway = world.instance()
        world.far_side.then(WITHDRAW, journal_goes)
        call = asyncio.create_task(code(gateway.withdraw()))
        await asyncio.sleep(7)
        world.journal.away = ""
        assert await call is ErrorCode.JOURNAL_UNAVAILABLE
        assert ((await world.row()).state, (await world.row()).fate) == (State.ROLLED_BACK, Fate.REFUSED)
        assert world.far_side.calls(ROLLBACK) == 0
        assert gateway.metric("transfers_ended_total", direction="withdraw", state="rolled_back") == 1

    play(tmp_path, scenario)


def test_an_adapter_that_fails_before_it_sends_proves_nothing(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.then(WITHDRAW, BeforeSending(KeyError("amount")))
        await refusal(world.instance().withdraw())
        assert (await world.reaches(State.ROLLED_BACK)).fate is Fate.UNKNOWN
        assert world.far_side.calls(ROLLBACK) == 1

    play(tmp_path, scenario)


def test_a_withdraw_that_may_still_be_on_its_way_is_rolled_back_again_after_the_window(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.then(WITHDRAW, Unclear("cut"))
        world.far_side.then(ROLLBACK, Declined(Kind.NOT_FOUND, "never heard of it"))
        await refusal(gateway.withdraw())
        await asyncio.sleep(59)
        assert (await world.row()).state is State.ROLLING_BACK
        await world.reaches(State.ROLLED_BACK, within_s=3)
        assert world.far_side.calls(ROLLBACK) == 2

    play(tmp_path, scenario)


@pytest.mark.parametrize("failure", [None, Unsent("refused"), *(failure for failure, _, _ in FAILURES)])
def test_a_hundred_at_once_are_sent_once_and_get_the_same_answer(tmp_path: Path, failure: OperatorError | None) -> None:
    async def scenario(world: World) -> None:
        async def slowly(transfer: Transfer) -> Receipt:
            await asyncio.sleep(0.3)
            if failure is not None:
                raise failure
            return Receipt(BALANCE)

        gateways = [world.instance(), world.instance()]
        world.far_side.then(WITHDRAW, slowly)
        calls = [gateways[number % 2].withdraw() for number in range(100)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert world.far_side.calls(WITHDRAW) == 1
        assert {str(answer) for answer in answers} == {str(answers[0])}
        assert (answers[0] == BALANCE) is (failure is None)

    play(tmp_path, scenario)


def test_a_repeat_whose_look_came_before_the_row_is_not_told_that_nothing_was_sent(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        find, done = world.journal.find, asyncio.Event()

        async def find_slowly(key: Key) -> Transfer | None:
            """The look that began before the row was there, and is answered after all is over."""
            world.journal.find = find  # type: ignore[method-assign]  # once
            await done.wait()
            return None

        async def hold(_: Transfer) -> Receipt:
            world.journal.find = find_slowly  # type: ignore[method-assign]  # as a slow disk does
            repeated.append(asyncio.ensure_future(gateway.withdraw()))
            await asyncio.sleep(1)
            return Receipt(BALANCE)

        repeated: list[asyncio.Future[Money | None]] = []
        world.far_side.then(WalletCall.WITHDRAW, hold)
        assert await gateway.withdraw() == BALANCE
        done.set()
        assert await repeated[0] == BALANCE

    play(tmp_path, scenario)


def test_a_repeat_of_a_call_that_could_not_be_recorded_is_told_that_nothing_was_sent(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        insert = world.journal.insert

        async def fail_slowly(transfer: Transfer, reason: Reason | None = None) -> Inserted:
            world.journal.insert = insert  # type: ignore[method-assign]  # once
            repeated.append(asyncio.ensure_future(gateway.withdraw()))
            await asyncio.sleep(1)
            raise JournalUnavailable("the disk is full")

        repeated: list[asyncio.Future[Money | None]] = []
        world.journal.insert = fail_slowly  # type: ignore[method-assign]  # as a full disk does
        with pytest.raises(WalletError) as refused:
            await gateway.withdraw()
        assert refused.value.code is ErrorCode.JOURNAL_UNAVAILABLE
        with pytest.raises(WalletError) as refused:
            await repeated[0]
        assert refused.value.code is ErrorCode.NOT_SENT
        assert "the same call failed before it could be recorded" in refused.value.text
        assert world.far_side.calls(WITHDRAW) == 0

    play(tmp_path, scenario)


def test_a_repeat_is_answered_from_the_journal(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        assert await gateway.withdraw() == await gateway.withdraw() == BALANCE
        await gateway.confirm()
        assert await gateway.withdraw() == BALANCE
        assert world.far_side.calls(WITHDRAW) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "other, differs",
    [
        ({"amount": money("231", "XAG")}, "it was for 230 XAG, now 231 XAG was sent"),
        ({"text": "two gems"}, "it had another txDescription"),
        ({"token": "another"}, "it had another session token"),
        ({"amount": money("231", "XAG"), "text": "two gems"}, "now 231 XAG was sent and it had another txDescription"),
    ],
)
def test_an_id_is_not_used_twice_for_other_content_and_the_game_is_told_what_differs(
    tmp_path: Path, other: dict[str, object], differs: str
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        told = await refusal(gateway.withdraw(**other))  # type: ignore[arg-type]  # the table's values
        assert told.code is ErrorCode.ID_REUSED
        assert differs in told.text
        assert "The first one stands and is held" in told.text
        assert world.far_side.calls(WITHDRAW) == 1

    play(tmp_path, scenario)


def test_a_repeat_after_the_rollback_is_refused(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        await gateway.roll_back()
        assert await code(gateway.withdraw()) is ErrorCode.ROLLED_BACK
        assert world.far_side.calls(WITHDRAW) == 1

    play(tmp_path, scenario)


def test_without_a_journal_nothing_is_sent(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.journal.away = "disk full"
        assert await code(gateway.withdraw()) is ErrorCode.JOURNAL_UNAVAILABLE
        assert world.far_side.sent == []
        world.journal.away = ""
        assert await gateway.withdraw() == BALANCE

    play(tmp_path, scenario)


@pytest.mark.parametrize("ambiguous", [False, True])
def test_a_success_that_could_not_be_recorded_is_undone_once_the_journal_is_back(
    tmp_path: Path, ambiguous: bool
) -> None:
    async def scenario(world: World) -> None:
        async def journal_goes(transfer: Transfer) -> Receipt:
            world.journal.away, world.journal.ambiguous = "disk full", ambiguous
            return Receipt(BALANCE)

        gateway = world.instance()
        world.far_side.then(WITHDRAW, journal_goes)
        call = asyncio.create_task(code(gateway.withdraw()))
        await asyncio.sleep(7)
        assert not call.done()
        assert world.far_side.calls(ROLLBACK) == 0
        world.journal.away = ""
        assert await call is ErrorCode.JOURNAL_UNAVAILABLE
        await world.reaches(State.ROLLED_BACK)
        await gateway.coordinator.wait_idle()
        assert [call for call, _ in world.far_side.sent] == [WITHDRAW, ROLLBACK]

    play(tmp_path, scenario)


def test_a_hold_that_is_cancelled_while_the_journal_is_away_is_undone_all_the_same(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def journal_goes(transfer: Transfer) -> Receipt:
            world.journal.away = "disk full"
            return Receipt(BALANCE)

        gateway = world.instance()
        world.far_side.then(WITHDRAW, journal_goes)
        call = asyncio.create_task(gateway.withdraw())
        await asyncio.sleep(7)
        call.cancel()
        world.journal.away = ""
        await gateway.coordinator.wait_idle()
        assert call.cancelled()
        await world.reaches(State.ROLLED_BACK)
        assert [call for call, _ in world.far_side.sent] == [WITHDRAW, ROLLBACK]

    play(tmp_path, scenario)


def test_a_success_that_a_repeat_was_told_is_not_taken_back(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def journal_goes(transfer: Transfer) -> Receipt:
            world.journal.away, world.journal.ambiguous = "connection lost", True
            return Receipt(BALANCE)

        first, second = world.instance(), world.instance()
        world.far_side.then(WITHDRAW, journal_goes)
        call = asyncio.create_task(first.withdraw())
        await asyncio.sleep(7)
        world.journal.away = ""
        assert await second.withdraw() == BALANCE
        assert await call == BALANCE
        assert (await world.row()).state is State.HELD
        assert world.far_side.calls(ROLLBACK) == 0

    play(tmp_path, scenario)


def test_a_receipt_is_not_repeated_once_a_rollback_has_come_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(world: World) -> None:
        gateway, other = world.instance(), world.instance()
        await gateway.withdraw()
        change = world.journal.change

        async def after_a_rollback(pin: Change) -> Changed:
            monkeypatch.setattr(world.journal, "change", change)
            await other.roll_back()
            return await change(pin)

        monkeypatch.setattr(world.journal, "change", after_a_rollback)
        assert await code(gateway.withdraw()) is ErrorCode.ROLLED_BACK
        assert (await world.row()).state is State.ROLLED_BACK

    play(tmp_path, scenario)


def test_a_full_operator_refuses_and_that_is_written_down(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        never = asyncio.Event()

        async def hangs(transfer: Transfer) -> Receipt:
            await never.wait()
            return Receipt(BALANCE)

        gateway = world.instance(limits={"concurrency": 1, "waiting": 0})
        world.far_side.then(WITHDRAW, hangs)
        first = asyncio.create_task(gateway.withdraw("first"))
        await asyncio.sleep(0.1)
        assert await code(gateway.withdraw("second")) is ErrorCode.NOT_SENT
        second = await world.journal.find(gateway_key("second"))
        assert second is not None
        assert (second.state, second.fate) == (State.ROLLED_BACK, Fate.REFUSED)
        never.set()
        assert await first == BALANCE

    play(tmp_path, scenario)


def test_a_repeat_that_finds_no_place_is_still_answered(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(limits={"concurrency": 1, "waiting": 0})
        await gateway.withdraw()
        await gateway.operator.bulkhead.enter(CallGroup.HOLDS)
        assert await gateway.withdraw() == BALANCE

    play(tmp_path, scenario)


def test_a_hold_whose_gateway_died_is_rolled_back_by_another(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def hangs(transfer: Transfer) -> Receipt:
            await asyncio.sleep(1000)
            return Receipt(BALANCE)

        dying = world.instance()
        world.far_side.then(WITHDRAW, hangs)
        call = asyncio.create_task(dying.withdraw())
        await asyncio.sleep(0.1)
        call.cancel()
        await dying.kill()
        heir = world.instance()
        ended = await world.reaches(State.ROLLED_BACK, within_s=2 * INSTANCE_LEASE_S)
        assert (ended.fate, ended.wants) == (Fate.UNKNOWN, None)
        (reason,) = (await world.timeline()).reasons
        assert "interrupted" in reason.text
        assert heir.metric("rollback_reasons_total", source="gateway", category="other") == 1

    play(tmp_path, scenario)


def test_who_slept_through_the_lease_before_sending_sends_nothing(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        stand_still = gateway.context.journal(gateway.operator).insert

        async def slept_after(*args: object) -> object:
            opened = await stand_still(*args)  # type: ignore[arg-type]  # passed through
            gateway.clock.skew_s += 3600
            return opened

        world.journal.insert = slept_after  # type: ignore[assignment,method-assign]  # the pause
        assert await code(gateway.withdraw()) is ErrorCode.NOT_SENT
        assert world.far_side.sent == []
        assert (await world.row()).state is State.ROLLED_BACK

    play(tmp_path, scenario)


@pytest.mark.parametrize("renews_first", [False, True])
def test_who_slept_through_its_own_lease_before_sending_sends_nothing(tmp_path: Path, *, renews_first: bool) -> None:
    async def scenario(world: World) -> None:
        sleeper, _ = world.instance(timeout=30), world.instance()
        await asyncio.sleep(1)
        insert = world.journal.insert

        async def slept_after(*args: object) -> object:
            opened = await insert(*args)  # type: ignore[arg-type]  # passed through
            await sleeper.kill()
            await world.reaches(State.ROLLED_BACK)  # long before the row's lease is over
            if renews_first:
                await sleeper.housekeeping.round()
            return opened

        world.journal.insert = slept_after  # type: ignore[assignment,method-assign]  # the pause
        assert await code(sleeper.withdraw()) is ErrorCode.ROLLED_BACK
        assert [call for call, _ in world.far_side.sent] == [ROLLBACK]

    play(tmp_path, scenario)


def test_who_renews_its_lease_in_time_sends_what_it_has_written_before(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway, _ = world.instance(timeout=30), world.instance()
        insert = world.journal.insert

        async def slow(*args: object) -> object:
            opened = await insert(*args)  # type: ignore[arg-type]  # passed through
            await asyncio.sleep(40)
            return opened

        world.journal.insert = slow  # type: ignore[assignment,method-assign]  # a wait that is no pause of the process
        await gateway.withdraw()
        assert (await world.row()).state is State.HELD

    play(tmp_path, scenario)


@pytest.mark.parametrize("answer", [None, Unclear("cut")])
def test_who_slept_while_sending_has_the_rollback_sent_once_more(tmp_path: Path, answer: OperatorError | None) -> None:
    async def scenario(world: World) -> None:
        async def slow(transfer: Transfer) -> Receipt:
            await world.reaches(State.ROLLED_BACK)
            if answer is not None:
                raise answer
            return Receipt(BALANCE)

        sleeper, other = world.instance(started=False, timeout=30), world.instance()
        other.clock.skew_s = 3600
        world.far_side.then(WITHDRAW, slow)
        assert await code(sleeper.withdraw()) is ErrorCode.ROLLED_BACK
        await sleeper.coordinator.wait_idle()
        await asyncio.sleep(90)
        assert (await world.row()).state is State.ROLLED_BACK
        assert [call for call, _ in world.far_side.sent] == [WITHDRAW, ROLLBACK, ROLLBACK]
        assert sleeper.metric("late_arrivals_total") == 1
        assert other.metric("deliveries_total", decision="rollback") == 2

    play(tmp_path, scenario)


def test_who_slept_while_sending_and_cannot_record_it_has_the_rollback_sent_once_more(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def slow(transfer: Transfer) -> Receipt:
            await world.reaches(State.ROLLED_BACK)
            world.journal.away = "disk full"
            return Receipt(BALANCE)

        sleeper, other = world.instance(started=False, timeout=30), world.instance()
        other.clock.skew_s = 3600
        world.far_side.then(WITHDRAW, slow)
        call = asyncio.create_task(code(sleeper.withdraw()))
        await asyncio.sleep(7)
        world.journal.away = ""
        assert await call is ErrorCode.JOURNAL_UNAVAILABLE
        await asyncio.sleep(90)
        assert (await world.row()).state is State.ROLLED_BACK
        assert [call for call, _ in world.far_side.sent] == [WITHDRAW, ROLLBACK, ROLLBACK]
        assert sleeper.metric("late_arrivals_total") == 1

    play(tmp_path, scenario)


def test_a_success_is_not_told_while_another_is_about_to_undo_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def claimed_meanwhile(transfer: Transfer) -> Receipt:
            now = gateway.clock.now() + 3600
            claim = Claim(operator=transfer.operator, owner="other", now=now, lease_until=now + 60, limit=1)
            assert len(await world.journal.claim(claim)) == 1
            world.journal.away = "disk full"
            return Receipt(BALANCE)

        gateway = world.instance(started=False)
        world.far_side.then(WITHDRAW, claimed_meanwhile)
        call = asyncio.create_task(code(gateway.withdraw()))
        await asyncio.sleep(7)
        world.journal.away = ""
        assert await call is ErrorCode.JOURNAL_UNAVAILABLE
        assert (await world.row()).state is State.SENDING

    play(tmp_path, scenario)


def test_who_slept_while_the_operator_refused_leaves_it_at_that(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def slow(transfer: Transfer) -> Receipt:
            await world.reaches(State.ROLLED_BACK)
            raise Declined(Kind.FUNDS, "poor")

        sleeper, other = world.instance(started=False, timeout=30), world.instance()
        other.clock.skew_s = 3600
        world.far_side.then(WITHDRAW, slow)
        assert await code(sleeper.withdraw()) is ErrorCode.ROLLED_BACK
        assert world.far_side.calls(ROLLBACK) == 1

    play(tmp_path, scenario)


def test_an_adopted_rollback_refuses_the_withdraw_that_went_astray(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.roll_back()
        assert await code(gateway.withdraw()) is ErrorCode.ROLLED_BACK
        assert world.far_side.calls(WITHDRAW) == 0

    play(tmp_path, scenario)


@pytest.mark.parametrize("answer", [None, Declined(Kind.NOT_FOUND, "never heard of it"), Unclear("cut")])
def test_a_confirm_that_came_first_is_no_yes_to_its_withdraw(tmp_path: Path, answer: OperatorError | None) -> None:
    """Whatever the operator said to the confirm: no withdraw was ever sent."""

    async def scenario(world: World) -> None:
        gateway = world.instance()
        if answer is not None:
            world.far_side.always(WalletCall.CONFIRM_WITHDRAWAL, answer)
        with suppress(WalletError):
            await gateway.confirm()
        told = await refusal(gateway.withdraw())
        assert (told.code, "no withdraw of this id was sent" in told.text) == (ErrorCode.CONFIRMED, True)
        assert await code(gateway.withdraw(amount=money("1", "XAG"))) is ErrorCode.ID_REUSED
        assert await code(gateway.roll_back()) is ErrorCode.CONFIRMED
        assert world.far_side.calls(WITHDRAW) == 0

    play(tmp_path, scenario)


def test_every_try_is_in_the_timeline(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.then(WITHDRAW, Declined(Kind.FUNDS, "poor"))
        world.far_side.then(ROLLBACK, Unclear("cut"))
        await refusal(gateway.withdraw())
        await world.reaches(State.ROLLED_BACK)
        tries = [(attempt.call, attempt.verdict, attempt.kind) for attempt in (await world.timeline()).attempts]
        assert tries == [
            (WITHDRAW, Verdict.DECLINED, "funds"),
            (ROLLBACK, Verdict.UNKNOWN, ""),
            (ROLLBACK, Verdict.SUCCESS, ""),
        ]
        assert gateway.metric("delivery_tries_total", decision=Decision.ROLLBACK, verdict="unknown") == 1

    play(tmp_path, scenario)


def test_deposits_go_the_same_way(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        hold = gateway.coordinator.hold
        deposit = {"token": "t", "id": "d1", "amount": PRICE, "description": "bonus"}
        world.far_side.then(WalletCall.DEPOSIT, Unclear("cut"))
        failing = hold(gateway.operator, Direction.DEPOSIT, **deposit)  # type: ignore[arg-type]  # shorthand
        assert await code(failing) is ErrorCode.UNCLEAR
        await world.reaches(State.ROLLED_BACK, gateway_key("d1", Direction.DEPOSIT))
        assert [call for call, _ in world.far_side.sent] == [WalletCall.DEPOSIT, WalletCall.ROLLBACK_DEPOSIT]

    play(tmp_path, scenario)
