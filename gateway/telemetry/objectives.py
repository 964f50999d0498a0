"""Objectives of an operator: which of the game's calls count as good, which as bad."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.settings import ObjectiveSettings
from gateway.wire.errors import ErrorCode

CALLS: Final = "calls"
LATENCY: Final = "latency"

BAD_OUTCOMES: Final = frozenset(
    code.name.lower()
    for code in (ErrorCode.OTHER, ErrorCode.UNCLEAR, ErrorCode.NOT_SENT, ErrorCode.JOURNAL_UNAVAILABLE)
)
"""Outcomes that the gateway or the operator is to blame for. A decline, or a call that is wrong, is a good answer."""


class Objective(msgspec.Struct, frozen=True):
    """A share of good calls that is promised: `ratio` is between 0 and 1. `within_s`: a call that takes longer is bad;
    None where the outcome alone decides."""

    name: str
    ratio: float
    within_s: float | None = None

    def is_good(self, outcome: str, took_s: float) -> bool:
        """Whether a call that was answered so, after so many seconds, is a good one."""
        return outcome not in BAD_OUTCOMES if self.within_s is None else took_s <= self.within_s


Objectives = tuple[Objective, ...]


def objectives_of(settings: ObjectiveSettings) -> Objectives:
    """The objectives that are configured; empty if none is."""
    calls = [] if settings.calls is None else [Objective(CALLS, settings.calls)]
    latency = [] if settings.latency is None else [Objective(LATENCY, settings.latency_share, settings.latency)]
    return (*calls, *latency)


def judge(objectives: Objectives, outcome: str, took_s: float) -> Iterator[tuple[str, str]]:
    """The name of each objective, and `good` or `bad`."""
    for objective in objectives:
        yield objective.name, "good" if objective.is_good(outcome, took_s) else "bad"
