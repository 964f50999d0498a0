"""Which address is tried when, in virtual time; and that no connection is left to nobody."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from gateway.operators.http_client.connection import OperatorConnection
from gateway.operators.http_client.happy_eyeballs import first_to_connect
from gateway.racing import NEXT_AFTER_S
from tests.support.virtual_time import run

NEVER_S = 3600.0


class Attempted(OperatorConnection):
    """A connection that needs no transport to be aborted."""

    def __init__(self) -> None:
        super().__init__(0, lambda _: None)
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class Net:
    """`begun` says when each attempt began; `made` are the connections that came of them."""

    def __init__(self) -> None:
        self.begun: list[float] = []
        self.made: list[Attempted] = []

    async def attempt(self, takes_s: float, error: Exception | None) -> OperatorConnection:
        self.begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(takes_s)
        if error is not None:
            raise error
        self.made.append(Attempted())
        return self.made[-1]

    async def race(self, *attempts: tuple[float, Exception | None], within_s: float = 10.0) -> OperatorConnection:
        return await first_to_connect([partial(self.attempt, *each) for each in attempts], within_s)

    @property
    def open(self) -> list[Attempted]:
        return [connection for connection in self.made if not connection.aborted]


def test_the_next_address_is_tried_a_moment_later_and_at_once_after_a_refusal() -> None:
    async def scenario() -> None:
        net = Net()
        won = await net.race((NEVER_S, None), (0.0, ConnectionRefusedError()), (1.0, None))
        assert net.begun == [0.0, NEXT_AFTER_S, NEXT_AFTER_S]
        assert net.open == [won]

    run(scenario)


def test_an_address_that_answers_at_once_is_the_only_one_tried() -> None:
    async def scenario() -> None:
        net = Net()
        await net.race((0.1, None), (0.1, None))
        assert net.begun == [0.0]

    run(scenario)


def test_a_short_time_is_shared_by_all_addresses() -> None:
    async def scenario() -> None:
        net = Net()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await net.race((NEVER_S, None), (NEVER_S, None), (NEVER_S, None), within_s=0.6)
        assert net.begun == pytest.approx([0.0, 0.1, 0.2])

    run(scenario)


def test_where_all_fail_the_last_to_fail_says_why() -> None:
    async def scenario() -> None:
        with pytest.raises(OSError, match="certificate"):
            await Net().race((1.0, OSError("certificate")), (0.0, ConnectionRefusedError()))

    run(scenario)


def test_of_two_that_succeed_in_one_moment_one_is_closed() -> None:
    async def scenario() -> None:
        net = Net()
        won = await net.race((NEXT_AFTER_S, None), (0.0, None))
        await asyncio.sleep(1)
        assert net.open == [won]
        assert len(net.made) == 2

    run(scenario)


@pytest.mark.parametrize("turns", range(8))
def test_a_cancellation_in_the_moment_of_success_is_not_lost_and_leaves_nothing_open(turns: int) -> None:
    async def scenario() -> None:
        net = Net()
        racing = asyncio.ensure_future(net.race((NEVER_S, None), (1.0, None)))
        await asyncio.sleep(NEXT_AFTER_S + 1.0)
        for _ in range(turns):
            await asyncio.sleep(0)
        if racing.cancel():
            with pytest.raises(asyncio.CancelledError):
                await racing
        else:
            (await racing).abort()
        await asyncio.sleep(1)
        assert net.open == []

    run(scenario)
