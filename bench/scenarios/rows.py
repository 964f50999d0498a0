"""Journals that have grown: ten million finished transfers, and a million rollbacks that are due at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple

from bench import journals
from bench.contestants.contestant import Contestant, RunningContestant
from bench.contestants.gateway import gateway
from bench.measuring import Bench
from bench.processes import BenchError
from bench.results import ScenarioResult, TargetResult, figure, ratio
from bench.targets import TARGETS

DUE: Final = {"operator": "'quantum'", "due_at": "1000000000.0 + copy * 0.001", "owner": "NULL"}
DRAIN_TIMEOUT_S: Final = 300.0
POLL_S: Final = 0.05
MIB: Final = 2**20


class DrainResult(NamedTuple):
    """The delivery of a backlog: deliveries a second, and the highest memory in the meantime, in bytes."""

    rate: float
    memory: int


def run(bench: Bench) -> list[ScenarioResult]:
    """Rows are copied from a real transfer, so that they are as the gateway itself writes them."""
    finished = bench.sizes.finished
    full, empty = journals.new_path(bench.home, "full"), journals.new_path(bench.home, "empty")
    _seed(bench, full, finished=finished)
    _seed(bench, empty, finished=0)
    with bench.running([_gateway(full), _gateway(empty)]) as running:
        calls = bench.take_turns(running, "rollback")
    seen = sum(journals.check(journals.url(path), calls[path.stem]) for path in (full, empty))
    figures = on_full, on_empty = [figure(path.stem, calls[path.stem]) for path in (full, empty)]
    drained_full, drained_empty = (_drain(bench, path, bench.sizes.due_beside_finished) for path in (full, empty))
    rates = f"{on_full.rate:,.0f} calls/s with {finished:,} finished transfers, {on_empty.rate:,.0f} without"
    claims = f"{drained_full.rate:,.0f} deliveries/s with them, {drained_empty.rate:,.0f} without"
    findings = [
        _target_result(
            "rows/calls", ratio(calls["full"], calls["empty"]), f"{rates}; all {seen} calls are in the journals"
        ),
        _target_result("rows/claims", drained_full.rate / drained_empty.rate, claims),
    ]
    return [ScenarioResult(scenario="rows", figures=figures, findings=findings), _backlog(bench, on_empty.rate)]


def _backlog(bench: Bench, call_rate: float) -> ScenarioResult:
    path = journals.new_path(bench.home, "backlog")
    _seed(bench, path, finished=0)
    with bench.running([_gateway(path)]) as (running,):
        bench.play(running, "rollback", seconds=1.0)
        idle = running.program.memory()
    drained = _drain(bench, path, bench.sizes.due, for_s=10 * bench.sizes.seconds)
    rates = f"{drained.rate:,.0f} deliveries/s of {bench.sizes.due:,} due at once; calls alone: {call_rate:,.0f}/s"
    memory = f"{drained.memory / MIB:.0f} MiB at most, {idle / MIB:.0f} MiB idle"
    findings = [
        _target_result("backlog/rate", drained.rate / call_rate, rates),
        _target_result("backlog/memory", (drained.memory - idle) / MIB, memory),
    ]
    return ScenarioResult(scenario="backlog", findings=findings)


def _target_result(key: str, value: float, evidence: str) -> TargetResult:
    return TARGETS[key].result(key, value, evidence)


def _gateway(path: Path) -> Contestant:
    return gateway(journals.url(path), name=path.stem)


def _seed(bench: Bench, path: Path, *, finished: int) -> None:
    """A journal with the rows that one finished transfer leaves, many times over."""
    with bench.running([_gateway(path)]) as (running,):
        bench.play(running, "rollback", seconds=0.1, connections=1)
    if finished:
        journals.clone(path, finished, {})


def _drain(bench: Bench, path: Path, due: int, for_s: float = DRAIN_TIMEOUT_S) -> DrainResult:
    """Makes so many rollbacks due while the gateway is down, starts it, and watches the operator."""
    _leave_undelivered(bench, path)
    journals.clone(path, due, DUE)
    before = bench.operator.answered()
    with bench.running([_gateway(path)]) as (running,):
        return _watch_deliveries(bench, running, before, due, for_s)


def _watch_deliveries(bench: Bench, running: RunningContestant, before: int, due: int, for_s: float) -> DrainResult:
    """Measures from the first delivery until all are made or the time is over."""
    first = before
    while first == before:
        first = bench.operator.answered()
    began, memory = time.perf_counter(), 0
    while (answered := bench.operator.answered()) < before + due and time.perf_counter() < began + for_s:
        memory = max(memory, running.program.memory())
        time.sleep(POLL_S)
    took_s = time.perf_counter() - began
    if answered == first:
        raise BenchError(f"nothing is delivered: {running.program.log_tail()}")
    return DrainResult((answered - first) / took_s, memory)


def _leave_undelivered(bench: Bench, path: Path) -> None:
    """Makes the gateway decide a rollback that it cannot deliver; the due ones are copied from it."""
    with bench.running([_gateway(path)]) as (running,):
        options = ("--username", "hanging", "--connections", 1, "--seconds", 0.01, "--no-sessions")
        game, _ = bench.start_game(running, "--flow", "rollback", *options)
        with game:
            game.out.read()
