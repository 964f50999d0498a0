"""Gauges that are read when Prometheus scrapes: what operators' guards and journals hold at that moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple, Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

BREAKER_STATES: Final = ("closed", "open", "half_open")
HELD: Final = "held"
UNDER_DELIVERY: Final = frozenset({"confirming", "rolling_back"})

ReadBulkhead = Callable[[], tuple[int, int, Mapping[str, str]]]
"""Calls under way, calls waiting for a place, and each breaker's state (one of `BREAKER_STATES`) by the group of calls
that it stands for."""


class TallyRow(Protocol):
    """How many unfinished transfers of one kind there are, since when (Unix seconds) the oldest waits, and how many
    are older than they should be."""

    @property
    def operator(self) -> str: ...
    @property
    def direction(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def count(self) -> int: ...
    @property
    def oldest_at(self) -> float: ...
    @property
    def abandoned(self) -> int: ...


class BulkheadGauges(Collector):
    """How much of the gateway each operator uses, and whether its breaker is closed."""

    def __init__(self) -> None:
        self._read: dict[str, ReadBulkhead] = {}

    def watch(self, operator: str, read: ReadBulkhead) -> None:
        self._read[operator] = read

    def unwatch(self, operator: str) -> None:
        self._read.pop(operator, None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        in_use = _family("operator_calls_in_use", "Calls to the operator under way.", "operator")
        waiting = _family("operator_calls_waiting", "Calls that wait for a place.", "operator")
        breaker = _family("breaker_state", "1 for the state in which the breaker is.", "operator", "calls", "state")
        for operator, read in tuple(self._read.items()):
            used, queued, breakers = read()
            in_use.add_metric([operator], used)
            waiting.add_metric([operator], queued)
            for calls, now in breakers.items():
                for state in BREAKER_STATES:
                    breaker.add_metric([operator, calls, state], state == now)
        yield from (in_use, waiting, breaker)


class _Kind(NamedTuple):
    operator: str
    direction: str
    state: str


class _Sum(NamedTuple):
    transfers: int = 0
    oldest_at: float = float("inf")
    abandoned: int = 0

    def plus(self, row: TallyRow) -> _Sum:
        return _Sum(self.transfers + row.count, min(self.oldest_at, row.oldest_at), self.abandoned + row.abandoned)


class UnfinishedGauges(Collector):
    """Unfinished transfers as they were last counted. Ages are those at the scrape, so that they grow even while the
    journal cannot be asked."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._sums: dict[_Kind, _Sum] = {}
        self._counted_at: float | None = None

    def replace(self, rows: Iterable[TallyRow]) -> None:
        """A kind that was there before and is not any more counts 0: a series that ends looks like one that broke."""
        sums = dict.fromkeys(self._sums, _Sum())
        for row in rows:
            kind = _Kind(str(row.operator), str(row.direction), str(row.state))
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
        family = _family("undelivered_oldest_seconds", "Age of the oldest transfer under delivery.", "operator")
        oldest_at: dict[str, float] = {}
        for kind, total in self._sums.items():
            at = total.oldest_at if kind.state in UNDER_DELIVERY else float("inf")
            oldest_at[kind.operator] = min(oldest_at.get(kind.operator, at), at)
        for operator, at in oldest_at.items():
            family.add_metric([operator], _age(at, now))
        return family

    def _abandoned(self) -> GaugeMetricFamily:
        family = _family("transfers_abandoned", "Held transfers older than `abandoned_after`.", "operator", "direction")
        for kind, total in self._sums.items():
            if kind.state == HELD:
                family.add_metric([kind.operator, kind.direction], total.abandoned)
        return family


def _age(since: float, now: float) -> float:
    return max(0.0, now - since) if since != float("inf") else 0.0


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"mm_gateway_{name}", text, labels=labels)
