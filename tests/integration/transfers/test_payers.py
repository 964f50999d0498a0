"""Whose money it is: an end goes out for the transfer's own player, with a session of theirs that may still work."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from gateway.operators.adapter import Receipt
from gateway.operators.errors import Declined, Kind, Unclear, Unsent
from gateway.records import State, Transfer
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.inline_journal import InlineJournal
from tests.support.transfers import BALANCE
from tests.support.world import Instance, World, code, play, refusal

CONFIRM, ROLLBACK = WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL
HERS, HIS, NEWER, NEVER_VERIFIED = "her-token", "his-token", "her-newer-token", "whose-token"
ENDS = pytest.mark.parametrize("end", ["confirm", "roll_back"])


@pytest.fixture(params=[False, True], ids=["a shared journal", "a journal of its own"], autouse=True)
def exclusive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which write is tried first depends on it, what comes of it does not."""
    monkeypatch.setattr(InlineJournal, "exclusive", request.param)


async def she_holds(world: World, *, verified: tuple[str, ...] = (HERS, HIS)) -> Instance:
    """A gateway at which she has withdrawn; he is another player."""
    world.far_side.players = {HERS: "she", HIS: "he", NEWER: "she", NEVER_VERIFIED: "he"}
    gateway = world.instance()
    for token in verified:
        await gateway.coordinator.verify_session(gateway.operator, token)
    await gateway.withdraw(token=HERS)
    return gateway


@ENDS
def test_another_players_session_ends_nothing(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        with structlog.testing.capture_logs() as logs:
            told = await refusal(getattr(gateway, end)(token=HIS))
        assert told.code is ErrorCode.OTHER_PLAYER
        assert HIS not in told.text
        timeline = await world.timeline()
        assert (timeline.transfer.state, timeline.reasons) == (State.HELD, [])
        assert world.far_side.calls(CONFIRM) + world.far_side.calls(ROLLBACK) == 0
        (entry,) = (one for one in logs if one["event"] == "refused: another player's session")
        assert (entry["player"], entry["other"]) == ("she", "he")
        assert HIS not in repr(logs)

    play(tmp_path, scenario)


@ENDS
@pytest.mark.parametrize("verified", [(HERS,), ()], ids=["his is not verified", "neither is verified"])
def test_whose_an_unverified_session_is_is_asked_before_anything_is_decided(
    tmp_path: Path, end: str, verified: tuple[str, ...]
) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world, verified=verified)
        assert await code(getattr(gateway, end)(token=NEVER_VERIFIED)) is ErrorCode.OTHER_PLAYER
        assert (await world.row()).state is State.HELD

    play(tmp_path, scenario)


@ENDS
def test_another_instance_refuses_another_players_session_too(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        await she_holds(world)
        assert await code(getattr(world.instance(), end)(token=HIS)) is ErrorCode.OTHER_PLAYER

    play(tmp_path, scenario)


@ENDS
@pytest.mark.parametrize("first", ["confirm", "roll_back"])
def test_what_has_ended_is_not_told_to_another_player(tmp_path: Path, first: str, end: str) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        await getattr(gateway, first)(token=HERS)
        assert await code(getattr(gateway, end)(token=HIS)) is ErrorCode.OTHER_PLAYER

    play(tmp_path, scenario)


def test_an_id_that_two_players_use_stays_the_firsts(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        assert await code(gateway.withdraw(token=HIS)) is ErrorCode.ID_REUSED
        assert await code(gateway.roll_back(token=HIS)) is ErrorCode.OTHER_PLAYER
        assert await gateway.confirm(token=HERS) == BALANCE
        assert world.far_side.calls(ROLLBACK) == 0

    play(tmp_path, scenario)


@ENDS
def test_a_session_of_which_nobody_can_say_whose_it_is_ends_the_transfer_with_its_own(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        world.far_side.ended = {NEVER_VERIFIED}
        assert await getattr(gateway, end)(token=NEVER_VERIFIED) == BALANCE
        assert world.far_side.tokens[-1] == HERS
        row = await world.row()
        assert (row.session.token, row.session.player_id, row.session.memory) == (HERS, "she", {"user": "u1"})

    play(tmp_path, scenario)


def test_an_operator_that_does_not_say_whose_a_session_is_keeps_no_end_from_being_decided(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        world.far_side.balance = Unclear("cut")
        world.far_side.then(ROLLBACK, Unclear("cut"))
        assert await code(gateway.roll_back(token=NEVER_VERIFIED)) is ErrorCode.PENDING
        assert (await world.row()).state is State.ROLLING_BACK
        assert world.far_side.tokens[-1] == HERS

    play(tmp_path, scenario)


@ENDS
def test_a_newer_session_of_the_same_player_is_used_when_the_first_is_over(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        world.far_side.ended = {HERS}
        await gateway.coordinator.verify_session(gateway.operator, NEWER)
        assert await getattr(gateway, end)(token=NEWER) == BALANCE
        attempt = (await world.timeline()).attempts[-1]
        assert (attempt.player, attempt.session) == ("she", "later")

    play(tmp_path, scenario)


@ENDS
def test_a_dead_newer_session_does_not_keep_the_living_first_one_from_being_tried(tmp_path: Path, end: str) -> None:
    async def scenario(world: World) -> None:
        world.far_side.players = {HERS: "she", NEWER: "she"}
        gateway = world.instance()
        for token in (NEWER, HERS):
            await gateway.coordinator.verify_session(gateway.operator, token)
        await gateway.withdraw(token=HERS)
        world.far_side.ended = {NEWER}
        assert await getattr(gateway, end)(token=NEWER) == BALANCE
        assert world.far_side.tokens == [HERS, HERS]

    play(tmp_path, scenario)


def test_tries_alternate_between_the_sessions_until_one_works(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        await gateway.coordinator.verify_session(gateway.operator, NEWER)
        world.far_side.ended = {HERS, NEWER}
        assert await code(gateway.confirm(token=NEWER)) is ErrorCode.PENDING
        assert await code(gateway.confirm(token=HERS)) is ErrorCode.PENDING
        assert await code(gateway.confirm(token=NEWER)) is ErrorCode.PENDING
        world.far_side.ended = {NEWER}
        await world.reaches(State.CONFIRMED)
        assert world.far_side.tokens == [HERS, NEWER, HERS, NEWER, HERS]
        words = [(attempt.player, attempt.session) for attempt in (await world.timeline()).attempts]
        assert words == [("she", word) for word in ("own", "later", "own", "later", "own")]

    play(tmp_path, scenario)


def test_of_three_sessions_the_two_that_worked_last_are_kept(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        world.far_side.players["third"] = "she"
        for token in (NEWER, "third"):
            await asyncio.sleep(60)
            await gateway.coordinator.verify_session(gateway.operator, token)
        world.far_side.then(CONFIRM, Unclear("cut"), Unclear("cut"))
        await refusal(gateway.confirm(token=NEWER))
        await refusal(gateway.confirm(token="third"))
        row = await world.row()
        assert row.spare_session is not None
        assert {row.session.token, row.spare_session.token} == {NEWER, "third"}

    play(tmp_path, scenario)


def test_an_old_session_that_is_named_does_not_take_the_place_of_a_living_one(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.players = {HERS: "she", NEWER: "she", "old": "she"}
        gateway = world.instance()
        for token in ("old", HERS):
            await gateway.coordinator.verify_session(gateway.operator, token)
            await asyncio.sleep(60)
        await gateway.withdraw(token=HERS)
        await asyncio.sleep(60)
        await gateway.coordinator.verify_session(gateway.operator, NEWER)
        world.far_side.ended = {HERS, "old"}
        world.far_side.then(CONFIRM, Unclear("cut"))
        await refusal(gateway.confirm(token=NEWER))
        await refusal(gateway.confirm(token="old"))
        await world.reaches(State.CONFIRMED, within_s=60)
        assert world.far_side.tokens == [HERS, NEWER, HERS, NEWER]

    play(tmp_path, scenario)


def test_a_try_that_the_gateway_puts_off_keeps_the_session_that_was_named(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        await gateway.coordinator.verify_session(gateway.operator, NEWER)
        world.far_side.then(CONFIRM, *(Unsent("refused") for _ in range(10)))
        world.far_side.always(CONFIRM, Unsent("refused"))
        for _ in range(11):
            await refusal(gateway.confirm(token=HERS))
        assert await code(gateway.confirm(token=NEWER)) is ErrorCode.PENDING
        row = await world.row()
        assert row.spare_session is not None
        assert {row.session.token, row.spare_session.token} == {HERS, NEWER}

    play(tmp_path, scenario)


def test_what_was_known_of_the_player_stays_when_a_call_names_a_session_that_is_not_known(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        world.far_side.ended = {NEVER_VERIFIED}
        world.far_side.then(ROLLBACK, Unclear("cut"))
        await refusal(gateway.roll_back(token=NEVER_VERIFIED))
        row = await world.row()
        assert (row.session.token, row.session.player_id, row.session.memory) == (HERS, "she", {"user": "u1"})
        assert row.spare_session is None

    play(tmp_path, scenario)


def test_who_a_player_is_is_learnt_from_a_later_verification_of_the_same_token(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world, verified=())
        assert (await world.row()).session.player_id == ""
        await gateway.coordinator.verify_session(gateway.operator, HERS)
        world.far_side.then(CONFIRM, Unclear("cut"), Unclear("cut"))
        await refusal(gateway.confirm(token=HERS))
        await refusal(gateway.confirm(token=HERS))
        assert (await world.row()).session.player_id == "she"

    play(tmp_path, scenario)


def test_an_adopted_transfer_is_its_first_callers(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.players = {HERS: "she", HIS: "he", NEWER: "she"}
        gateway = world.instance()
        for token in (HERS, HIS, NEWER):
            await gateway.coordinator.verify_session(gateway.operator, token)
        world.far_side.then(CONFIRM, Declined(Kind.OTHER, "not now"))
        await refusal(gateway.confirm(token=HERS))
        assert await code(gateway.confirm(token=HIS)) is ErrorCode.OTHER_PLAYER
        assert await gateway.confirm(token=NEWER) == BALANCE
        assert (await world.timeline()).attempts[-1].session == ""

    play(tmp_path, scenario)


def test_whose_a_session_is_is_asked_once_for_a_call_however_long_that_waits(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        async def slow(transfer: Transfer) -> Receipt:
            await asyncio.sleep(3)
            return Receipt(BALANCE)

        world.far_side.players = {HERS: "she"}
        gateways = [world.instance(), world.instance()]
        world.far_side.then(WalletCall.WITHDRAW, slow)
        hold = asyncio.create_task(gateways[0].withdraw(token=HERS))
        await asyncio.sleep(0.1)
        world.far_side.ended = {NEVER_VERIFIED}
        assert await gateways[1].roll_back(token=NEVER_VERIFIED) == BALANCE
        assert world.far_side.verified == [NEVER_VERIFIED]
        assert await hold == BALANCE

    play(tmp_path, scenario)


def test_a_call_that_is_refused_as_another_players_has_left_no_reason(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = await she_holds(world)
        world.far_side.then(ROLLBACK, Unclear("cut"))
        await refusal(gateway.roll_back(token=HERS))
        assert await code(gateway.roll_back(token=HIS, reason="mine")) is ErrorCode.OTHER_PLAYER
        assert [reason.text for reason in (await world.timeline()).reasons] == ["Withdraw request failed."]

    play(tmp_path, scenario)


def test_the_session_that_was_verified_last_is_the_one_that_last_worked(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        world.far_side.players = {HERS: "she", NEWER: "she"}
        gateway = world.instance()
        for token in (NEWER, HERS):
            await gateway.coordinator.verify_session(gateway.operator, token)
        await gateway.withdraw(token=HERS)
        await asyncio.sleep(60)
        await gateway.coordinator.verify_session(gateway.operator, NEWER)
        assert await gateway.confirm(token=NEWER) == BALANCE
        assert world.far_side.tokens == [HERS, NEWER]

    play(tmp_path, scenario)


class TestAnAdapterThatNeedsThePlayer:
    """The player is looked up before money moves, and stays with the transfer."""

    @pytest.fixture(autouse=True)
    def needs_player(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tests.support.far_side.ScriptedAdapter.needs_player", True)

    def test_the_player_is_kept_with_the_hold(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            gateway = await she_holds(world, verified=())
            assert world.far_side.verified == [HERS]
            session = (await world.row()).session
            assert (session.player_id, session.memory) == ("she", {"user": "u1"})
            assert await gateway.confirm(token=HERS) == BALANCE
            assert world.far_side.verified == [HERS]
            assert (await world.timeline()).attempts[0].player == "she"

        play(tmp_path, scenario)

    def test_the_player_is_kept_with_a_hold_that_fails(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            world.far_side.then(WalletCall.WITHDRAW, Unclear("cut"))
            gateway = world.instance()
            assert await code(gateway.withdraw(token=HERS)) is ErrorCode.UNCLEAR
            ended = await world.reaches(State.ROLLED_BACK)
            assert ended.session.player_id == "p1"
            assert world.far_side.verified == [HERS]

        play(tmp_path, scenario)

    @pytest.mark.parametrize(
        "error, told",
        [(Declined(Kind.SESSION, "over"), ErrorCode.SESSION), (Unclear("cut"), ErrorCode.NOT_SENT)],
    )
    def test_a_hold_whose_player_is_not_found_is_not_sent_and_has_ended(
        self, tmp_path: Path, error: Declined | Unclear, told: ErrorCode
    ) -> None:
        async def scenario(world: World) -> None:
            world.far_side.balance = error
            assert await code(world.instance().withdraw(token=HERS)) is told
            assert (await world.row()).state is State.ROLLED_BACK
            assert world.far_side.sent == []

        play(tmp_path, scenario)

    @pytest.mark.parametrize("error", [Declined(Kind.SESSION, "over"), Unclear("cut")])
    def test_an_end_goes_out_even_if_nobody_says_whose_it_is(self, tmp_path: Path, error: Declined | Unclear) -> None:
        async def scenario(world: World) -> None:
            world.far_side.balance = error
            gateway = world.instance()
            await gateway.roll_back(token=HERS)
            assert world.far_side.sent == [(ROLLBACK, "1234abcd")]

        play(tmp_path, scenario)

    def test_an_end_learns_the_player_and_keeps_it(self, tmp_path: Path) -> None:
        async def scenario(world: World) -> None:
            world.far_side.players = {HERS: "she"}
            world.far_side.then(ROLLBACK, Unclear("cut"))
            gateway = world.instance(started=False)
            await refusal(gateway.roll_back(token=HERS))
            assert (await world.row()).session.player_id == "she"
            world.far_side.then(ROLLBACK, Receipt(BALANCE))
            await gateway.roll_back(token=HERS)
            assert world.far_side.verified == [HERS]

        play(tmp_path, scenario)
