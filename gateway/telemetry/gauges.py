"""Gauges that are read when Prometheus scrapes: `GAUGES` names them, and whoever knows their values is asked then."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import Enum, auto
from typing import Final, NamedTuple

from prometheus_client.registry import Collector

from gateway.records import Direction, State, UnfinishedCount
from gateway.telemetry.families import Numbers

IN_DELIVERY: Final = frozenset({State.CONFIRMING, State.ROLLING_BACK})


class Adding(Enum):
    """How the values that several workers give for one series become one (`gateway.telemetry.adding`)."""

    SUM = auto()
    """Each has its own part: connections, memory."""

    MOST = auto()
    """All look at the same thing, and the largest, or the newest, counts: what is in the journal."""

    LEAST = auto()
    """The smallest, or the oldest, counts: the first certificate to end, the worker that a reload did not reach."""

    FARTHEST = auto()
    """The one farthest from 0 counts."""

    BREAKER = auto()
    """The state `closed` is the least, others the most: closed is what is closed in every worker."""

    PARENT = auto()
    """The parent process alone knows."""


class Gauge(NamedTuple):
    """What a gauge means, its labels, and how those of several workers are added up."""

    text: str
    labels: tuple[str, ...]
    adding: Adding


GAUGES: Final = {
    "breaker_state": Gauge(
        "1 for the state in which the circuit breaker is.", ("operator", "calls", "state"), Adding.BREAKER
    ),
    "operator_calls_in_use": Gauge("Running calls to the operator.", ("operator",), Adding.SUM),
    "operator_calls_limit": Gauge("How many calls to the operator may run.", ("operator",), Adding.SUM),
    "operator_calls_waiting": Gauge("Calls that wait for a free slot.", ("operator",), Adding.SUM),
    "operator_waiting_limit": Gauge("How many calls may wait for a free slot.", ("operator",), Adding.SUM),
    "operator_retiring": Gauge("1 while the operator takes no new holds.", ("operator",), Adding.MOST),
    "objective_ratio": Gauge("The share of good calls that is promised.", ("operator", "objective"), Adding.MOST),
    "delivery_due_seconds": Gauge("Seconds until the next delivery is due.", ("operator", "recipient"), Adding.LEAST),
    "transfers_counted_timestamp_seconds": Gauge(
        "When unfinished transfers were last counted.", ("journal",), Adding.MOST
    ),
    "journal_writes_waiting": Gauge("Writes that are not committed yet.", ("journal",), Adding.MOST),
    "journal_writes_limit": Gauge("How many writes may wait.", ("journal",), Adding.LEAST),
    "journal_rows": Gauge("Rows of the journal.", ("journal", "table"), Adding.MOST),
    "journal_bytes": Gauge("Size of the journal.", ("journal", "part"), Adding.MOST),
    "journal_free_bytes": Gauge("What may still be written to the journal's disk.", ("journal",), Adding.LEAST),
    "journal_connections": Gauge("Connections to the journal's database.", ("journal", "state"), Adding.SUM),
    "journal_connections_limit": Gauge("How many connections may be opened.", ("journal",), Adding.SUM),
    "clock_offset_seconds": Gauge("This machine's clock minus the journal's.", ("journal",), Adding.FARTHEST),
    "workers": Gauge("Worker processes that serve; 1 where there is one process.", (), Adding.SUM),
    "sessions_remembered": Gauge("Sessions in memory.", (), Adding.SUM),
    "connections": Gauge("Open connections.", ("listener",), Adding.SUM),
    "connections_limit": Gauge("How many connections may be open.", ("listener",), Adding.SUM),
    "certificate_expiry_timestamp_seconds": Gauge("When a certificate in use ends.", ("certificate",), Adding.LEAST),
    "config_loaded_timestamp_seconds": Gauge("When the configuration in force was loaded.", (), Adding.LEAST),
    "config_reload_ok": Gauge("1 if the last reload was applied.", (), Adding.PARENT),
    "config_info": Gauge("The configuration in force; always 1.", ("hash",), Adding.MOST),
    "build_info": Gauge("What is running; always 1.", ("version", "build", "python"), Adding.MOST),
    "memory_limit_bytes": Gauge("How much memory the process may use.", (), Adding.LEAST),
}


class Reading(NamedTuple):
    """The value of a gauge (a name in `GAUGES`) for these label values, given in the order of its labels."""

    gauge: str
    value: float
    labels: tuple[str, ...] = ()


Read = Callable[[], Iterable[Reading]]


class Gauges(Collector):
    """Asks every source for its readings at each scrape."""

    def __init__(self) -> None:
        self._sources: dict[str, Read] = {}
        self._families: tuple[Numbers, ...] = ()

    def watch(self, source: str, read: Read) -> None:
        """Calls `read` at every scrape from now on; it replaces the source's former one."""
        self._sources[source] = read

    def unwatch(self, source: str) -> None:
        """Ends the series of a source."""
        self._sources.pop(source, None)

    def read(self) -> Iterator[None]:
        """Asks every source, one a step: a thousand operators at once would hold the event loop for long.

        The next `collect` gives out what was read.
        """
        families = {name: _family(name, gauge.text, *gauge.labels) for name, gauge in GAUGES.items()}
        for read in tuple(self._sources.values()):
            for reading in read():
                families[reading.gauge].add_metric(reading.labels, reading.value)
            yield
        self._families = tuple(families.values())

    def collect(self) -> Iterator[Numbers]:
        if not self._families:  # nobody has asked the sources for this scrape
            for _ in self.read():
                pass
        families, self._families = self._families, ()
        yield from families


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
        self.count: Callable[[], Iterable[UnfinishedCount]] = tuple
        """The counts of all journals at the time of the scrape; several may count the same kind, and are added up."""

    def collect(self) -> Iterator[Numbers]:
        self._add_up()
        now = self._now()
        yield from self._by_kind(now)
        yield self._undelivered(now)
        yield self._abandoned()

    def _add_up(self) -> None:
        # A kind that is gone counts 0: a series that ends looks like one that broke
        # (test_what_is_no_longer_there_counts_zero_instead_of_vanishing).
        sums = dict.fromkeys(self._sums, _Sum())
        for row in self.count():
            kind = _Kind(row.operator, row.direction, row.state)
            sums[kind] = sums.get(kind, _Sum()).plus(row)
        self._sums = sums

    def _by_kind(self, now: float) -> Iterator[Numbers]:
        count = _family("transfers", "Unfinished transfers.", *_Kind._fields)
        oldest = _family("transfers_oldest_seconds", "Age of the oldest of them.", *_Kind._fields)
        for kind, total in self._sums.items():
            count.add_metric(kind, total.transfers)
            oldest.add_metric(kind, _age(total.oldest_at, now))
        yield from (count, oldest)

    def _undelivered(self, now: float) -> Numbers:
        family = _family("undelivered_oldest_seconds", "Age of the oldest transfer in delivery.", "operator")
        oldest_at: dict[str, float] = {}
        for kind, total in self._sums.items():
            at = total.oldest_at if kind.state in IN_DELIVERY else float("inf")
            oldest_at[kind.operator] = min(oldest_at.get(kind.operator, at), at)
        for operator, at in oldest_at.items():
            family.add_metric([operator], _age(at, now))
        return family

    def _abandoned(self) -> Numbers:
        family = _family("transfers_abandoned", "Held transfers older than `abandoned_after`.", "operator", "direction")
        for kind, total in self._sums.items():
            if kind.state is State.HELD:
                family.add_metric([kind.operator, kind.direction], total.abandoned)
        return family


def _age(since: float, now: float) -> float:
    # Another instance's clock may be ahead of this one's.
    return max(0.0, now - since) if since != float("inf") else 0.0


def _family(name: str, text: str, *labels: str) -> Numbers:
    return Numbers(f"mm_gateway_{name}", text, "gauge", labels)
