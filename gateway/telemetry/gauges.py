"""Gauges that are read when Prometheus scrapes: the operators' bulkheads, and unfinished transfers in the journals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.records import Direction, State, UnfinishedCount

BREAKER_STATES: Final = ("closed", "open", "half_open")
"""As `gateway.operators.circuit_breaker.BreakerState`, which lies in a higher layer."""

IN_DELIVERY: Final = frozenset({State.CONFIRMING, State.ROLLING_BACK})

ReadBulkhead = Callable[[], tuple[int, int, Mapping[str, str]]]
"""Returns the number of running calls, the number of waiting calls, and the state of each circuit breaker (one of
`BREAKER_STATES`) by its group of calls."""


class BulkheadGauges(Collector):
    """How much of its limits each operator uses, and the states of its circuit breakers."""

    def __init__(self) -> None:
        self._read: dict[str, ReadBulkhead] = {}

    def watch(self, operator: str, read: ReadBulkhead) -> None:
        """Calls `read` at every scrape from now on; it replaces the operator's former one."""
        self._read[operator] = read

    def unwatch(self, operator: str) -> None:
        """Ends the operator's series."""
        self._read.pop(operator, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        in_use = _family("operator_calls_in_use", "Running calls to the operator.", "operator")
        waiting = _family("operator_calls_waiting", "Calls that wait for a free slot.", "operator")
        breaker = _family(
            "breaker_state", "1 for the state in which the circuit breaker is.", "operator", "calls", "state"
        )
        for operator, read in tuple(self._read.items()):
            running, queued, breakers = read()
            in_use.add_metric([operator], running)
            waiting.add_metric([operator], queued)
            for calls, current in breakers.items():
                for state in BREAKER_STATES:
                    breaker.add_metric([operator, calls, state], state == current)
        yield from (in_use, waiting, breaker)


class _Kind(NamedTuple):
    operator: str
    direction: Direction
    state: State


class _Sum(NamedTuple):
    transfers: int = 0
    oldest_at: float = float("inf")
    abandoned: int = 0

    def plus(self, row: UnfinishedCount) -> _Sum:
        return _Sum(self.transfers + row.count, min(self.oldest_at, row.oldest_at), self.abandoned + row.abandoned)


class UnfinishedGauges(Collector):
    """Unfinished transfers of all journals, as last counted.

    Ages are computed at the scrape, so that they grow even while a journal does not answer.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sums: dict[_Kind, _Sum] = {}
        self._counted_at: float | None = None

    def replace(self, rows: Iterable[UnfinishedCount]) -> None:
        """Replaces all counts. Several journals may count the same kind; they are added up."""
        # A kind that is gone counts 0: a series that ends looks like one that broke
        # (test_what_is_no_longer_there_counts_zero_instead_of_vanishing).
        sums = dict.fromkeys(self._sums, _Sum())
        for row in rows:
            kind = _Kind(row.operator, row.direction, row.state)
            sums[kind] = sums.get(kind, _Sum()).plus(row)
        self._sums = sums
        self._counted_at = self._now()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._now()
        yield from self._by_kind(now)
        yield self._undelivered(now)
        yield self._abandoned()
        counted = _family("transfers_counted_timestamp_seconds", "When unfinished transfers were last counted.")
        if self._counted_at is not None:
            counted.add_metric([], self._counted_at)
        yield counted

    def _by_kind(self, now: float) -> Iterator[GaugeMetricFamily]:
        count = _family("transfers", "Unfinished transfers.", *_Kind._fields)
        oldest = _family("transfers_oldest_seconds", "Age of the oldest of them.", *_Kind._fields)
        for kind, total in self._sums.items():
            count.add_metric(kind, total.transfers)
            oldest.add_metric(kind, _age(total.oldest_at, now))
        yield from (count, oldest)

    def _undelivered(self, now: float) -> GaugeMetricFamily:
        family = _family("undelivered_oldest_seconds", "Age of the oldest transfer in delivery.", "operator")
        oldest_at: dict[str, float] = {}
        for kind, total in self._sums.items():
            at = total.oldest_at if kind.state in IN_DELIVERY else float("inf")
            oldest_at[kind.operator] = min(oldest_at.get(kind.operator, at), at)
        for operator, at in oldest_at.items():
            family.add_metric([operator], _age(at, now))
        return family

    def _abandoned(self) -> GaugeMetricFamily:
        family = _family("transfers_abandoned", "Held transfers older than `abandoned_after`.", "operator", "direction")
        for kind, total in self._sums.items():
            if kind.state is State.HELD:
                family.add_metric([kind.operator, kind.direction], total.abandoned)
        return family


def _age(since: float, now: float) -> float:
    # Another instance's clock may be ahead of this one's.
    return max(0.0, now - since) if since != float("inf") else 0.0


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"mm_gateway_{name}", text, labels=labels)
