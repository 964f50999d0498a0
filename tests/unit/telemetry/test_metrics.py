from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.records import Direction, State, UnfinishedCount
from gateway.telemetry.metrics import Metrics

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
    assert value(metrics, "call_seconds_bucket", le="30.0", **labels) == 1


def test_a_call_to_an_operator_is_measured_by_verdict(metrics: Metrics) -> None:
    metrics.operator_call("acme", "withdraw", "unknown", 5.0)
    labels = {"operator": "acme", "call": "withdraw", "verdict": "unknown"}
    assert value(metrics, "operator_call_seconds_count", **labels) == 1


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


def test_a_bulkhead_is_read_when_it_is_scraped(metrics: Metrics) -> None:
    now = (0, 0, {"holds": "closed", "ends": "closed"})
    metrics.watch_bulkhead("acme", lambda: now)
    now = (3, 7, {"holds": "closed", "ends": "open"})
    assert value(metrics, "operator_calls_in_use", operator="acme") == 3
    assert value(metrics, "operator_calls_waiting", operator="acme") == 7
    assert value(metrics, "breaker_state", operator="acme", calls="ends", state="open") == 1
    assert value(metrics, "breaker_state", operator="acme", calls="ends", state="closed") == 0
    assert value(metrics, "breaker_state", operator="acme", calls="holds", state="closed") == 1
    metrics.unwatch_bulkhead("acme")
    metrics.unwatch_bulkhead("acme")
    assert value(metrics, "operator_calls_in_use", operator="acme") is None


def test_counts_of_all_journals_are_summed_and_their_ages_are_those_of_the_scrape(metrics: Metrics) -> None:
    metrics.unfinished(
        [
            unfinished(Direction.WITHDRAW, State.HELD, 3, NOW - 50, 2),
            unfinished(Direction.WITHDRAW, State.HELD, 4, NOW - 90, 1),
            unfinished(Direction.WITHDRAW, State.ROLLING_BACK, 1, NOW - 20),
            unfinished(Direction.DEPOSIT, State.CONFIRMING, 1, NOW - 30),
            unfinished(Direction.WITHDRAW, State.PARKED, 1, NOW - 5000),
        ]
    )
    held = {"operator": "acme", "direction": "withdraw", "state": "held"}
    assert value(metrics, "transfers", **held) == 7
    assert value(metrics, "transfers_oldest_seconds", **held) == 90
    assert value(metrics, "undelivered_oldest_seconds", operator="acme") == 30
    assert value(metrics, "transfers_abandoned", operator="acme", direction="withdraw") == 3
    assert value(metrics, "transfers_counted_timestamp_seconds") == NOW


def test_what_is_no_longer_there_counts_zero_instead_of_vanishing(metrics: Metrics) -> None:
    metrics.unfinished([unfinished(Direction.WITHDRAW, State.CONFIRMING, 3, NOW - 50)])
    metrics.unfinished([])
    labels = {"operator": "acme", "direction": "withdraw", "state": "confirming"}
    assert value(metrics, "transfers", **labels) == 0
    assert value(metrics, "transfers_oldest_seconds", **labels) == 0
    assert value(metrics, "undelivered_oldest_seconds", operator="acme") == 0


def test_before_the_first_count_nothing_is_claimed(metrics: Metrics) -> None:
    assert value(metrics, "transfers_counted_timestamp_seconds") is None


def test_the_version_is_told(metrics: Metrics) -> None:
    (sample,) = next(family for family in metrics.registry.collect() if family.name == "mm_gateway_build_info").samples
    assert sample.value == 1
    assert re.fullmatch(r"\d+\.\d+\.\d+", sample.labels["version"])


def test_two_gateways_in_one_process_do_not_share_their_metrics() -> None:
    one, other = Metrics(), Metrics()
    one.late_arrival("acme")
    assert value(other, "late_arrivals_total", operator="acme") is None


def exposed(metrics: Metrics) -> set[tuple[str, str, str]]:
    """Name, type and labels of everything, each touched once so that its labels show."""
    metrics.call("acme", "withdraw", "ok", 0.1)
    metrics.operator_call("acme", "withdraw", "success", 0.1)
    metrics.delivery_tried("acme", "confirm", "success")
    metrics.delivered("acme", "confirm")
    metrics.parked("acme", "confirm")
    metrics.ended("acme", "withdraw", "confirmed")
    metrics.rollback_reason("acme", "game", "other")
    metrics.late_arrival("acme")
    metrics.commit("default", 1, 0.1)
    metrics.commit_failed("default")
    metrics.config_reloaded(ok=True)
    metrics.watch_bulkhead("acme", lambda: (0, 0, {"holds": "closed"}))
    metrics.unfinished([unfinished(Direction.WITHDRAW, State.HELD, 1, NOW)])
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
