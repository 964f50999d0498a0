"""Journals that have grown: ten million finished transfers, and a million rollbacks that are due at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, NamedTuple

from bench import journals
from bench.contestants.contestant import Contestant, Running
from bench.contestants.gateway import gateway
from bench.measuring import Bench
from bench.processes import Failed
from bench.results import Finding, Outcome, figure, ratio
from bench.targets import TARGETS

NOBODY: Final = 9
"""A port on which nobody listens."""

DUE: Final = {"operator": "'quantum'", "due_at": "1000000000.0 + copy * 0.001", "owner": "NULL"}
PATIENCE_S: Final = 300.0
LOOK_S: Final = 0.05
MIB: Final = 2**20


class Drained(NamedTuple):
    """What delivering a backlog came to: deliveries a second, and the most memory meanwhile, in bytes."""

    rate: float
    memory: int


def run(bench: Bench) -> list[Outcome]:
    """Rows are copied from a real transfer, so that they are what the gateway itself would have left."""
    finished = bench.sizes.finished
    full, empty = journals.new(bench.home, "full"), journals.new(bench.home, "empty")
    _seed(bench, full, finished=finished)
    _seed(bench, empty, finished=0)
    with bench.running([_gateway(full), _gateway(empty)]) as running:
        calls = bench.take_turns(running, "rollback")
    seen = sum(journals.check(journals.url(path), calls[path.stem]) for path in (full, empty))
    figures = on_full, on_empty = [figure(path.stem, calls[path.stem]) for path in (full, empty)]
    drained_full, drained_empty = (_drained(bench, path, bench.sizes.due_beside_finished) for path in (full, empty))
    rates = f"{on_full.rate:,.0f} calls/s with {finished:,} finished transfers, {on_empty.rate:,.0f} without"
    claims = f"{drained_full.rate:,.0f} deliveries/s with them, {drained_empty.rate:,.0f} without"
    findings = [
        _found("rows/calls", ratio(calls["full"], calls["empty"]), f"{rates}; all {seen} calls are in the journals"),
        _found("rows/claims", drained_full.rate / drained_empty.rate, claims),
    ]
    return [Outcome(scenario="rows", figures=figures, findings=findings), _backlog(bench, on_empty.rate)]


def _backlog(bench: Bench, call_rate: float) -> Outcome:
    path = journals.new(bench.home, "backlog")
    _seed(bench, path, finished=0)
    with bench.running([_gateway(path)]) as (running,):
        bench.play(running, "rollback", seconds=1.0)
        idle = running.program.memory()
    drained = _drained(bench, path, bench.sizes.due, for_s=10 * bench.sizes.seconds)
    rates = f"{drained.rate:,.0f} deliveries/s of {bench.sizes.due:,} due at once; calls alone: {call_rate:,.0f}/s"
    memory = f"{drained.memory / MIB:.0f} MiB at most, {idle / MIB:.0f} MiB idle"
    findings = [
        _found("backlog/rate", drained.rate / call_rate, rates),
        _found("backlog/memory", (drained.memory - idle) / MIB, memory),
    ]
    return Outcome(scenario="backlog", findings=findings)


def _found(key: str, value: float, evidence: str) -> Finding:
    return TARGETS[key].found(key, value, evidence)


def _gateway(path: Path) -> Contestant:
    return gateway(journals.url(path), name=path.stem)


def _seed(bench: Bench, path: Path, *, finished: int) -> None:
    """A journal with the rows that one finished transfer leaves, many times over."""
    with bench.running([_gateway(path)]) as (running,):
        bench.play(running, "rollback", seconds=0.1, connections=1)
    if finished:
        journals.clone(path, finished, {})


def _drained(bench: Bench, path: Path, due: int, for_s: float = PATIENCE_S) -> Drained:
    """Makes so many rollbacks due while the gateway is down, starts it, and watches the operator."""
    _leave_undelivered(bench, path)
    journals.clone(path, due, DUE)
    before = bench.operator.answered()
    with bench.running([_gateway(path)]) as (running,):
        return _watched(bench, running, before, due, for_s)


def _watched(bench: Bench, running: Running, before: int, due: int, for_s: float) -> Drained:
    """From the first delivery on, until all are made or the time is over."""
    first = before
    while first == before:
        first = bench.operator.answered()
    began, memory = time.perf_counter(), 0
    while (answered := bench.operator.answered()) < before + due and time.perf_counter() < began + for_s:
        memory = max(memory, running.program.memory())
        time.sleep(LOOK_S)
    took_s = time.perf_counter() - began
    if answered == first:
        raise Failed(f"nothing is delivered: {running.program.said()}")
    return Drained((answered - first) / took_s, memory)


def _leave_undelivered(bench: Bench, path: Path) -> None:
    """Has the gateway decide a rollback that it cannot deliver: what the due ones are copied from."""
    with bench.running([_gateway(path)]) as (running,):
        options = ("--username", "hanging", "--connections", 1, "--seconds", 0.01, "--no-sessions")
        game, _ = bench.start_game(running, "--flow", "rollback", *options)
        with game:
            game.out.read()
