"""Whether something stays level: a robust slope over what was measured once it had warmed up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import median
from typing import Final, NamedTuple

WARM_UP: Final = 0.4
"""The part of a run that is not judged: caches fill, pools grow."""

PAIRS_FROM: Final = 300
"""Longer series are thinned to about so many points: their number of pairs grows with the square."""


class Trend(NamedTuple):
    """Over `window_s` seconds around a `middle`, it grew by `growth`; `allowed` is how much it may."""

    name: str
    middle: float
    window_s: float
    growth: float
    allowed: float

    @property
    def flat(self) -> bool:
        return self.growth <= self.allowed

    def __str__(self) -> str:
        word = "flat" if self.flat else "GROWS"
        return f"{self.name} {word}: {self.growth:+.1f} in {self.window_s:.0f} s around {self.middle:.1f}"


def trend(
    name: str, times: Sequence[float], values: Sequence[float], *, allowed_part: float, allowed_least: float
) -> Trend:
    """The trend after the warm-up. It may grow by this part of its middle, or by this much if that is more."""
    begin = times[0] + WARM_UP * (times[-1] - times[0])
    judged = [(at, value) for at, value in zip(times, values, strict=True) if at >= begin]
    step = max(1, len(judged) // PAIRS_FROM)
    window_s = judged[-1][0] - judged[0][0]
    middle = median(value for _, value in judged)
    growth = slope(judged[::step]) * window_s
    return Trend(name, middle, window_s, growth, max(allowed_least, allowed_part * middle))


def slope(points: Sequence[tuple[float, float]]) -> float:
    """The median of the slopes between any two points (Theil and Sen): a few outliers do not move it."""
    slopes = [(later - earlier) / (end - begin) for (begin, earlier), (end, later) in combinations(points, 2)]
    return median(slopes) if slopes else 0.0
