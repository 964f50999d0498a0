from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.deadlines import Deadlines
from tests.support.virtual_time import run


@given(st.lists(st.tuples(st.floats(0.01, 5), st.floats(0, 5), st.floats(0, 6)), max_size=20))
@settings(deadline=None)
def test_exactly_those_not_dropped_in_time_expire_and_at_their_time(calls: list[tuple[float, float, float]]) -> None:
    """Each call begins after a while, has this much time, and is dropped this long after its beginning."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        expired: dict[int, float] = {}
        deadlines: Deadlines[int] = Deadlines(lambda key: expired.update({key: loop.time()}))

        async def call(key: int, time_s: float, begins_s: float, dropped_s: float) -> None:
            await asyncio.sleep(begins_s)
            due = loop.time() + time_s
            deadlines.set(key, due, loop)
            await asyncio.sleep(dropped_s)
            deadlines.drop(key)
            if abs(dropped_s - time_s) > 0.01:
                assert (key in expired) == (dropped_s > time_s)
            if key in expired:
                assert abs(expired[key] - due) <= 0.002

        await asyncio.gather(*(call(key, *times) for key, times in enumerate(calls)))

    run(scenario)


def test_a_closed_one_lets_nothing_expire() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        expired: list[str] = []
        deadlines: Deadlines[str] = Deadlines(expired.append)
        deadlines.set("a", loop.time() + 1, loop)
        deadlines.close()
        await asyncio.sleep(2)
        assert expired == []

    run(scenario)
