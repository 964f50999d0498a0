"""A whole purchase through an operator whose requests are signed with RSA, against one with a password only."""

from __future__ import annotations

from bench import journals
from bench.contestants.gateway import gateway
from bench.measuring import Bench
from bench.results import GameRun, ScenarioResult, TargetResult, figure, ratio
from bench.targets import TARGETS


def run(bench: Bench) -> list[ScenarioResult]:
    """On one core, and on two, which the gateway then shares with the load."""
    one, first = _measure(bench, "one-core", second_core=False)
    two, second = _measure(bench, "two-cores", second_core=True)
    runs = {**one, **two}
    return [
        ScenarioResult(
            scenario="hub88",
            figures=[figure(name, played) for name, played in runs.items()],
            findings=[first, second],
        )
    ]


def _measure(bench: Bench, cores: str, *, second_core: bool) -> tuple[dict[str, list[GameRun]], TargetResult]:
    journal = journals.url(journals.new_path(bench.home, f"hub88-{cores}"))
    runs: dict[str, list[GameRun]] = {}
    with bench.running([gateway(journal, name=cores, second_core=second_core)]) as (running,):
        for username in ("quantum", "hub88"):
            bench.play(running, "purchase", seconds=1.0, username=username)
        for _ in range(bench.sizes.rounds):
            for username in ("quantum", "hub88"):
                name = f"{username}, {cores}"
                runs.setdefault(name, []).append(bench.play(running, "purchase", username=username))
    plain, signed = runs.values()
    seen = journals.check(journal, [*plain, *signed])
    evidence = (
        f"{figure('', signed).rate:,.0f} calls/s against {figure('', plain).rate:,.0f}; "
        f"all {seen} transfers are in the journal"
    )
    key = f"hub88/{cores}"
    return runs, TARGETS[key].result(key, ratio(signed, plain), evidence)
