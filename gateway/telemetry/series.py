"""Counters and histograms that cost a call next to nothing: plain numbers by their labels, added up at the scrape.

The library's own take a lock for each number they touch, a histogram several: 3 µs where these take 0.3. All of this
process's are counted and read on the loop's thread, so that there is nothing to lock.
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
    """A family of counters, one for each combination of label values that was ever counted."""

    def __init__(self, name: str, text: str, labels: Labels, registry: CollectorRegistry) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._counts: defaultdict[Labels, int] = defaultdict(int)
        registry.register(self)

    def count(self, *labels: str) -> None:
        """One more, for these values of the labels in their order."""
        self._counts[labels] += 1

    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self._name, self._text, labels=self._labels)
        for labels, count in self._counts.items():
            family.add_metric(labels, count)
        yield family


class Histograms(Collector):
    """A family of histograms; `buckets` are the upper bounds, in order, without infinity.

    A series is the count in each bucket, and at the end the sum of its values.
    """

    def __init__(
        self, name: str, text: str, labels: Labels, buckets: tuple[float, ...], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._bounds = buckets
        self._le = [_written(bound) for bound in (*buckets, float("inf"))]
        self._series: defaultdict[Labels, list[float]] = defaultdict(lambda: [0] * (len(self._le) + 1))
        registry.register(self)

    def observe(self, value: float, *labels: str) -> None:
        """One value, for these values of the labels in their order."""
        series = self._series[labels]
        series[bisect_left(self._bounds, value)] += 1
        series[-1] += value

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self._name, self._text, labels=self._labels)
        for labels, (*counts, total) in self._series.items():
            family.add_metric(labels, list(zip(self._le, accumulate(counts), strict=True)), total)
        yield family


def _written(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]  # the library has no types here
    return text
