"""Cheap counters and histograms: plain numbers by their labels, added up at the scrape.

The library's own take a lock for each number, a histogram several: 2.7 µs an observation where these take 1.0
(docs/decisions/064-metrics.md). No lock is needed, since everything is counted and read on the loop's thread.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from prometheus_client.registry import Collector, CollectorRegistry

from gateway.telemetry.buckets import SUM, Buckets, Counts
from gateway.telemetry.families import Distributions, Exemplar, Exemplars, Labels, Numbers


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

    def collect(self) -> Iterator[Numbers]:
        yield Numbers(self._name, self._text, "counter", self._labels, self._counts.items())


class Histograms(Collector):
    """A family of histograms. `buckets` are the classic upper bounds in ascending order, without infinity."""

    def __init__(
        self, name: str, text: str, labels: Labels, buckets: tuple[float, ...], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._text = text
        self._labels = labels
        self._buckets = Buckets(buckets)
        self._bounds = self._buckets.bounds
        # Most series touch few of the hundred cells (an error that came twice), so that only those are kept.
        self._series: defaultdict[Labels, defaultdict[int, float]] = defaultdict(lambda: defaultdict(int))
        self._exemplars: dict[Labels, dict[int, Exemplar]] = {}
        registry.register(self)

    def observe(self, value: float, *labels: str) -> None:
        """Adds a value to the histogram with these label values, given in the order of the labels."""
        series = self._series[labels]
        series[bisect_left(self._bounds, value)] += 1
        series[SUM] += value

    def attach_exemplar(self, trace_id: str, value: float, *labels: str) -> None:
        """Makes this trace the exemplar of the classic bucket that counted `value`, in place of the one before.

        A method of its own, so that an observation without a trace costs nothing more.
        """
        bucket = self._buckets.classic_bucket(bisect_left(self._bounds, value))
        self._exemplars.setdefault(labels, {})[bucket] = Exemplar(trace_id, value, time.time())

    def collect(self) -> Iterator[Distributions]:
        yield Distributions(self._name, self._text, self._labels, self._buckets, self._counted())

    def _counted(self) -> Iterator[tuple[Labels, Counts, Exemplars]]:
        # A copy of the list: new series may come while a page is written. Each one is read when its turn comes.
        for labels, counts in tuple(self._series.items()):
            yield labels, counts, self._exemplars.get(labels, {})
