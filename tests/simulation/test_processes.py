"""A killed gateway leaves nothing to the interpreter: what it had begun is closed at its death, in the order of its
making, and not whenever the interpreter happens to collect it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.simulation.evidence import Evidence
from tests.simulation.play import play
from tests.simulation.processes import Process, SimulatedLoop


async def waits_for_ever(name: str, closed: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        closed.append(name)


def begun_at_once(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """As aiohttp's server makes the task of a connection: since Python 3.12 it begins before the loop's next turn."""
    loop = asyncio.get_running_loop()
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    return loop.create_task(work)


async def serves(closed: list[str]) -> None:
    tasks = [begun_at_once(waits_for_ever(str(number), closed)) for number in range(12)]
    await asyncio.gather(*tasks)


@pytest.fixture
def loop() -> Iterator[SimulatedLoop]:
    loop = SimulatedLoop()
    yield loop
    loop.close()


def test_what_a_killed_gateway_had_begun_is_closed_with_it_in_order_and_its_neighbour_s_is_not(
    loop: SimulatedLoop,
) -> None:
    lost: list[Any] = []
    loop.set_exception_handler(lambda _, context: lost.append(context))
    closed: list[str] = []
    neighbours: list[str] = []

    async def killed() -> None:
        victim, neighbour = (Process(name, loop, lambda _: None) for name in ("victim", "neighbour"))
        work = victim.start(serves(closed)), neighbour.start(serves(neighbours))
        await asyncio.sleep(1)
        victim.kill()
        assert len(closed) == len(set(closed)) == 12
        assert neighbours == []
        assert not work[1].done()
        neighbour.end()

    loop.run_until_complete(loop.create_task(killed(), context=contextvars.Context()))
    assert closed == [str(number) for number in range(12)]
    gc.collect()
    assert lost == []


@contextmanager
def collecting(every: int) -> Iterator[None]:
    """The interpreter looks for what can be collected so often; 0: never."""
    before = gc.get_threshold()
    gc.set_threshold(every)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.collect()


def told(seed: int, every: int) -> tuple[str, list[str]]:
    with collecting(every):
        world = play(seed)
        log = Evidence(world).log()
        world.close()
    return log, world.problems


@pytest.mark.parametrize("seed", [7, 159, 202])
def test_when_the_interpreter_collects_changes_nothing_that_a_seed_tells(seed: int) -> None:
    assert told(seed, every=20) == told(seed, every=0)
    assert told(seed, every=20)[1] == []
