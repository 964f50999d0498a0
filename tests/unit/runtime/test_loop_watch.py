from __future__ import annotations

import asyncio

from gateway.runtime.loop_watch import EVERY_S, LoopWatch
from gateway.telemetry.metrics import Metrics
from tests.support.clocks import SetClock
from tests.support.virtual_time import run


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"mm_gateway_{name}", labels)


def test_time_that_passes_is_no_step_and_a_clock_that_is_set_is_one() -> None:
    metrics, clock = Metrics(), SetClock()
    watch = LoopWatch(metrics, clock)
    for seconds, wall, steps in ((3600, 0, 0), (0.5, 0.9, 0), (0.5, 60, 1), (0.5, 0, 1), (0.5, -60, 2)):
        clock.pass_by(seconds)
        clock.wall += wall
        watch.look_at_clock()
        assert value(metrics, "clock_steps_total") == steps


def test_a_loop_that_stands_still_is_seen_as_late() -> None:
    async def scenario() -> None:
        metrics = Metrics()
        watching = asyncio.create_task(LoopWatch(metrics, SetClock()).run())
        await asyncio.sleep(2.25 * EVERY_S)
        assert value(metrics, "loop_lag_seconds_count") == 2
        assert value(metrics, "loop_lag_seconds_sum") == 0
        loop = asyncio.get_running_loop()
        loop._jump.time += EVERY_S + 0.75  # type: ignore[attr-defined]  # a turn of the loop that takes so long
        await asyncio.sleep(0.01)
        assert value(metrics, "loop_lag_seconds_bucket", le="0.5") == 2
        assert value(metrics, "loop_lag_seconds_count") == 3
        watching.cancel()

    run(scenario)
