"""The results, as they are kept in results.json."""

from __future__ import annotations

from statistics import median

import msgspec


class GameRun(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the game against one contestant. `rate` is calls a second, counting those answered within the time.

    `cpu_us` is the contestant's processor time for one call. `load_share` is the share of its core that the load
    needed: near 1 the load, not the contestant, limited the rate. `begun` counts flows, `calls` their calls.
    """

    run: str
    flow: str
    rate: float
    calls: int
    begun: int
    failed: int
    failures: list[str]
    failed_ids: list[str]
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    load_share: float


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """The medians of a contestant's runs in one scenario."""

    contestant: str
    flow: str
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    load_share: float


class TargetResult(msgspec.Struct, frozen=True, kw_only=True):
    """One target's result: the measured value, its bound, and the figures from which the value comes."""

    target: str
    value: float
    bound: float
    at_least: bool
    evidence: str

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class ScenarioResult(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario's results. `missing` names the contestants that are not installed on this machine."""

    scenario: str
    figures: list[Figure] = []
    findings: list[TargetResult] = []
    missing: list[str] = []


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run of the bench."""

    machine: dict[str, str]
    quick: bool
    began: str
    took_s: float
    outcomes: list[ScenarioResult]


def figure(contestant: str, runs: list[GameRun]) -> Figure:
    """The medians of several runs."""
    return Figure(
        contestant=contestant,
        flow=runs[0].flow,
        rate=median(run.rate for run in runs),
        p50_ms=median(run.p50_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        cpu_us=median(run.cpu_us for run in runs),
        load_share=median(run.load_share for run in runs),
    )


def ratio(ours: list[GameRun], theirs: list[GameRun]) -> float:
    """The median of the ratios of rates, each of two runs of the same round."""
    return median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))
