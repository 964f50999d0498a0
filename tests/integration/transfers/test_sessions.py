"""Sessions: what an adapter asked to be remembered is there for every later call, on every instance."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.operators.adapter import Player
from gateway.operators.errors import Declined, Kind, OperatorError, Refused, Unclear, Unsent
from gateway.transfers.sessions import REFRESH_S, USUAL, Sessions
from gateway.wire.errors import ErrorCode, WalletError
from tests.support.transfers import BALANCE, TOKEN
from tests.support.world import World, play


def test_what_one_instance_verified_another_knows(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        one, other = world.instance(), world.instance()
        player = await one.coordinator.verify_session(one.operator, TOKEN)
        assert (player.player_id, player.balance) == ("p1", BALANCE)
        await other.withdraw()
        session = (await world.row()).session
        assert (session.player_id, session.memory) == ("p1", {"user": "u1"})

    play(tmp_path, scenario)


def test_a_session_that_has_not_changed_is_written_once_an_hour(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        await gateway.coordinator.verify_session(gateway.operator, TOKEN)
        commits = world.journal.commits
        await gateway.coordinator.verify_session(gateway.operator, TOKEN)
        assert world.journal.commits == commits
        await asyncio.sleep(REFRESH_S)
        await gateway.coordinator.verify_session(gateway.operator, TOKEN)
        assert world.journal.commits == commits + 1

    play(tmp_path, scenario)


def test_only_the_latest_sessions_are_held_in_memory(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(started=False)
        sessions = Sessions(gateway.context, capacity=2)
        for token in ("a", "b", "c"):
            await sessions.save(gateway.operator, token, Player(player_id=token, balance=BALANCE))
        world.journal.away = "disk full"
        assert (await sessions.find(gateway.operator, "c")).player_id == "c"
        with pytest.raises(WalletError):
            await sessions.find(gateway.operator, "a")
        world.journal.away = ""
        assert (await sessions.find(gateway.operator, "a")).player_id == "a"

    play(tmp_path, scenario)


def test_a_large_session_counts_as_several(tmp_path: Path) -> None:
    """The sessions in memory are bounded in bytes, whatever an operator has its players called."""

    async def scenario(world: World) -> None:
        sessions = Sessions(world.instance(started=False).context, capacity=100)
        for number in range(100):
            player = Player(player_id="p" * USUAL, balance=BALANCE, memory={"a": "b" * 3 * USUAL})
            await sessions.save(world.instance(started=False).operator, str(number), player)
        assert sessions.remembered == 100 // 5

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "error, code",
    [
        (Declined(Kind.SESSION, "expired"), ErrorCode.SESSION),
        (Declined(Kind.OTHER, "no"), ErrorCode.OTHER),
        (Unsent("refused"), ErrorCode.NOT_SENT),
        (Unclear("cut"), ErrorCode.UNCLEAR),
        (Refused("crowded", 0.0), ErrorCode.NOT_SENT),
    ],
)
def test_a_failed_question_says_why(tmp_path: Path, error: OperatorError, code: ErrorCode) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance()
        assert await gateway.coordinator.get_balance(gateway.operator, TOKEN) == BALANCE
        world.far_side.balance = error
        for ask in (gateway.coordinator.get_balance, gateway.coordinator.verify_session):
            with pytest.raises(WalletError) as caught:
                await ask(gateway.operator, TOKEN)
            assert caught.value.code is code

    play(tmp_path, scenario)
