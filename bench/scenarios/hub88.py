"""A whole purchase through an operator whose every request is signed with RSA, against one that only asks for a
password."""

from __future__ import annotations

from bench import journals
from bench.contestants.gateway import gateway
from bench.measuring import Bench
from bench.results import Finding, Outcome, Played, figure, ratio
from bench.targets import TARGETS


def run(bench: Bench) -> list[Outcome]:
    """On one core, and on two, which the gateway then shares with the load."""
    one, first = _measured(bench, "one-core", second_core=False)
    two, second = _measured(bench, "two-cores", second_core=True)
    runs = {**one, **two}
    return [
        Outcome(
            scenario="hub88",
            figures=[figure(name, played) for name, played in runs.items()],
            findings=[first, second],
        )
    ]


def _measured(bench: Bench, cores: str, *, second_core: bool) -> tuple[dict[str, list[Played]], Finding]:
    journal = journals.url(journals.new(bench.home, f"hub88-{cores}"))
    runs: dict[str, list[Played]] = {}
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
    return runs, TARGETS[key].found(key, ratio(signed, plain), evidence)
