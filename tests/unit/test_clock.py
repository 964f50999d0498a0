from __future__ import annotations

import pytest

from gateway.clock import SETTLED_S, SLEW, SteadyClock, SystemClock
from tests.support.clocks import SetClock

DAY_S = 86_400.0
HOUR_S = 3600.0
EVERY_S = 5.0


def follow_for(clock: SteadyClock, source: SetClock, seconds: float) -> None:
    """Time passes, and the clock follows the wall clock as a gateway without a database does."""
    for _ in range(int(seconds / EVERY_S)):
        source.pass_by(EVERY_S)
        clock.follow(clock.ahead_of_wall_s())


@pytest.mark.parametrize("step_s", [3 * DAY_S, 365 * DAY_S, -HOUR_S, -3 * DAY_S])
def test_a_wall_clock_that_is_set_and_set_back_changes_nothing(step_s: float) -> None:
    source = SetClock()
    clock = SteadyClock(source)
    begun = clock.now()
    source.wall += step_s
    follow_for(clock, source, 50)
    source.wall -= step_s
    follow_for(clock, source, 50)
    assert clock.now() == pytest.approx(begun + 100)


@pytest.mark.parametrize("step_s", [HOUR_S, -HOUR_S])
def test_a_wall_clock_that_stays_set_is_followed_slowly_and_never_backwards(step_s: float) -> None:
    source = SetClock()
    clock = SteadyClock(source)
    source.wall += step_s
    follow_for(clock, source, SETTLED_S)
    for _ in range(int(1.1 * HOUR_S / SLEW / EVERY_S)):
        before = clock.now()
        follow_for(clock, source, EVERY_S)
        assert (1 - SLEW) * EVERY_S <= clock.now() - before + 1e-6 <= (1 + SLEW) * EVERY_S + 2e-6
    assert clock.now() == pytest.approx(source.now())


def test_drift_is_followed_at_once() -> None:
    source = SetClock()
    clock = SteadyClock(source)
    source.wall += 0.4
    follow_for(clock, source, EVERY_S)
    assert clock.now() == pytest.approx(source.now())


def test_steps_that_follow_each_other_are_not_one_that_lasts() -> None:
    source = SetClock()
    clock = SteadyClock(source)
    begun = clock.now()
    for step_s in (DAY_S, -2 * DAY_S, HOUR_S, DAY_S):
        source.wall += step_s
        follow_for(clock, source, SETTLED_S - 2 * EVERY_S)
    assert clock.now() == pytest.approx(begun + 4 * (SETTLED_S - 2 * EVERY_S))


def test_time_that_nobody_has_seen_pass_is_believed_as_fast_as_time_passes() -> None:
    source = SetClock()
    clock = SteadyClock(source)
    assert clock.doubt_s() == 0
    clock.doubt_until(clock.now() - 3 * DAY_S)
    assert clock.doubt_s() == pytest.approx(3 * DAY_S)
    source.pass_by(DAY_S)
    assert clock.doubt_s() == pytest.approx(2 * DAY_S)
    source.pass_by(3 * DAY_S)
    assert clock.doubt_s() == 0


def test_who_was_alive_a_moment_ago_is_not_doubted() -> None:
    clock = SteadyClock(SetClock())
    clock.doubt_until(clock.now() + 10)
    assert clock.doubt_s() == 0


def test_a_clock_that_is_ahead_of_the_wall_is_doubted_by_as_much() -> None:
    source = SetClock()
    clock = SteadyClock(source)
    source.wall -= HOUR_S
    assert clock.doubt_s() == pytest.approx(HOUR_S)


def test_a_machines_clock_counts_on() -> None:
    clock = SteadyClock(SystemClock())
    first, second = (clock.now(), clock.monotonic()), (clock.now(), clock.monotonic())
    assert first <= second
    assert clock.ahead_of_wall_s() == pytest.approx(0, abs=0.5)
