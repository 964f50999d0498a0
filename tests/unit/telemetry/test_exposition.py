from __future__ import annotations

import asyncio
import gzip
from itertools import count

import pytest
from prometheus_client import CollectorRegistry

from gateway.records import Verdict
from gateway.telemetry.exposition import SHARE, STEP_S, Exposition
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.series import Counters, Histograms
from gateway.wire.calls import WalletCall

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
FORMATS = ["text/plain", "application/openmetrics-text", PROTOBUF]


COUNTERS, GAUGES, HISTOGRAMS = 54, 1, 4 * len(WalletCall)
LINES_OF_AN_OPERATOR = COUNTERS + GAUGES + HISTOGRAMS * 12
"""A histogram has ten buckets, count and sum. One number more for each operator is a thousand lines more."""

_ticks = count()


def ticking_clock() -> float:
    return next(_ticks) * STEP_S / 10


@pytest.fixture
def registry() -> CollectorRegistry:
    """A thousand series of each kind."""
    registry = CollectorRegistry()
    counters = Counters("mm_things", "Things.", ("operator",), registry)
    histograms = Histograms("mm_call_seconds", "Calls.", ("operator",), (0.1, 1.0), registry)
    for number in range(1000):
        counters.count(f"operator-{number}")
        histograms.observe(0.5, f"operator-{number}")
    return registry


async def turns_of_the_loop(done: asyncio.Task[object]) -> int:
    turns = 0
    while not done.done():
        await asyncio.sleep(0)
        turns += 1
    return turns


@pytest.mark.parametrize("accept", FORMATS)
async def test_a_long_page_lets_the_loop_turn_all_the_while(registry: CollectorRegistry, accept: str) -> None:
    # The clock moves by a tenth of a step whenever it is read: ten or eleven pieces a step.
    exposition = Exposition(registry, clock=ticking_clock)
    writing = asyncio.create_task(exposition.page(accept, "gzip"))
    assert await turns_of_the_loop(writing) >= 2000 / 11


async def test_a_busy_loop_gives_longer_steps_so_that_the_page_is_done_in_time(registry: CollectorRegistry) -> None:
    others = 0.0

    def clock() -> float:
        return others + ticking_clock()

    writing = asyncio.create_task(Exposition(registry, clock=clock).page("", ""))
    turns = 0
    while not writing.done():
        await asyncio.sleep(0)
        others += 40 * STEP_S
        turns += 1
    assert turns < 2000 / (40 * SHARE * 10) * 1.5  # ten pieces a step as before, and a step is ten times as long


async def test_a_thousand_operators_make_some_hundred_lines_each_and_stop_the_loop_nowhere() -> None:
    metrics = Metrics()
    for number in range(1000):
        use_every_call(metrics, f"operator-{number}")
    exposition = Exposition(metrics.registry, metrics.read_gauges, ticking_clock)
    writing = asyncio.create_task(exposition.page("", ""))
    turns = await turns_of_the_loop(writing)
    page = (await writing).body
    lines = page.count(b"\n")
    assert page.count(b'operator="operator-77",') + page.count(b'operator="operator-77"}') == LINES_OF_AN_OPERATOR
    assert 0 <= lines - 1000 * LINES_OF_AN_OPERATOR < 200
    # Each histogram and each other number is a piece; ten or eleven are written in one turn of the loop.
    assert turns > 1000 * (COUNTERS + GAUGES + HISTOGRAMS) / 11


def use_every_call(metrics: Metrics, operator: str) -> None:
    """Each call succeeds, and fails in one way."""
    metrics.start_operator(operator, ("timeout", "technical"))
    metrics.watch(operator, lambda: [Reading("operator_calls_in_use", 1, (operator,))])
    for call in WalletCall:
        metrics.call(operator, call, "ok", 0.02)
        metrics.call(operator, call, "unclear", 2.0)
        metrics.operator_call(operator, call, Verdict.SUCCESS, 0.02)
        metrics.operator_call(operator, call, Verdict.UNKNOWN, 2.0)


@pytest.mark.parametrize("accept", FORMATS)
async def test_a_packed_page_is_the_same_page(registry: CollectorRegistry, accept: str) -> None:
    exposition = Exposition(registry)
    plain, packed = await exposition.page(accept, ""), await exposition.page(accept, "gzip")
    assert (plain.is_gzip, packed.is_gzip) == (False, True)
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 5


async def test_who_asks_for_a_page_that_is_being_written_gets_that_one(registry: CollectorRegistry) -> None:
    exposition = Exposition(registry, clock=ticking_clock)
    first, second = await asyncio.gather(exposition.page("", ""), exposition.page("*/*", ""))
    assert first is second
    assert await exposition.page("", "") is not first


async def test_pages_of_different_formats_are_written_one_after_the_other(registry: CollectorRegistry) -> None:
    exposition = Exposition(registry, clock=ticking_clock)
    done: list[str] = []

    async def scrape(accept: str) -> None:
        await exposition.page(accept, "")
        done.append(accept)

    # The second page is the longest: written at the same time, it would be last.
    await asyncio.gather(*(scrape(accept) for accept in ("text/plain", PROTOBUF, "application/openmetrics-text")))
    assert done == ["text/plain", PROTOBUF, "application/openmetrics-text"]


async def test_a_scraper_that_leaves_takes_nothing_from_the_others(registry: CollectorRegistry) -> None:
    exposition = Exposition(registry, clock=ticking_clock)
    leaving, staying = (asyncio.create_task(exposition.page("", "")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).body.count(b"mm_things_total{") == 1000
    assert leaving.cancelled()


async def test_what_is_counted_while_a_page_is_written_leaves_each_histogram_whole() -> None:
    registry = CollectorRegistry()
    histograms = Histograms("mm_call_seconds", "Calls.", ("operator",), (0.1, 1.0), registry)
    for number in range(200):
        histograms.observe(0.5, f"operator-{number}")
    writing = asyncio.create_task(Exposition(registry, clock=ticking_clock).page("", ""))
    while not writing.done():
        for number in range(220):  # some are new
            histograms.observe(0.5, f"operator-{number}")
        await asyncio.sleep(0)
    lines = (await writing).body.decode().splitlines()
    at_infinity = [line.split()[-1] for line in lines if 'le="+Inf"' in line]
    in_all = [line.split()[-1] for line in lines if "_count{" in line]
    sums = [float(line.split()[-1]) for line in lines if "_sum{" in line]
    assert at_infinity == in_all
    assert sums == [float(number) * 0.5 for number in in_all]
    assert len(set(in_all)) > 1  # it was counted meanwhile


async def test_a_page_that_fails_fails_for_who_asked_and_not_for_the_next() -> None:
    registry = CollectorRegistry()
    broken = Counters("mm_things", "Things.", ("operator", "call"), registry)
    broken.start("too few labels")
    exposition = Exposition(registry)
    with pytest.raises(ValueError, match="shorter"):
        await exposition.page("", "")
    registry.unregister(broken)
    assert (await exposition.page("", "")).body == b""
