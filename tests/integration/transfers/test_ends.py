"""Confirms and rollbacks: every cell of the table of states, and what the game is told while the operator fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from gateway.money import money
from gateway.operators.adapter import Player, Receipt
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import Declined, Kind, Unclear
from gateway.reasons import TEXT_LIMIT
from gateway.records import Fate, Session, State, Transfer
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.inline_journal import InlineJournal
from tests.support.transfers import BALANCE
from tests.support.world import Instance, World, code, play, refusal

CONFIRM, ROLLBACK = WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL
Step = Callable[[World, Instance], Awaitable[None]]


@pytest.fixture(params=[False, True], ids=["a shared journal", "a journal of its own"], autouse=True)
def exclusive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Which write is tried first depends on it, what comes of it does not."""
    monkeypatch.setattr(InlineJournal, "exclusive", request.param)
    only: bool = request.param
    return only


async def held(world: World, gateway: Instance) -> None:
    await gateway.withdraw()


async def confirming(world: World, gateway: Instance) -> None:
    await gateway.withdraw()
    world.far_side.then(CONFIRM, Unclear("cut"))
    assert await code(gateway.confirm()) is ErrorCode.PENDING


async def confirmed(world: World, gateway: Instance) -> None:
    await gateway.withdraw()
    await gateway.confirm()


async def rolling_back(world: World, gateway: Instance) -> None:
    await gateway.withdraw()
    world.far_side.then(ROLLBACK, Unclear("cut"))
    assert await code(gateway.roll_back()) is ErrorCode.PENDING


async def rolled_back(world: World, gateway: Instance) -> None:
    await gateway.withdraw()
    await gateway.roll_back()


async def nothing(world: World, gateway: Instance) -> None:
    """No row: the transfer never went through here."""


@pytest.mark.parametrize(
    "before, answer, state",
    [
        (nothing, BALANCE, State.CONFIRMED),
        (held, BALANCE, State.CONFIRMED),
        (confirming, BALANCE, State.CONFIRMED),
        (confirmed, BALANCE, State.CONFIRMED),
        (rolling_back, ErrorCode.ROLLED_BACK, State.ROLLING_BACK),
        (rolled_back, ErrorCode.ROLLED_BACK, State.ROLLED_BACK),
    ],
)
def test_confirm(tmp_path: Path, before: Step, answer: object, state: State) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await before(world, gateway)
        assert await outcome(gateway.confirm()) == answer
        assert (await world.row()).state is state
        assert world.far_side.calls(CONFIRM) == 0 or world.far_side.calls(ROLLBACK) == 0

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "before, answer, state, reasons",
    [
        (nothing, BALANCE, State.ROLLED_BACK, 1),
        (held, BALANCE, State.ROLLED_BACK, 1),
        (confirming, ErrorCode.CONFIRMED, State.CONFIRMING, 0),
        (confirmed, ErrorCode.CONFIRMED, State.CONFIRMED, 0),
        (rolling_back, BALANCE, State.ROLLED_BACK, 2),
        (rolled_back, BALANCE, State.ROLLED_BACK, 2),
    ],
)
def test_rollback(tmp_path: Path, before: Step, answer: object, state: State, reasons: int) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await before(world, gateway)
        assert await outcome(gateway.roll_back()) == answer
        timeline = await world.timeline()
        given = sum(reason.times for reason in timeline.reasons)
        assert (timeline.transfer.state, given) == (state, reasons)
        assert world.far_side.calls(CONFIRM) == 0 or world.far_side.calls(ROLLBACK) == 0

    play(tmp_path, scenario)


async def outcome(call: Awaitable[object]) -> object:
    """The balance that a call answers, or the code that it refuses with."""
    try:
        return await call
    except Exception as error:  # noqa: BLE001 - told apart by its code
        return getattr(error, "code", error)


@pytest.mark.parametrize("end", ["confirm", "roll_back"])
def test_an_end_waits_for_the_holds_own_fate(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        async def slow(transfer: Transfer) -> Receipt:
            await asyncio.sleep(0.5)
            return Receipt(BALANCE)

        gateways = [world.instance(), world.instance()]
        world.far_side.then(WalletCall.WITHDRAW, slow)
        hold = asyncio.create_task(gateways[0].withdraw())
        await asyncio.sleep(0.1)
        ends = [asyncio.create_task(getattr(gateway, end)()) for gateway in gateways]
        assert await asyncio.gather(hold, *ends) == [BALANCE] * 3
        assert [call for call, _ in world.far_side.sent].count(WalletCall.WITHDRAW) == 1

    play(tmp_path, scenario)


def test_an_end_gives_up_waiting_before_the_game_does(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def endless(transfer: Transfer) -> Receipt:
            await asyncio.sleep(3600)
            return Receipt(BALANCE)

        gateway, other = world.instance(timeout=60), world.instance(timeout=60)
        world.far_side.then(WalletCall.WITHDRAW, endless)
        hold = asyncio.create_task(refusal(gateway.withdraw()))
        await asyncio.sleep(0.1)
        assert await code(gateway.roll_back()) is ErrorCode.PENDING
        assert await code(other.roll_back()) is ErrorCode.PENDING
        assert (await hold).code is ErrorCode.UNCLEAR
        await world.reaches(State.ROLLED_BACK)

    play(tmp_path, scenario)


def test_confirm_and_rollback_at_once_end_in_one_of_them(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateways = [world.instance(), world.instance()]
        for number in range(20):
            id = f"t{number}"
            await gateways[0].withdraw(id)
            first, second = gateways[number % 2], gateways[number // 2 % 2]
            answers = await asyncio.gather(outcome(first.confirm(id)), outcome(second.roll_back(id)))
            assert sorted(map(str, answers)) in (
                sorted([str(BALANCE), str(ErrorCode.CONFIRMED)]),
                sorted([str(BALANCE), str(ErrorCode.ROLLED_BACK)]),
            )
        sent = [id for call, id in world.far_side.sent if call in (CONFIRM, ROLLBACK)]
        assert sorted(sent) == sorted({f"t{number}" for number in range(20)})

    play(tmp_path, scenario)


@pytest.mark.parametrize("end", ["confirm", "roll_back"])
def test_a_stranger_that_two_gateways_are_told_of_at_once_is_adopted_by_one(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        gateways = [world.instance(), world.instance()]
        answers = await asyncio.gather(*(getattr(gateways[number % 2], end)() for number in range(10)))
        assert answers == [BALANCE] * 10
        assert len(world.far_side.sent) == 1

    play(tmp_path, scenario)


def test_ends_that_come_together_are_delivered_once(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateways = [world.instance(), world.instance()]
        await gateways[0].withdraw()
        answers = await asyncio.gather(*(gateways[number % 2].confirm() for number in range(20)))
        assert answers == [BALANCE] * 20
        assert world.far_side.calls(CONFIRM) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize("before", [held, confirming, confirmed])
def test_a_confirm_of_another_amount_is_not_sent(tmp_path: Path, before: Step) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await before(world, gateway)
        sent = len(world.far_side.sent)
        assert await code(gateway.confirm(amount=money("229.99", "XAG"))) is ErrorCode.AMOUNT_DIFFERS
        assert await code(gateway.confirm(amount=money("230", "EUR"))) is ErrorCode.AMOUNT_DIFFERS
        assert len(world.far_side.sent) == sent

    play(tmp_path, scenario)


@pytest.mark.parametrize("end", ["confirm", "roll_back"])
def test_strangers_are_refused_where_the_configuration_says_so(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(unknown_transfers="refuse")
        assert await code(getattr(gateway, end)()) is ErrorCode.UNKNOWN_TRANSFER
        assert world.far_side.sent == []

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "reason", [None, "", 7, {"why": ["odd"]}, "x" * 1_000_000, "\x00\ud800", "Withdraw request failed."]
)
def test_a_rollback_is_never_refused_for_its_reason(tmp_path: Path, reason: object) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        assert await gateway.roll_back(reason=reason) == BALANCE
        (kept,) = (await world.timeline()).reasons
        assert (kept.source, kept.category) == ("game", "other")
        assert len(kept.text) <= TEXT_LIMIT
        assert gateway.metric("rollback_reasons_total", source="game", category="other") == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize("before", [nothing, held])
def test_every_try_tells_the_operator_the_first_reason(tmp_path: Path, before: Step) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await before(world, gateway)
        world.far_side.then(ROLLBACK, Unclear("cut"), Unclear("cut"))
        await refusal(gateway.roll_back(reason="no stock"))
        await refusal(gateway.roll_back(reason="asked again"))
        await world.reaches(State.ROLLED_BACK)
        assert world.far_side.reasons == ["no stock"] * 3

    play(tmp_path, scenario)


def test_a_newer_session_of_the_player_and_the_first_are_tried_in_turn(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw(token="old")
        world.far_side.then(ROLLBACK, Declined(Kind.SESSION, "expired"), Unclear("cut"))
        await refusal(gateway.roll_back(token="old"))
        await refusal(gateway.roll_back(token="new"))
        await world.reaches(State.ROLLED_BACK)
        assert world.far_side.tokens == ["old", "old", "old", "new"]

    play(tmp_path, scenario)


def test_a_game_that_asks_often_uses_up_no_scheduled_try(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.always(ROLLBACK, Unclear("cut"))
        await refusal(gateway.roll_back())
        due_at = (await world.row()).due_at
        for _ in range(5):
            await asyncio.sleep(0.1)
            await refusal(gateway.roll_back())
        row = await world.row()
        assert (row.tries, row.due_at) == (1, due_at)

    play(tmp_path, scenario)


def test_an_end_whose_balance_nobody_knows_asks_the_operator_for_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        world.far_side.then(WalletCall.WITHDRAW, Declined(Kind.FUNDS, "poor"))
        world.far_side.then(ROLLBACK, Declined(Kind.NOT_FOUND, "never heard of it"))
        await refusal(gateway.withdraw())
        await world.reaches(State.ROLLED_BACK)
        world.far_side.balance = money("9.5", "XAG")
        assert await gateway.roll_back() == money("9.5", "XAG")
        world.far_side.balance = Unclear("cut")
        assert await gateway.roll_back() == money("9.5", "XAG")

    play(tmp_path, scenario)


@pytest.mark.parametrize("before", [nothing, held, confirming, rolling_back, rolled_back])
def test_without_a_journal_no_end_is_sent(tmp_path: Path, before: Step) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await before(world, gateway)
        sent = len(world.far_side.sent)
        world.journal.away = "disk full"
        assert await code(gateway.confirm()) is ErrorCode.JOURNAL_UNAVAILABLE
        assert await code(gateway.roll_back()) is ErrorCode.JOURNAL_UNAVAILABLE
        assert len(world.far_side.sent) == sent

    play(tmp_path, scenario)


def test_a_delivery_that_could_not_be_recorded_is_made_again(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def journal_goes(transfer: Transfer) -> Receipt:
            world.journal.away = "disk full"
            return Receipt(BALANCE)

        gateway = world.instance()
        await gateway.withdraw()
        world.far_side.then(CONFIRM, journal_goes)
        assert await code(gateway.confirm()) is ErrorCode.JOURNAL_UNAVAILABLE
        world.journal.away = ""
        await world.reaches(State.CONFIRMED)
        assert world.far_side.calls(CONFIRM) == 2

    play(tmp_path, scenario)


def test_a_dead_operator_costs_a_decision_nothing_but_time(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(limits={"concurrency": 1, "waiting": 0})
        await gateway.withdraw()
        await gateway.operator.bulkhead.enter(CallGroup.ENDS)
        assert await code(gateway.confirm()) is ErrorCode.PENDING
        row = await world.row()
        assert (row.state, row.tries) == (State.CONFIRMING, 0)
        gateway.operator.bulkhead.leave()
        await world.reaches(State.CONFIRMED)

    play(tmp_path, scenario)


@pytest.mark.parametrize("before", [held, nothing])
def test_an_end_takes_two_commits(tmp_path: Path, before: Step) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await before(world, gateway)
        commits = world.journal.commits
        await gateway.roll_back()
        assert world.journal.commits - commits == 2

    play(tmp_path, scenario)


def test_a_hold_of_a_former_process_is_ended_as_if_it_were_ones_own(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        await world.instance(started=False).withdraw()
        await world.instance(started=False).confirm()
        assert (await world.row()).state is State.CONFIRMED
        assert world.far_side.calls(CONFIRM) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize("unknown_transfers", ["forward", "refuse"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["at the same gateway", "at another"])
def test_the_rollback_of_a_hold_that_the_gateway_refused_ends_without_being_sent(
    tmp_path: Path, unknown_transfers: str, *, elsewhere: bool
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(limits={"concurrency": 1, "waiting": 0}, unknown_transfers=unknown_transfers)
        await gateway.operator.bulkhead.enter(CallGroup.HOLDS)
        assert await code(gateway.withdraw()) is ErrorCode.NOT_SENT
        gateway.operator.bulkhead.leave()
        gateway_asked = world.instance(unknown_transfers=unknown_transfers) if elsewhere else gateway
        assert await gateway_asked.roll_back() == await gateway_asked.roll_back() == BALANCE
        timeline = await world.timeline()
        assert (timeline.transfer.state, timeline.transfer.fate) == (State.ROLLED_BACK, Fate.REFUSED)
        assert [(reason.source, reason.times) for reason in timeline.reasons] == [("gateway", 1), ("game", 2)]
        assert gateway.metric("transfers_ended_total", direction="withdraw", state="rolled_back") == 1
        assert gateway.metric("rollback_reasons_total", source="gateway", category="other") == 1
        assert await code(gateway_asked.withdraw()) is ErrorCode.ROLLED_BACK
        assert await code(gateway_asked.confirm()) is ErrorCode.ROLLED_BACK
        assert world.far_side.sent == []

    play(tmp_path, scenario)


@pytest.mark.parametrize("end, told", [("roll_back", BALANCE), ("confirm", ErrorCode.ROLLED_BACK)])
@pytest.mark.parametrize("unknown_transfers", ["forward", "refuse"])
def test_a_hold_that_the_journal_did_not_take_has_ended_once_the_game_asks(
    tmp_path: Path, end: str, told: object, unknown_transfers: str
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(unknown_transfers=unknown_transfers)
        world.journal.away = "disk full"
        for _ in range(2):
            assert await code(gateway.withdraw()) is ErrorCode.JOURNAL_UNAVAILABLE
        assert await code(gateway.roll_back()) is ErrorCode.JOURNAL_UNAVAILABLE
        world.journal.away = ""
        assert await outcome(getattr(gateway, end)()) == told
        assert await outcome(getattr(gateway, end)()) == told
        timeline = await world.timeline()
        assert (timeline.transfer.state, timeline.transfer.fate) == (State.ROLLED_BACK, Fate.REFUSED)
        assert timeline.reasons != []
        assert world.far_side.sent == []

    play(tmp_path, scenario)


def test_a_hold_without_a_place_that_the_journal_does_not_take_either_is_not_forgotten(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(limits={"concurrency": 1, "waiting": 0})
        await gateway.coordinator.verify_session(gateway.operator, "newer")
        await gateway.operator.bulkhead.enter(CallGroup.HOLDS)
        world.journal.away = "disk full"
        assert await code(gateway.withdraw(token="newer")) is ErrorCode.NOT_SENT
        world.journal.away = ""
        gateway.operator.bulkhead.leave()
        assert await gateway.roll_back(token="newer") == BALANCE
        assert world.far_side.sent == []

    play(tmp_path, scenario)


def test_a_hold_that_one_gateway_could_not_record_and_another_sent_is_rolled_back_at_the_operator(
    tmp_path: Path,
) -> None:
    async def scenario(world: World) -> None:
        one, other = world.instance(), world.instance()
        world.journal.away = "disk full"
        assert await code(one.withdraw()) is ErrorCode.JOURNAL_UNAVAILABLE
        world.journal.away = ""
        assert await other.withdraw() == BALANCE
        assert await one.roll_back() == BALANCE
        assert world.far_side.calls(ROLLBACK) == 1

    play(tmp_path, scenario)


@pytest.mark.parametrize("end", ["confirm", "roll_back"])
@pytest.mark.parametrize("kept", [True, False], ids=["with a row", "without"])
def test_a_hold_that_was_never_sent_is_its_own_players_too(tmp_path: Path, end: str, *, kept: bool) -> None:
    async def scenario(world: World) -> None:
        world.far_side.players = {"hers": "she", "his": "he"}
        gateway = world.instance(limits={"concurrency": 1, "waiting": 0})
        for token in ("hers", "his"):
            await gateway.coordinator.verify_session(gateway.operator, token)
        await gateway.operator.bulkhead.enter(CallGroup.HOLDS)
        world.journal.away = "" if kept else "disk full"
        await refusal(gateway.withdraw(token="hers"))
        world.journal.away = ""
        gateway.operator.bulkhead.leave()
        assert await code(getattr(gateway, end)(token="his")) is ErrorCode.OTHER_PLAYER
        assert await gateway.roll_back(token="hers") == BALANCE
        assert world.far_side.sent == []

    play(tmp_path, scenario)


def test_a_confirm_may_spell_the_currency_otherwise(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        await gateway.withdraw()
        assert await gateway.confirm(amount=money("230", "xag")) == BALANCE

    play(tmp_path, scenario)


def test_a_repeat_while_the_breaker_is_open_hastens_nothing_and_uses_up_no_try(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(breaker={"failures": 1, "open_for": "5s"}, delivery={"schedule": ["0s"], "jitter": 0})
        await gateway.withdraw()
        world.far_side.then(ROLLBACK, Unclear("cut"))
        await refusal(gateway.roll_back())
        before = await world.row()
        assert await code(gateway.roll_back()) is ErrorCode.PENDING
        after = await world.row()
        assert (after.due_at, after.tries) == (before.due_at, before.tries)

    play(tmp_path, scenario)


def test_a_row_that_another_gateway_writes_meanwhile_says_whose_a_hold_is(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.players = {"hers": "she", "his": "he"}
        one, other = world.instance(), world.instance()
        await one.coordinator.verify_session(one.operator, "his")
        world.journal.away = "disk full"
        assert await code(one.withdraw(token="his")) is ErrorCode.JOURNAL_UNAVAILABLE
        world.journal.away = ""
        verify = world.far_side.verify

        async def meanwhile(session: Session) -> Player:
            if session.token == "hers" and not world.far_side.calls(WalletCall.WITHDRAW):
                await other.withdraw(token="hers")
            return await verify(session)

        world.far_side.verify = meanwhile  # type: ignore[method-assign]  # the other gateway is faster
        assert await one.roll_back(token="hers") == BALANCE
        assert world.far_side.calls(ROLLBACK) == 1

    play(tmp_path, scenario)
