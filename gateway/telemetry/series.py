"""Cheap counters and histograms: plain numbers by their labels, added up at the scrape.

The library's own take a lock for each number, a histogram several: 2.7 µs an observation where these take 1.0
(docs/decisions/064-metrics.md). No lock is needed, since everything is counted and read on the loop's thread.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]


class Counters(Collector):
    """A family of counters: one for each combination of label values that was counted."""

    def __init__(self, name: str, text: str, labels: Labels, registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._counts: defaultdict[Labels, int] = defaultdict(int)
        registry.register(self)

    def start(self, *labels: str) -> None:
        """Starts the counter with these label values at 0, if it does not exist yet.

        Without it a counter is born with its first event, and `increase()` in Prometheus never sees that one.
        """
        self._counts.setdefault(labels, 0)

    def count(self, *labels: str) -> None:
        """Adds one to the counter with these label values, given in the order of the labels."""
        self._counts[labels] += 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class Histograms(Collector):
    """A family of histograms. `buckets` are their upper bounds in ascending order, without infinity."""

    def __init__(
        self, name: str, text: str, labels: Labels, buckets: tuple[float, ...], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._bounds = buckets
        self._le = [_bound_text(bound) for bound in (*buckets, float("inf"))]
        # Of each series: the count of each bucket (not cumulative), and at the end the sum of its values.
        self._series: defaultdict[Labels, list[float]] = defaultdict(lambda: [0] * (len(self._le) + 1))
        registry.register(self)

    def observe(self, value: float, *labels: str) -> None:
        """Adds a value to the histogram with these label values, given in the order of the labels."""
        series = self._series[labels]
        series[bisect_left(self._bounds, value)] += 1
        series[-1] += value

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, (*counts, total) in self._series.items():
            # Prometheus wants cumulative buckets; adding up here keeps an observation at two additions.
            family.add_metric(labels, list(zip(self._le, accumulate(counts), strict=True)), total)
        yield family


def _bound_text(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]  # the library has no types here
    return text
