"""The buckets of a histogram, counted once and given out in both of Prometheus' forms: classic and native.

Values are counted in cells, cut by the bounds of both forms. So each bucket of either form is a run of whole cells, and
adding them up at the scrape gives exact counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Final, NamedTuple

SUM: Final = -1
"""Beside the cells, a series keeps the sum of its values under this key."""

Counts = Mapping[int, float]
"""What a series counted, by cell; cells that counted nothing are left out."""

SCHEMA: Final = 2
"""Of the native form: four buckets for each doubling, so a quantile is wrong by less than a tenth."""

_FRACTIONS: Final = (0.5, 0.5946035575013605, 0.7071067811865475, 0.8408964152537144)
"""Prometheus computes its bounds from these; a power computed here differs in the last digit of some."""

_LOWEST_EXPONENT: Final = -16
"""Of two: what takes less than 15 µs is counted in the native form's bucket for zero."""

_HIGHEST_EXPONENT: Final = 12
"""Of two: what takes longer than 68 minutes is counted as infinite."""

_INFINITE: Final = (1024 << SCHEMA) + 1
"""The native bucket above all floating point numbers."""


def _native_bound(bucket: int) -> float:
    """The upper bound of a native bucket, which is inclusive."""
    return math.ldexp(_FRACTIONS[bucket % (1 << SCHEMA)], (bucket >> SCHEMA) + 1)


_LOWEST: Final = _LOWEST_EXPONENT << SCHEMA
_NATIVE: Final = {_native_bound(bucket): bucket for bucket in range(_LOWEST, (_HIGHEST_EXPONENT << SCHEMA) + 1)}

ZERO_THRESHOLD: Final = _native_bound(_LOWEST)


class Span(NamedTuple):
    """Consecutive native buckets. `offset` counts from the end of the span before, that of the first from bucket 0."""

    offset: int
    length: int


class Native(NamedTuple):
    """The native form: the count of the bucket for zero, and of the others as Prometheus wants them.

    `deltas` has the difference of each bucket's count to that of the bucket before.
    """

    zero_count: int
    spans: list[Span]
    deltas: list[int]


class Buckets:
    """How the histograms of one family are cut. `uppers` are the classic upper bounds, ascending, without infinity."""

    def __init__(self, uppers: Iterable[float]) -> None:
        self.uppers = (*uppers, math.inf)
        self.bounds = sorted({*_NATIVE, *self.uppers[:-1]})
        """The upper bounds of all cells but the last; `bisect_left` in them gives a value's cell."""
        self._classic = [self._first_at_least(self.uppers, bound) for bound in (*self.bounds, math.inf)]
        self._native = [self._native_bucket(bound) for bound in (*self.bounds, math.inf)]

    def classic_bucket(self, cell: int) -> int:
        """The place in `uppers` of the bucket to which a cell belongs."""
        return self._classic[cell]

    def cumulative(self, counts: Counts) -> list[int]:
        """The classic form: for each of `uppers` how many values are not above it."""
        buckets = [0] * len(self.uppers)
        for cell, count in counts.items():
            if cell != SUM:
                buckets[self._classic[cell]] += int(count)
        return list(accumulate(buckets))

    def native(self, counts: Counts) -> Native:
        """The native form, without empty buckets."""
        buckets: dict[int, int] = {}
        for cell in sorted(counts):
            if cell != SUM:
                bucket = self._native[cell]
                buckets[bucket] = buckets.get(bucket, 0) + int(counts[cell])
        return Native(buckets.pop(_LOWEST, 0), *_sparse(buckets))

    @staticmethod
    def _first_at_least(uppers: tuple[float, ...], bound: float) -> int:
        return next(place for place, upper in enumerate(uppers) if upper >= bound)

    @staticmethod
    def _native_bucket(bound: float) -> int:
        return next((bucket for upper, bucket in _NATIVE.items() if upper >= bound), _INFINITE)


def _sparse(buckets: Mapping[int, int]) -> tuple[list[Span], list[int]]:
    spans: list[Span] = []
    deltas: list[int] = []
    end = before = 0
    for bucket, count in buckets.items():
        if spans and bucket == end:
            spans[-1] = Span(spans[-1].offset, spans[-1].length + 1)
        else:
            spans.append(Span(bucket - end, 1))
        deltas.append(count - before)
        end, before = bucket + 1, count
    return spans, deltas
