"""How long a call takes: alone, and at half of the highest rate."""

from __future__ import annotations

from statistics import median

from bench import journals
from bench.contestants.contestant import RunningContestant
from bench.contestants.gateway import gateway
from bench.machine import fsync_ms
from bench.measuring import Bench
from bench.results import GameRun, ScenarioResult, TargetResult, figure
from bench.targets import TARGETS

ALONE_MS = 0.5


def run(bench: Bench) -> list[ScenarioResult]:
    """Both on one gateway."""
    journal = journals.url(journals.new_path(bench.home, "latency"))
    with bench.running([gateway(journal)]) as (running,):
        bench.play(running, "rollback", seconds=1.0)
        alone, calls_alone = _alone(bench, running)
        half, flat_out, calls_half = _at_half(bench, running)
    journals.check(journal, [*calls_alone, *flat_out, *calls_half])
    figures = [figure("alone", calls_alone), figure("at half of the highest rate", calls_half)]
    return [ScenarioResult(scenario="latency", figures=figures, findings=[alone, half])]


def _alone(bench: Bench, running: RunningContestant) -> tuple[TargetResult, list[GameRun]]:
    """One connection, one call after the other, and the same calls straight to the operator."""
    direct = RunningContestant("operator", bench.operator.program, bench.operator.port)
    through, straight, fsyncs = [], [], []
    for _ in range(bench.sizes.rounds):
        through.append(bench.play(running, "rollback", connections=1))
        straight.append(bench.play(direct, "rollback", connections=1))
        fsyncs.append(fsync_ms(bench.home))
    added = median(one.p50_ms - other.p50_ms for one, other in zip(through, straight, strict=True))
    fsync = median(fsyncs)
    evidence = (
        f"p50 {figure('', through).p50_ms:.2f} ms against {figure('', straight).p50_ms:.2f} ms straight to the "
        f"operator; one fsync of this disk takes {fsync:.2f} ms"
    )
    return TARGETS["alone/added-ms"].result("alone/added-ms", added, evidence, 2 * fsync + ALONE_MS), through


def _at_half(bench: Bench, running: RunningContestant) -> tuple[TargetResult, list[GameRun], list[GameRun]]:
    """Calls are due at random moments, at half of the highest rate of the same connections."""
    flat_out, half = [], []
    for _ in range(bench.sizes.rounds):
        flat_out.append(bench.play(running, "rollback"))
        half.append(bench.play(running, "rollback", rate=flat_out[-1].rate / 2))
    tail = median(one.p99_ms / one.p50_ms for one in half)
    middle = figure("", half)
    evidence = f"p50 {middle.p50_ms:.2f} ms, p99 {middle.p99_ms:.2f} ms at {middle.rate:,.0f} calls/s"
    return TARGETS["half/p99"].result("half/p99", tail, evidence), flat_out, half
