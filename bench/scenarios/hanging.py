"""One operator that hangs at its limit, and how much that slows the others."""

from __future__ import annotations

import time
from statistics import median
from typing import Final

from bench import journals
from bench.contestants.contestant import Contestant
from bench.contestants.gateway import gateway
from bench.measuring import WARM_UP_S, Bench, OperatorProcess
from bench.results import GameRun, ScenarioResult, figure, ratio
from bench.targets import TARGETS

LIMIT: Final = 128
"""The calls that one operator may have under way, as the gateway ships."""

FILLING_S: Final = 1.0
"""Long enough for that many calls to be in progress."""


def run(bench: Bench) -> list[ScenarioResult]:
    """Each round has a new gateway, since calls that hang keep hanging in it."""
    alone: list[GameRun] = []
    beside: list[GameRun] = []
    journal = journals.url(journals.new_path(bench.home, "hanging"))
    operator = OperatorProcess(bench.cores, bench.home, hangs=True)
    with operator.program:
        for _ in range(bench.sizes.rounds):
            without, within = _round(bench, gateway(journal, hanging=operator.port))
            alone.append(without)
            beside.append(within)
    seen = journals.check(journal, [*alone, *beside])
    free, crowded = figure("alone", alone), figure("beside one that hangs", beside)
    tail = median(one.p99_ms / other.p99_ms for one, other in zip(beside, alone, strict=True))
    words = f"{crowded.rate:,.0f} calls/s against {free.rate:,.0f}; all {seen} transfers are in the journal"
    return [
        ScenarioResult(
            scenario="hanging",
            figures=[free, crowded],
            findings=[
                TARGETS["hanging/rate"].result("hanging/rate", ratio(beside, alone), words),
                TARGETS["hanging/p99"].result(
                    "hanging/p99", tail, f"{crowded.p99_ms:.1f} ms against {free.p99_ms:.1f} ms"
                ),
            ],
        )
    ]


def _round(bench: Bench, contestant: Contestant) -> tuple[GameRun, GameRun]:
    """A gateway alone with the operator that answers, then with the other one too, which then takes all it may."""
    with bench.running([contestant]) as (running,):
        bench.play(running, "rollback", seconds=min(WARM_UP_S, bench.sizes.seconds))
        without = bench.play(running, "rollback")
        # Without sessions: their verifySession would hang before the first rollback.
        options = ("--username", "hanging", "--connections", LIMIT, "--no-sessions", "--seconds", 600)
        game, _ = bench.start_game(running, "--flow", "rollback", *options)
        with game:
            time.sleep(FILLING_S)
            return without, bench.play(running, "rollback")
