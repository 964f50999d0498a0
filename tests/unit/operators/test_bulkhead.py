"""The guard's promises, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from gateway.operators.bulkhead import FULL_RETRY_S, Bulkhead, CallGroup
from gateway.operators.errors import Refused
from gateway.settings import BreakerSettings, LimitSettings
from tests.support.virtual_time import EPOCH, VirtualClock, run

PATIENCE_S = 7.0
OPEN_FOR_S = 5.0
HOLDS = CallGroup.HOLDS


def guard(concurrency: int = 2, waiting: int = 3, failures: int = 3) -> Bulkhead:
    return Bulkhead(
        LimitSettings(concurrency=concurrency, waiting=waiting),
        BreakerSettings(failures=failures, open_for=OPEN_FOR_S),
        PATIENCE_S,
        VirtualClock(asyncio.get_running_loop()),
    )


def states(guard: Bulkhead) -> tuple[int, int, str]:
    """Places in use, calls waiting, and the breaker of holds."""
    in_use, waiting, breakers = guard.read()
    return in_use, waiting, breakers[HOLDS]


def virtual(scenario: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    def test() -> None:
        run(scenario)

    test.__name__ = scenario.__name__
    return test


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def entering(guard: Bulkhead) -> asyncio.Task[None]:
    return asyncio.ensure_future(guard.enter(HOLDS))


@virtual
async def test_entering_with_room_does_not_yield_to_the_loop() -> None:
    ours = guard()
    with pytest.raises(StopIteration):
        ours.enter(HOLDS).send(None)
    assert ours.read()[0] == 1


@virtual
async def test_places_come_in_the_order_in_which_they_were_asked_for() -> None:
    ours = guard(concurrency=1, waiting=10)
    order: list[int] = []

    async def caller(number: int) -> None:
        await ours.enter(HOLDS)
        order.append(number)
        await asyncio.sleep(0.1)
        ours.leave()

    await asyncio.gather(*(caller(number) for number in range(8)))
    assert order == list(range(8))
    assert ours.read()[:2] == (0, 0)


@virtual
async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    ours = guard(concurrency=1)
    await ours.enter(HOLDS)
    first = entering(ours)
    await settle()
    ours.leave()
    second = entering(ours)
    await settle()
    assert (first.done(), second.done()) == (True, False)
    ours.leave()
    await second


@virtual
async def test_a_full_waiting_room_refuses_at_once() -> None:
    ours = guard(concurrency=1, waiting=2)
    await ours.enter(HOLDS)
    waiting = [entering(ours), entering(ours)]
    await settle()
    with pytest.raises(Refused, match="too many calls") as caught:
        await ours.enter(HOLDS)
    assert caught.value.retry_at == EPOCH + FULL_RETRY_S
    assert ours.read()[:2] == (1, 2)
    for task in waiting:
        ours.leave()
        await task
    ours.leave()
    assert ours.read()[:2] == (0, 0)


@virtual
async def test_nobody_waits_longer_than_the_patience() -> None:
    ours = guard(concurrency=1)
    await ours.enter(HOLDS)
    with pytest.raises(Refused, match="no slot") as caught:
        await ours.enter(HOLDS)
    assert caught.value.retry_at == EPOCH + PATIENCE_S + FULL_RETRY_S
    assert ours.read()[:2] == (1, 0)


@virtual
async def test_a_cancelled_waiter_leaves_its_place_in_the_queue() -> None:
    ours = guard(concurrency=1)
    await ours.enter(HOLDS)
    first, second, third = entering(ours), entering(ours), entering(ours)
    await settle()
    second.cancel()
    await settle()
    assert ours.read()[:2] == (1, 2)
    ours.leave()
    await first
    ours.leave()
    await third
    ours.leave()
    assert ours.read()[:2] == (0, 0)


@virtual
async def test_a_waiter_cancelled_just_as_its_place_comes_hands_it_on() -> None:
    ours = guard(concurrency=1)
    await ours.enter(HOLDS)
    first, second = entering(ours), entering(ours)
    await settle()
    ours.leave()
    first.cancel()
    await settle()
    assert first.cancelled()
    await second
    ours.leave()
    assert ours.read()[:2] == (0, 0)


@virtual
async def test_a_waiter_cancelled_just_as_it_is_sent_away_leaves_nothing_behind() -> None:
    ours = guard(concurrency=1, failures=1)
    await ours.enter(HOLDS)
    waiter = entering(ours)
    await settle()
    ours.record(HOLDS, ok=False)
    waiter.cancel()
    await settle()
    assert waiter.cancelled()
    ours.leave()
    assert ours.read()[:2] == (0, 0)


@virtual
async def test_an_open_breaker_refuses_and_says_until_when() -> None:
    ours = guard(failures=2)
    assert ours.probe_at(HOLDS) is None
    ours.record(HOLDS, ok=False)
    ours.record(HOLDS, ok=False)
    assert ours.probe_at(HOLDS) == EPOCH + OPEN_FOR_S
    with pytest.raises(Refused, match="circuit breaker") as caught:
        await ours.enter(HOLDS)
    assert caught.value.retry_at == EPOCH + OPEN_FOR_S
    assert states(ours) == (0, 0, "open")


@virtual
async def test_those_who_wait_are_sent_away_when_the_breaker_opens() -> None:
    ours = guard(concurrency=1, failures=1)
    await ours.enter(HOLDS)
    waiting = [entering(ours), entering(ours)]
    await settle()
    ours.record(HOLDS, ok=False)
    ours.leave()
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [Refused, Refused]
    assert ours.read()[:2] == (0, 0)


@virtual
async def test_one_probe_goes_when_the_time_is_over_and_the_rest_waits_for_what_it_finds() -> None:
    ours = guard(failures=1)
    ours.record(HOLDS, ok=False)
    await asyncio.sleep(OPEN_FOR_S)
    await ours.enter(HOLDS)
    assert states(ours) == (1, 0, "half_open")
    with pytest.raises(Refused):
        await ours.enter(HOLDS)
    ours.record(HOLDS, ok=True)
    ours.leave()
    await ours.enter(HOLDS)
    assert states(ours) == (1, 0, "closed")


@virtual
async def test_a_probe_needs_a_place_like_every_call() -> None:
    ours = guard(concurrency=1, failures=1)
    await ours.enter(HOLDS)
    ours.record(HOLDS, ok=False)
    await asyncio.sleep(OPEN_FOR_S)
    with pytest.raises(Refused, match="all slots") as caught:
        await ours.enter(HOLDS)
    assert caught.value.retry_at == EPOCH + OPEN_FOR_S + FULL_RETRY_S
    ours.leave()
    await ours.enter(HOLDS)


@virtual
async def test_another_probe_goes_when_nothing_is_heard_of_the_first() -> None:
    ours = guard(failures=1)
    ours.record(HOLDS, ok=False)
    await asyncio.sleep(OPEN_FOR_S)
    await ours.enter(HOLDS)
    ours.leave()  # cancelled: nothing was recorded
    with pytest.raises(Refused):
        await ours.enter(HOLDS)
    await asyncio.sleep(OPEN_FOR_S)
    await ours.enter(HOLDS)
    assert states(ours) == (1, 0, "half_open")


@given(
    st.integers(1, 3),
    st.integers(0, 3),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 3), st.booleans(), st.floats(0, 12) | st.none()), max_size=30),
)
@settings(deadline=None, max_examples=150)
def test_whatever_callers_do_limits_hold_and_nothing_leaks(
    concurrency: int, room: int, callers: list[tuple[float, float, bool, float | None]]
) -> None:
    """Each caller comes after a while, stays a while, succeeds or not, and may be cancelled at any time."""

    async def scenario() -> None:
        ours = guard(concurrency, room)
        inside = 0
        refusals: list[float] = []

        async def caller(comes_s: float, stays_s: float, ok: bool) -> None:
            nonlocal inside
            await asyncio.sleep(comes_s)
            try:
                await ours.enter(HOLDS)
            except Refused as refused:
                refusals.append(refused.retry_at - EPOCH - asyncio.get_running_loop().time())
                return
            try:
                inside += 1
                assert inside <= concurrency
                assert ours.read()[1] <= room
                await asyncio.sleep(stays_s)
                ours.record(HOLDS, ok=ok)
            finally:
                inside -= 1
                ours.leave()

        tasks = []
        for comes_s, stays_s, ok, cancelled_s in callers:
            task = asyncio.ensure_future(caller(comes_s, stays_s, ok))
            tasks.append(task)
            if cancelled_s is not None:
                asyncio.get_running_loop().call_later(cancelled_s, task.cancel)
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(result is None or isinstance(result, asyncio.CancelledError) for result in results), results
        assert ours.read()[:2] == (0, 0)
        assert all(retry_s > -1e-6 for retry_s in refusals)

    run(scenario)


@virtual
async def test_calls_that_fail_take_only_their_own_group_down() -> None:
    ours = guard(failures=1)
    ours.record(CallGroup.ENDS, ok=False)
    await ours.enter(HOLDS)
    await ours.enter(CallGroup.READS)
    with pytest.raises(Refused, match="ends"):
        await ours.enter(CallGroup.ENDS)
    assert ours.read()[2] == {"reads": "closed", "holds": "closed", "ends": "open"}
    assert ours.probe_at(CallGroup.ENDS) == EPOCH + OPEN_FOR_S


@virtual
async def test_only_those_of_the_group_are_sent_away_when_its_breaker_opens() -> None:
    ours = guard(concurrency=1, failures=1)
    await ours.enter(HOLDS)
    hold, end = entering(ours), asyncio.ensure_future(ours.enter(CallGroup.ENDS))
    await settle()
    ours.record(CallGroup.ENDS, ok=False)
    with pytest.raises(Refused):
        await end
    assert not hold.done()
    ours.leave()
    await hold


@virtual
async def test_every_change_of_a_breaker_is_logged_once() -> None:
    bulkhead = guard(failures=2)
    with capture_logs() as logged:
        for ok in (True, False, False, False):
            bulkhead.record(HOLDS, ok=ok)
        await asyncio.sleep(OPEN_FOR_S)
        await bulkhead.enter(HOLDS)
        bulkhead.record(HOLDS, ok=False)
        await asyncio.sleep(OPEN_FOR_S)
        await bulkhead.enter(HOLDS)
        bulkhead.record(HOLDS, ok=True)
        bulkhead.record(HOLDS, ok=True)
    assert [(line["event"], line["log_level"], line["calls"]) for line in logged] == [
        ("circuit breaker opened", "warning", "holds"),
        ("circuit breaker half open", "info", "holds"),
        ("circuit breaker opened", "warning", "holds"),
        ("circuit breaker half open", "info", "holds"),
        ("circuit breaker closed", "info", "holds"),
    ]
