from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.records import Direction, State, UnfinishedCount
from gateway.settings import ObjectiveSettings
from gateway.telemetry.gauges import GAUGES, Reading
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.objectives import objectives_of

NOW = 1_000_000.0


def unfinished(direction: Direction, state: State, count: int, oldest_at: float, abandoned: int = 0) -> UnfinishedCount:
    return UnfinishedCount(
        operator="acme", direction=direction, state=state, count=count, oldest_at=oldest_at, abandoned=abandoned
    )


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: NOW)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"mm_gateway_{name}", labels)


def test_a_call_is_counted_and_measured_by_operator_call_and_outcome(metrics: Metrics) -> None:
    metrics.call("acme", "withdraw", "ok", 0.02)
    metrics.call("acme", "withdraw", "ok", 40.0)
    labels = {"operator": "acme", "call": "withdraw", "outcome": "ok"}
    assert value(metrics, "call_seconds_count", **labels) == 2
    assert value(metrics, "call_seconds_sum", **labels) == pytest.approx(40.02)
    assert value(metrics, "call_seconds_bucket", le="0.025", **labels) == 1
    assert value(metrics, "call_seconds_bucket", le="10.0", **labels) == 1


def test_a_call_to_an_operator_is_measured_by_verdict(metrics: Metrics) -> None:
    metrics.operator_call("acme", "withdraw", "unknown", 5.0)
    labels = {"operator": "acme", "call": "withdraw", "verdict": "unknown"}
    assert value(metrics, "operator_call_seconds_count", **labels) == 1


def test_a_trace_is_the_exemplar_of_the_bucket_that_counted_its_call(metrics: Metrics) -> None:
    metrics.call("acme", "withdraw", "ok", 0.2)
    metrics.call_traced("acme", "withdraw", "ok", 0.2, "a1")
    metrics.operator_call("acme", "withdraw", "success", 0.2)
    metrics.operator_call_traced("acme", "withdraw", "success", 0.2, "b2")
    shown = {
        sample.name: (sample.exemplar.labels, sample.labels["le"])
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.exemplar
    }
    assert shown == {
        "mm_gateway_call_seconds_bucket": ({"trace_id": "a1"}, "0.25"),
        "mm_gateway_operator_call_seconds_bucket": ({"trace_id": "b2"}, "0.25"),
    }


def test_deliveries_are_counted_from_the_first_try_to_the_end(metrics: Metrics) -> None:
    metrics.delivery_tried("acme", "confirm", "unknown")
    metrics.delivery_tried("acme", "confirm", "success")
    metrics.delivered("acme", "confirm")
    metrics.parked("acme", "rollback")
    metrics.ended("acme", "withdraw", "confirmed")
    metrics.late_arrival("acme")
    metrics.rollback_reason("acme", "game", "timeout")
    assert value(metrics, "delivery_tries_total", operator="acme", decision="confirm", verdict="unknown") == 1
    assert value(metrics, "deliveries_total", operator="acme", decision="confirm") == 1
    assert value(metrics, "parked_total", operator="acme", decision="rollback") == 1
    assert value(metrics, "transfers_ended_total", operator="acme", direction="withdraw", state="confirmed") == 1
    assert value(metrics, "late_arrivals_total", operator="acme") == 1
    assert value(metrics, "rollback_reasons_total", operator="acme", source="game", category="timeout") == 1


def test_a_commit_is_measured_with_its_batch_and_a_failed_one_counted(metrics: Metrics) -> None:
    metrics.commit("default", 12, 0.002)
    metrics.commit_failed("default")
    assert value(metrics, "journal_commit_seconds_count", journal="default") == 1
    assert value(metrics, "journal_batch_writes_sum", journal="default") == 12
    assert value(metrics, "journal_failures_total", journal="default") == 1


def test_reloads_are_told_apart(metrics: Metrics) -> None:
    metrics.config_reloaded(ok=True)
    metrics.config_reloaded(ok=False)
    metrics.config_reloaded(ok=False)
    assert value(metrics, "config_reloads_total", result="ok") == 1
    assert value(metrics, "config_reloads_total", result="failed") == 2


def test_a_gauge_is_read_when_it_is_scraped(metrics: Metrics) -> None:
    now = [Reading("operator_calls_in_use", 0, ("acme",))]
    metrics.watch("operator acme", lambda: now)
    now = [Reading("operator_calls_in_use", 3, ("acme",)), Reading("breaker_state", 1, ("acme", "ends", "open"))]
    assert value(metrics, "operator_calls_in_use", operator="acme") == 3
    assert value(metrics, "breaker_state", operator="acme", calls="ends", state="open") == 1
    metrics.unwatch("operator acme")
    metrics.unwatch("operator acme")
    assert value(metrics, "operator_calls_in_use", operator="acme") is None


def counters(metrics: Metrics) -> dict[tuple[str, str], float]:
    """The value of every counter of the gateway's own, by its name and labels."""
    return {
        (sample.name, ", ".join(sorted(sample.labels.values()))): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if family.type == "counter" and sample.name.startswith("mm_gateway")
    }


def test_every_counter_whose_labels_are_known_is_there_before_anything_happens(
    metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.telemetry.metrics.dropped_lines", lambda: 0)  # the process's, not this gateway's
    objectives = objectives_of(ObjectiveSettings(calls=0.999, latency=0.3))
    metrics.start_operator("acme", ["timeout", "other"], objectives, payments=True)
    metrics.start_journal("default")
    born = counters(metrics)
    assert set(born.values()) == {0}
    touch_everything(metrics)
    assert counters(metrics).keys() == born.keys()


def test_an_operator_that_is_configured_again_keeps_its_counts(metrics: Metrics) -> None:
    metrics.start_operator("acme", ["other"])
    metrics.parked("acme", "rollback")
    metrics.start_operator("acme", ["other"])
    assert value(metrics, "parked_total", operator="acme", decision="rollback") == 1


def test_errors_are_counted_by_their_name_and_successes_are_not(metrics: Metrics) -> None:
    metrics.call("acme", "withdraw", "ok", 0.1)
    metrics.call("acme", "withdraw", "funds", 0.1)
    assert value(metrics, "call_errors_total", operator="acme", error="funds") == 1
    assert value(metrics, "call_errors_total", operator="acme", error="ok") is None


@pytest.mark.parametrize(
    "outcome, took_s, calls, latency",
    [
        ("ok", 0.2, "good", "good"),
        ("ok", 0.4, "good", "bad"),
        ("funds", 0.2, "good", "good"),
        ("bad_request", 0.1, "good", "good"),
        ("unclear", 0.2, "bad", "good"),
        ("not_sent", 0.0, "bad", "good"),
        ("journal_unavailable", 5.0, "bad", "bad"),
        ("other", 0.1, "bad", "good"),
    ],
)
def test_calls_are_judged_by_the_objectives_of_their_operator(
    metrics: Metrics, outcome: str, took_s: float, calls: str, latency: str
) -> None:
    metrics.start_operator("acme", [], objectives_of(ObjectiveSettings(calls=0.999, latency=0.3)))
    metrics.call("acme", "withdraw", outcome, took_s)
    metrics.call("another", "withdraw", outcome, took_s)
    for objective, expected in (("calls", calls), ("latency", latency)):
        for result in ("good", "bad"):
            labels = {"objective": objective, "result": result}
            assert value(metrics, "objective_calls_total", operator="acme", **labels) == (result == expected)
            assert value(metrics, "objective_calls_total", operator="another", **labels) is None


def test_an_operator_without_objectives_is_not_judged(metrics: Metrics) -> None:
    metrics.start_operator("acme", [], objectives_of(ObjectiveSettings(latency_share=0.9)))
    metrics.call("acme", "withdraw", "ok", 0.1)
    labels = {"objective": "calls", "result": "good"}
    assert value(metrics, "objective_calls_total", operator="acme", **labels) is None


def test_counts_of_all_journals_are_summed_and_their_ages_are_those_of_the_scrape(metrics: Metrics) -> None:
    counts = [
        unfinished(Direction.WITHDRAW, State.HELD, 3, NOW - 50, 2),
        unfinished(Direction.WITHDRAW, State.HELD, 4, NOW - 90, 1),
        unfinished(Direction.WITHDRAW, State.ROLLING_BACK, 1, NOW - 20),
        unfinished(Direction.DEPOSIT, State.CONFIRMING, 1, NOW - 30),
        unfinished(Direction.WITHDRAW, State.PARKED, 1, NOW - 5000),
    ]
    metrics.watch_unfinished(lambda: counts)
    held = {"operator": "acme", "direction": "withdraw", "state": "held"}
    assert value(metrics, "transfers", **held) == 7
    assert value(metrics, "transfers_oldest_seconds", **held) == 90
    assert value(metrics, "undelivered_oldest_seconds", operator="acme") == 30
    assert value(metrics, "transfers_abandoned", operator="acme", direction="withdraw") == 3


def test_what_is_no_longer_there_counts_zero_instead_of_vanishing(metrics: Metrics) -> None:
    counts = [unfinished(Direction.WITHDRAW, State.CONFIRMING, 3, NOW - 50)]
    metrics.watch_unfinished(lambda: counts)
    assert value(metrics, "undelivered_oldest_seconds", operator="acme") == 50
    counts = []
    labels = {"operator": "acme", "direction": "withdraw", "state": "confirming"}
    assert value(metrics, "transfers", **labels) == 0
    assert value(metrics, "transfers_oldest_seconds", **labels) == 0
    assert value(metrics, "undelivered_oldest_seconds", operator="acme") == 0


def test_the_version_is_told(metrics: Metrics) -> None:
    (sample,) = next(family for family in metrics.registry.collect() if family.name == "mm_gateway_build_info").samples
    assert sample.value == 1
    assert re.fullmatch(r"\d+\.\d+\.\d+", sample.labels["version"])


def test_two_gateways_in_one_process_do_not_share_their_metrics() -> None:
    one, other = Metrics(), Metrics()
    one.late_arrival("acme")
    assert value(other, "late_arrivals_total", operator="acme") is None


def touch_everything(metrics: Metrics) -> None:
    """Counts something in every counter and histogram."""
    metrics.call("acme", "withdraw", "unclear", 0.1)
    metrics.inbound_call("acme", "queryWithdrawal", "ok", 0.1)
    metrics.operator_call("acme", "withdraw", "success", 0.1)
    metrics.operator_refused("acme", "holds", "queue")
    metrics.delivery_tried("acme", "confirm", "success")
    metrics.delivered("acme", "confirm")
    metrics.parked("acme", "confirm")
    metrics.ended("acme", "withdraw", "confirmed")
    metrics.rollback_reason("acme", "game", "other")
    metrics.late_arrival("acme")
    metrics.payment("acme", "received")
    metrics.commit("default", 1, 0.1)
    metrics.commit_failed("default")
    metrics.journal_refused("default")
    metrics.refused("wallet", "address")
    metrics.config_reloaded(ok=True)
    metrics.loop_lag(0.1)
    metrics.clock_stepped()


def exposed(metrics: Metrics) -> set[tuple[str, str, str]]:
    """Name, type and labels of everything, each touched once so that its labels show."""
    metrics.start_operator("acme", [], objectives_of(ObjectiveSettings(calls=0.999)))
    touch_everything(metrics)
    gauges = [Reading(name, 1, tuple("x" for _ in gauge.labels)) for name, gauge in GAUGES.items()]
    metrics.watch("everything", lambda: gauges)
    metrics.watch_unfinished(lambda: [unfinished(Direction.WITHDRAW, State.HELD, 1, NOW)])
    found = set()
    for family in text_string_to_metric_families(generate_latest(metrics.registry).decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = dict.fromkeys(label for sample in family.samples for label in sample.labels if label != "le")
        found.add((name, family.type, ", ".join(sorted(labels))))
    return found


def test_the_page_on_metrics_names_exactly_what_is_exposed(metrics: Metrics) -> None:
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|([\w, ]*)\| [^|]+ \| [^|]+ \|$", page, re.MULTILINE)
    assert len(rows) == page.count("\n| `")
    assert {(name, kind, ", ".join(sorted(labels.strip().split(", ")))) for name, kind, labels in rows} == exposed(
        metrics
    )
