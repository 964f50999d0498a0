from __future__ import annotations

import math
import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import Metric

from gateway.records import Direction, State, UnfinishedCount
from gateway.telemetry.adding import RULES, Part, Snapshot, add_up, parts_of
from gateway.telemetry.exposition import Exposition
from gateway.telemetry.families import readable
from gateway.telemetry.gauges import Adding, Reading
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.protobuf_format import ProtobufFormat
from tests.support.client_model import families as families_of_page

METRICS_PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def snapshot(metrics: Metrics) -> Snapshot:
    """As it arrives in another process."""
    parts = [part for metric in metrics.registry.collect() for part in parts_of(readable(metric))]
    return Snapshot(msgspec.msgpack.decode(msgspec.msgpack.encode(parts), type=list[Part]))


class Together:
    """A registry of several processes, of which the first is the parent."""

    def __init__(self, parent: Metrics, *others: Snapshot) -> None:
        self._parent = parent
        self._others = others

    def collect(self) -> list[Metric]:
        return [add_up(readable(metric), self._others) for metric in self._parent.registry.collect()]

    def numbers(self) -> dict[str, float]:
        return {
            f"{sample.name}{sorted(sample.labels.items())}": sample.value
            for metric in self.collect()
            for sample in metric.samples
        }


def gauge_of(name: str, *values: float, labels: tuple[str, ...] = ()) -> float:
    """What becomes of values that several workers give for one series."""
    workers = []
    for value in values:
        metrics = Metrics()
        metrics.watch("it", lambda value=value: [Reading(name, value, labels)])  # type: ignore[misc]  # bound at once
        workers.append(snapshot(metrics))
    for family in Together(Metrics(), *workers).collect():
        if family.name == f"mm_gateway_{name}":
            return next(sample.value for sample in family.samples if tuple(sample.labels.values()) == labels)
    raise AssertionError(name)


def test_every_family_has_a_rule_of_adding() -> None:
    families = [readable(metric) for metric in Metrics().registry.collect()]
    assert {family.name for family in families if family.type == "gauge"} <= RULES.keys()
    assert RULES.keys() <= {family.name for family in families}


def test_the_page_on_metrics_says_how_each_gauge_is_added() -> None:
    table = METRICS_PAGE.read_text(encoding="utf-8").partition("begin adding")[2].partition("end adding")[0]
    words = [
        ("the sum", Adding.SUM),
        ("the largest, or the newest", Adding.MOST),
        ("the smallest, or the oldest", Adding.LEAST),
        ("the one farthest from 0", Adding.FARTHEST),
        ("state `closed`: the smallest, others: the largest", Adding.BREAKER),
        ("the parent's own", Adding.PARENT),
    ]
    rows = dict(re.findall(r"^\| (.+) \| (`.+`) \|$", table, re.MULTILINE))
    assert [*rows] == [text for text, _ in words]
    for text, rule in words:
        named = {name.removesuffix("_total") for name in re.findall(r"`(\w+)`", rows[text])}
        assert named == {name for name, its in RULES.items() if its is rule}


def test_counters_and_histograms_are_sums_in_every_format() -> None:
    workers = [Metrics(), Metrics()]
    alone = Metrics()
    for number, took_s in enumerate((0.001, 0.02, 0.02, 0.3, 7.0, 11.0)):
        for metrics in (workers[number % 2], alone):
            metrics.call("acme", "withdraw", "ok", took_s)
            metrics.refused("wallet", "malformed")
    together = Together(Metrics(), *map(snapshot, workers))
    for name, pages_name in (("mm_gateway_call_seconds",) * 2, ("mm_gateway_refused", "mm_gateway_refused_total")):
        found = [[readable(each) for each in one.collect() if each.name == name] for one in (together, alone.registry)]
        (added,), (whole,) = found
        assert sorted(added.samples, key=str) == sorted(whole.samples, key=str)
        # Native histograms are in this format alone. A family is read once.
        found = [[readable(each) for each in one.collect() if each.name == name] for one in (together, alone.registry)]
        pieces = [b"".join(ProtobufFormat().pieces(one)) for (one,) in found]
        first, second = (sorted(map(str, families_of_page(page)[pages_name].metric)) for page in pieces)
        assert first == second


@pytest.mark.parametrize(
    "name, labels, values, expected",
    [
        ("connections", ("wallet",), (3, 4), 7),
        ("journal_rows", ("default", "transfers"), (10, 12), 12),
        ("journal_writes_waiting", ("default",), (0, 90), 90),
        ("journal_writes_limit", ("default",), (100, 100), 100),
        ("certificate_expiry_timestamp_seconds", ("server",), (2000, 1000), 1000),
        ("clock_offset_seconds", ("default",), (0.5, -6.0), -6.0),
        ("breaker_state", ("acme", "holds", "closed"), (1, 0), 0),
        ("breaker_state", ("acme", "holds", "open"), (0, 1), 1),
        ("delivery_due_seconds", ("acme", "operator"), (math.nan, -3.0), -3.0),
        ("delivery_due_seconds", ("acme", "operator"), (math.nan, math.nan), math.nan),
    ],
)
def test_a_gauge_means_for_several_workers_what_it_means_for_one(
    name: str, labels: tuple[str, ...], values: tuple[float, ...], expected: float
) -> None:
    found = gauge_of(name, *values, labels=labels)
    assert found == expected or (math.isnan(found) and math.isnan(expected))


def test_transfers_of_one_journal_are_not_counted_once_for_each_worker() -> None:
    workers = [Metrics(), Metrics()]
    row = UnfinishedCount(
        operator="acme", direction=Direction.WITHDRAW, state=State.PARKED, count=3, oldest_at=0, abandoned=0
    )
    for metrics in workers:
        metrics.watch_unfinished(lambda: [row])
    numbers = Together(Metrics(), *map(snapshot, workers)).numbers()
    series = "mm_gateway_transfers[('direction', 'withdraw'), ('operator', 'acme'), ('state', 'parked')]"
    assert numbers[series] == 3


@settings(deadline=None)  # each example makes and reads several processes' metrics
@given(st.lists(st.tuples(st.integers(0, 2), st.floats(0.0001, 100)), max_size=30), st.sets(st.integers(0, 2)))
def test_no_counter_goes_backwards_when_workers_go(calls: list[tuple[int, float]], going: set[int]) -> None:
    workers = [Metrics() for _ in range(3)]
    for worker, took_s in calls:
        workers[worker].call("acme", "withdraw", "other", took_s)
    before = Together(Metrics(), *map(snapshot, workers))
    gone = Snapshot()
    for number in going:
        gone = gone.plus(snapshot(workers[number]))
    left = [snapshot(metrics) for number, metrics in enumerate(workers) if number not in going]
    after = Together(Metrics(), gone, *left).numbers()
    for series, value in before.numbers().items():
        if series.startswith("mm_gateway_call"):
            assert after[series] == pytest.approx(value)


def test_what_a_worker_was_like_goes_with_it() -> None:
    metrics = Metrics()
    metrics.watch("it", lambda: [Reading("sessions_remembered", 5)])
    metrics.clock_stepped()
    gone = Snapshot().plus(snapshot(metrics))
    assert "mm_gateway_sessions_remembered[]" not in Together(Metrics(), gone).numbers()
    # The parent counts the steps of the machine's one clock.
    assert Together(Metrics(), snapshot(metrics)).numbers()["mm_gateway_clock_steps_total[]"] == 0


def test_the_newest_exemplar_of_a_bucket_is_shown() -> None:
    workers = [Metrics(), Metrics()]
    for number, metrics in enumerate(workers):
        metrics.call("acme", "withdraw", "ok", 0.02)
        metrics.call_traced("acme", "withdraw", "ok", 0.02, f"trace-{number}")
    added = next(
        each
        for each in Together(Metrics(), *map(snapshot, workers)).collect()
        if each.name == "mm_gateway_call_seconds"
    )
    exemplars = [sample.exemplar for sample in added.samples if sample.exemplar is not None]
    assert [(exemplar.labels, exemplar.value) for exemplar in exemplars] == [({"trace_id": "trace-1"}, 0.02)]


async def test_the_page_waits_for_what_the_workers_say() -> None:
    others: list[Snapshot] = []

    async def gather() -> None:
        metrics = Metrics()
        metrics.refused("wallet", "slow")
        others.append(snapshot(metrics))

    class Registry:
        def collect(self) -> list[Metric]:
            return Together(Metrics(), *others).collect()

    page = await Exposition(Registry(), gather=gather).page("", "")
    assert b'mm_gateway_refused_total{listener="wallet",reason="slow"} 1.0\n' in page.body
