"""What collectors hand to the exposition: families whose numbers are read while the page is written, not before.

They are the library's own families too, so that its registry and its formats work with them; the library's samples are
made only if somebody asks for those.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.samples import Exemplar as LibraryExemplar
from prometheus_client.samples import Sample

from gateway.telemetry.buckets import SUM, Buckets, Counts

Labels = tuple[str, ...]

Number = tuple[Sequence[str], float]
"""A number, after its label values."""


class Exemplar(NamedTuple):
    """A value that was counted, with the trace that shows why it was so. `at` is Unix time in seconds."""

    trace_id: str
    value: float
    at: float


Exemplars = Mapping[int, Exemplar]
"""The exemplars of one histogram, by the place of their classic bucket."""


class Numbers(Metric):
    """A family of counters or gauges: a number for each combination of label values."""

    def __init__(self, name: str, text: str, kind: str, labels: Labels, numbers: Iterable[Number] = ()) -> None:
        super().__init__(name, text, kind)
        del self.samples
        self.labels = labels
        self.numbers = list(numbers)

    def add_metric(self, labels: Sequence[str], number: float) -> None:
        """Adds a number with these label values, given in the order of the labels."""
        self.numbers.append((labels, number))

    @cached_property
    def samples(self) -> list[Sample]:  # type: ignore[override]  # the library assigns them, we make them when asked
        suffix = "_total" if self.type == "counter" else ""
        return [
            Sample(self.name + suffix, dict(zip(self.labels, labels, strict=True)), number)
            for labels, number in self.numbers
        ]


class Distributions(Metric):
    """A family of histograms: by label values what each counted, and its exemplars."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Labels,
        buckets: Buckets,
        counted: Iterable[tuple[Labels, Counts, Exemplars]],
    ) -> None:
        super().__init__(name, text, "histogram")
        del self.samples
        self.labels = labels
        self.buckets = buckets
        self.counted = counted

    @cached_property
    def samples(self) -> list[Sample]:  # type: ignore[override]  # the library assigns them, we make them when asked
        return list(self._samples())

    def _samples(self) -> Iterator[Sample]:
        for labels, counts, exemplars in self.counted:
            named = dict(zip(self.labels, labels, strict=True))
            cumulative = self.buckets.cumulative(counts)
            for place, (upper, count) in enumerate(zip(self.buckets.uppers, cumulative, strict=True)):
                exemplar = exemplars.get(place)
                yield Sample(
                    f"{self.name}_bucket",
                    {**named, "le": bound_text(upper)},
                    count,
                    exemplar=None
                    if exemplar is None
                    else LibraryExemplar({"trace_id": exemplar.trace_id}, exemplar.value, exemplar.at),
                )
            yield Sample(f"{self.name}_count", named, cumulative[-1])
            yield Sample(f"{self.name}_sum", named, counts[SUM])


def bound_text(bound: float) -> str:
    """A bucket's upper bound as the value of its label `le`."""
    return "+Inf" if bound == math.inf else str(float(bound))


def readable(metric: Metric) -> Numbers | Distributions:
    """One of our families, or one of the library's as such. Raises `TypeError` for the library's own histograms."""
    if isinstance(metric, Numbers | Distributions):
        return metric
    if metric.type not in {"counter", "gauge"}:
        raise TypeError(f"{metric.name}: of the library's own metrics only counters and gauges can be given out")
    labels = tuple(metric.samples[0].labels) if metric.samples else ()
    numbers = ((tuple(sample.labels.values()), sample.value) for sample in metric.samples)
    return Numbers(metric.name, metric.documentation, metric.type, labels, numbers)
