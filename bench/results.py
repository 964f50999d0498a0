"""What is measured, as it is kept in results.json."""

from __future__ import annotations

from statistics import median

import msgspec


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the game against one contestant. Rates are calls a second, counting those answered within the time.

    `cpu_us` is the contestant's processor time for one call; `load_share` how much of its core the load needed, so
    that it shows where the load, not the contestant, set the pace. `begun` counts flows, `calls` their calls.
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


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one target: the value measured, the bound it is held to, and how it was found."""

    target: str
    value: float
    bound: float
    at_least: bool
    evidence: str

    @property
    def met(self) -> bool:
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a scenario found. `missing` says which contestants could not be had."""

    scenario: str
    figures: list[Figure] = []
    findings: list[Finding] = []
    missing: list[str] = []


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run of the bench."""

    machine: dict[str, str]
    quick: bool
    began: str
    took_s: float
    outcomes: list[Outcome]


def figure(contestant: str, runs: list[Played]) -> Figure:
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


def ratio(ours: list[Played], theirs: list[Played]) -> float:
    """The median of the ratios of rates, each of two runs that followed one another."""
    return median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))
