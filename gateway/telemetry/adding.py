"""Adding up what several processes counted, so that one page speaks for all of them.

Counters and histograms are sums. Of a gauge a sum may lie, since all workers look at one journal and one machine: each
names its rule in `GAUGES`, or here if it is not one of those (test_every_family_has_a_rule_of_adding).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec

from gateway.telemetry.buckets import Counts
from gateway.telemetry.families import Distributions, Exemplar, Exemplars, Labels, Numbers
from gateway.telemetry.gauges import GAUGES, Adding

PREFIX: Final = "mm_gateway_"
SERIES_AT_ONCE: Final = 500
"""Of how many series a `Part` has at most: the loops of both processes do something else in between."""

RULES: Final[Mapping[str, Adding]] = {
    **{f"{PREFIX}{name}": gauge.adding for name, gauge in GAUGES.items()},
    # All workers count the transfers of the same journal; one that could not has old numbers, as instances have.
    "mm_gateway_transfers": Adding.MOST,
    "mm_gateway_transfers_oldest_seconds": Adding.MOST,
    "mm_gateway_undelivered_oldest_seconds": Adding.MOST,
    "mm_gateway_transfers_abandoned": Adding.MOST,
    # The machine has one clock, at which every process looks.
    "mm_gateway_clock_steps": Adding.PARENT,
    "process_virtual_memory_bytes": Adding.SUM,
    "process_resident_memory_bytes": Adding.SUM,
    "process_start_time_seconds": Adding.PARENT,
    # The limit is each process's own, so the worst one counts against it.
    "process_open_fds": Adding.MOST,
    "process_max_fds": Adding.LEAST,
}
"""By name of the family. A counter that is not here is a sum."""


class Part(msgspec.Struct, array_like=True):
    """Some series of one family, as one process gives them to another."""

    name: str
    is_gauge: bool
    numbers: list[tuple[Labels, int | float]] = []
    counted: list[tuple[Labels, dict[int, int | float], dict[int, Exemplar]]] = []


def parts_of(family: Numbers | Distributions) -> Iterator[Part]:
    """A family in parts of at most `SERIES_AT_ONCE` series."""
    is_gauge = family.type == "gauge"
    if isinstance(family, Numbers):
        numbers = ((tuple(labels), +number) for labels, number in family.numbers)  # + makes a number of a bool
        while some := list(islice(numbers, SERIES_AT_ONCE)):
            yield Part(family.name, is_gauge, numbers=some)
        return
    counted = ((labels, dict(counts), dict(exemplars)) for labels, counts, exemplars in family.counted)
    while of_some := list(islice(counted, SERIES_AT_ONCE)):
        yield Part(family.name, is_gauge, counted=of_some)


class Snapshot:
    """What one process counted, by family and labels; or what several did that are gone."""

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self.numbers: dict[str, dict[Labels, float]] = {}
        self.counted: dict[str, dict[Labels, tuple[Counts, Exemplars]]] = {}
        self.gauges: set[str] = set()
        for part in parts:
            if part.is_gauge:
                self.gauges.add(part.name)
            self.numbers.setdefault(part.name, {}).update(part.numbers)
            self.counted.setdefault(part.name, {}).update(
                (labels, (counts, exemplars)) for labels, counts, exemplars in part.counted
            )

    def forget_gauges(self) -> None:
        """What a process was like says nothing once it is gone, or does not answer. What it counted stays."""
        for name in self.gauges:
            self.numbers.pop(name, None)

    def plus(self, other: Snapshot) -> Snapshot:
        """What both counted together, without gauges."""
        total = Snapshot()
        for one in (self, other):
            for name, numbers in one.numbers.items():
                if name not in one.gauges:
                    known = total.numbers.setdefault(name, {})
                    for labels, number in numbers.items():
                        known[labels] = known.get(labels, 0) + number
        for name in self.counted.keys() | other.counted.keys():
            series = [one.counted.get(name, {}) for one in (self, other)]
            total.counted[name] = {labels: (counts, exemplars) for labels, counts, exemplars in _distributions(series)}
        return total


def add_up(own: Numbers | Distributions, others: Sequence[Snapshot]) -> Numbers | Distributions:
    """A family of the parent's own, with what is in these snapshots of it. Raises `LookupError` for a gauge that has no
    rule."""
    if isinstance(own, Numbers):
        return _numbers(own, [other.numbers.get(own.name, {}) for other in others])
    given = {labels: (counts, exemplars) for labels, counts, exemplars in own.counted}
    series = [given, *(other.counted.get(own.name, {}) for other in others)]
    return Distributions(own.name, own.documentation, own.labels, own.buckets, _distributions(series))


def _numbers(own: Numbers, others: Iterable[Mapping[Labels, float]]) -> Numbers:
    rule = RULES[own.name] if own.type == "gauge" else RULES.get(own.name, Adding.SUM)
    given = {tuple(labels): number for labels, number in own.numbers}
    values: dict[Labels, list[float]] = {}
    for numbers in (given,) if rule is Adding.PARENT else (given, *others):
        for labels, number in numbers.items():
            values.setdefault(labels, []).append(number)
    labels_of = own.labels
    added = (
        (labels, _one(rule, numbers, dict(zip(labels_of, labels, strict=True)))) for labels, numbers in values.items()
    )
    return Numbers(own.name, own.documentation, own.type, labels_of, added)


def _one(rule: Adding, numbers: list[float], labels: Mapping[str, str]) -> float:
    """One value of those that several processes gave for a series."""
    # Not a number: there is none, such as no delivery that is due.
    known = [number for number in numbers if not math.isnan(number)]
    if not known:
        return math.nan
    match rule:
        case Adding.SUM:
            return sum(known)
        case Adding.LEAST:
            return min(known)
        case Adding.MOST | Adding.PARENT:
            return max(known)
        case Adding.FARTHEST:
            return max(known, key=abs)
        case Adding.BREAKER:
            return min(known) if labels["state"] == "closed" else max(known)


def _distributions(
    series: Sequence[Mapping[Labels, tuple[Counts, Exemplars]]],
) -> Iterator[tuple[Labels, Counts, Exemplars]]:
    """Each added up when its turn comes, since there may be very many."""
    for labels in dict.fromkeys(labels for each in series for labels in each):
        yield (labels, *_both([each[labels] for each in series if labels in each]))


def _both(counted: Sequence[tuple[Counts, Exemplars]]) -> tuple[Counts, Exemplars]:
    cells: dict[int, float] = {}
    newest: dict[int, Exemplar] = {}
    for counts, exemplars in counted:
        for cell, count in counts.items():
            cells[cell] = cells.get(cell, 0) + count
        for bucket, exemplar in exemplars.items():
            if bucket not in newest or newest[bucket].at < exemplar.at:
                newest[bucket] = exemplar
    return cells, newest
