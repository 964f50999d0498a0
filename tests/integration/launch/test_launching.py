"""A launch before a real coordinator and journal: whom it asks, why it is refused, what the log says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.launch.service import LaunchService, launch
from gateway.operators.errors import Declined, Kind, OperatorError, Unclear, Unsent
from gateway.wire.errors import ErrorCode, WalletError
from tests.support.transfers import TOKEN
from tests.support.world import Instance, World, play

URL = "https://game.example/play?demo={demo}"


async def launched(gateway: Instance, **sent: Any) -> str:
    service = LaunchService(gateway.coordinator.verify_session, gateway.clock)
    return str(json.loads(await launch(service, gateway.operator, json.dumps(sent).encode()))["url"])


def test_without_verify_nobody_is_asked(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(launch={"url": URL})
        assert await launched(gateway, token=TOKEN) == f"https://game.example/play?demo=false&token={TOKEN}"
        assert world.far_side.verified == []

    play(tmp_path, scenario)


def test_a_verified_session_is_known_to_later_calls_of_any_instance(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        one, other = world.instance(launch={"url": URL, "verify": True}), world.instance()
        assert (await launched(one, token=TOKEN)).endswith(f"token={TOKEN}")
        assert world.far_side.verified == [TOKEN]
        await other.withdraw()
        assert (await world.row()).session.player_id == "p1"

    play(tmp_path, scenario)


@pytest.mark.parametrize(
    "failure, code, text",
    [
        (Declined(Kind.SESSION, "the session has ended"), ErrorCode.SESSION, "The operator declined: the session has "),
        (Declined(Kind.PLAYER, "blocked"), ErrorCode.PLAYER, "The operator declined: blocked."),
        (Unsent("no connection"), ErrorCode.NOT_SENT, "The operator was not reached: no connection."),
        (Unclear(f"HTTP 500: no {TOKEN} here"), ErrorCode.UNCLEAR, "The operator gave no clear answer: HTTP 500: no ["),
    ],
)
def test_a_launch_that_could_not_play_is_refused_with_the_operator_s_reason(
    tmp_path: Path, failure: OperatorError, code: ErrorCode, text: str
) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(launch={"url": URL, "verify": True})
        world.far_side.balance = failure
        with pytest.raises(WalletError) as caught:
            await launched(gateway, token=TOKEN)
        assert caught.value.code is code
        assert caught.value.text.startswith(text)
        assert TOKEN not in caught.value.text

    play(tmp_path, scenario)


def test_nothing_is_launched_for_an_operator_that_retires(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(launch={"url": URL, "verify": True}, retiring=True)
        with pytest.raises(WalletError) as caught:
            await launched(gateway, token=TOKEN)
        assert caught.value.code is ErrorCode.RETIRING
        assert world.far_side.verified == []

    play(tmp_path, scenario)


def test_what_is_not_allowed_is_refused_before_the_operator_is_asked(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(launch={"url": URL, "verify": True})
        with pytest.raises(WalletError, match=r"^demo is not offered here; leave it out or send false\.$"):
            await launched(gateway, token=TOKEN, demo=True)
        assert world.far_side.verified == []

    play(tmp_path, scenario)


def test_a_demo_without_a_token_is_not_verified_and_one_with_a_token_is(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(launch={"url": URL, "verify": True, "demo": True})
        assert await launched(gateway, demo=True) == "https://game.example/play?demo=true"
        assert world.far_side.verified == []
        await launched(gateway, demo=True, token=TOKEN)
        assert world.far_side.verified == [TOKEN]

    play(tmp_path, scenario)


def test_an_operator_without_launch_is_told_who_can_add_it(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        with pytest.raises(WalletError, match=r"^Launches are not configured for this operator; ") as caught:
            await launched(world.instance(), token=TOKEN)
        assert caught.value.code is ErrorCode.BAD_REQUEST

    play(tmp_path, scenario)


def test_a_repeat_within_half_of_the_signature_s_time_gives_the_same_url(tmp_path: Path) -> None:
    async def scenario(world: World) -> None:
        signature = {"secret": "correct-horse", "valid_for": 600}
        gateway = world.instance(launch={"url": URL, "verify": True, "signature": signature})
        await asyncio.sleep(300 - gateway.clock.now() % 300)
        first = await launched(gateway, token=TOKEN)
        await asyncio.sleep(299)
        assert await launched(gateway, token=TOKEN) == first
        await asyncio.sleep(1)
        assert await launched(gateway, token=TOKEN) != first

    play(tmp_path, scenario)


@pytest.mark.parametrize("failure", [None, Unclear(f"{TOKEN} is not known"), Declined(Kind.SESSION, TOKEN)])
def test_neither_the_token_nor_the_url_reaches_the_log(tmp_path: Path, failure: OperatorError | None) -> None:
    async def scenario(world: World) -> None:
        gateway = world.instance(launch={"url": URL, "verify": True})
        if failure is not None:
            world.far_side.balance = failure
        with capture_logs() as lines:
            try:
                await launched(gateway, token=TOKEN)
            except WalletError as error:
                lines.append({"event": str(error), "log_level": "error"})
            with pytest.raises(WalletError):
                await launched(gateway, token=TOKEN, **{TOKEN: TOKEN})
        assert TOKEN not in repr(lines)

    play(tmp_path, scenario)
