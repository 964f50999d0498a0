"""What the gateway counts and measures, as Prometheus reads it. `docs/metrics.md` explains each of them.

Labels are bounded: names from the configuration and words from fixed lists, never an id, a player or a text from
outside.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from platform import python_version
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from gateway.telemetry.gauges import BulkheadGauges, ReadBulkhead, TallyRow, UnfinishedGauges
from gateway.telemetry.series import Counters, Histograms

CALL_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COMMIT_BUCKETS_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one process, in a registry of their own. Durations are seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._calls = self._histograms(
            "call_seconds",
            "Calls of the game, by how they were answered.",
            CALL_BUCKETS_S,
            "operator",
            "call",
            "outcome",
        )
        self._operator_calls = self._histograms(
            "operator_call_seconds",
            "Calls to operators, by what they came to.",
            CALL_BUCKETS_S,
            "operator",
            "call",
            "verdict",
        )
        self._tries = self._counters(
            "delivery_tries", "Tries to deliver a decision.", "operator", "decision", "verdict"
        )
        self._delivered = self._counters(
            "deliveries", "Decisions that the operator acknowledged.", "operator", "decision"
        )
        self._parked = self._counters("parked", "Transfers whose delivery was given up.", "operator", "decision")
        self._ended = self._counters(
            "transfers_ended", "Transfers that came to an end.", "operator", "direction", "state"
        )
        self._reasons = self._counters("rollback_reasons", "Reasons to roll back.", "operator", "source", "category")
        self._late = self._counters("late_arrivals", "Holds sent after others had begun to undo them.", "operator")
        self._commits = self._histograms(
            "journal_commit_seconds", "Commits of the journal.", COMMIT_BUCKETS_S, "journal"
        )
        self._batches = self._histograms("journal_batch_writes", "Writes in one commit.", BATCH_BUCKETS, "journal")
        self._commit_failures = self._counters("journal_failures", "Commits that failed.", "journal")
        self._reloads = self._counters("config_reloads", "Reloads of the configuration.", "result")
        self._bulkheads = BulkheadGauges()
        self._tallies = UnfinishedGauges(now)
        self.registry.register(self._bulkheads)
        self.registry.register(self._tallies)
        self._describe_build()
        ProcessCollector(registry=self.registry)

    def call(self, operator: str, call: str, outcome: str, took_s: float) -> None:
        """The game's call was answered."""
        self._calls.observe(took_s, operator, call, outcome)

    def operator_call(self, operator: str, call: str, verdict: str, took_s: float) -> None:
        """A call to an operator came to an end."""
        self._operator_calls.observe(took_s, operator, call, verdict)

    def delivery_tried(self, operator: str, decision: str, verdict: str) -> None:
        self._tries.count(operator, decision, verdict)

    def delivered(self, operator: str, decision: str) -> None:
        self._delivered.count(operator, decision)

    def parked(self, operator: str, decision: str) -> None:
        self._parked.count(operator, decision)

    def ended(self, operator: str, direction: str, state: str) -> None:
        self._ended.count(operator, direction, state)

    def rollback_reason(self, operator: str, source: str, category: str) -> None:
        """`category` is one that is configured, or `other`."""
        self._reasons.count(operator, source, category)

    def late_arrival(self, operator: str) -> None:
        self._late.count(operator)

    def commit(self, journal: str, writes: int, took_s: float) -> None:
        """A batch of writes is durable."""
        self._commits.observe(took_s, journal)
        self._batches.observe(writes, journal)

    def commit_failed(self, journal: str) -> None:
        self._commit_failures.count(journal)

    def config_reloaded(self, *, ok: bool) -> None:
        self._reloads.count("ok" if ok else "failed")

    def watch_bulkhead(self, operator: str, read: ReadBulkhead) -> None:
        """From now on `read` is asked at every scrape; it replaces the operator's former one."""
        self._bulkheads.watch(operator, read)

    def unwatch_bulkhead(self, operator: str) -> None:
        """The operator is gone from the configuration."""
        self._bulkheads.unwatch(operator)

    def tallies(self, rows: Iterable[TallyRow]) -> None:
        """What is unfinished in all journals now; it replaces what was said before."""
        self._tallies.replace(rows)

    def _counters(self, name: str, text: str, *labels: str) -> Counters:
        return Counters(f"mm_gateway_{name}", text, labels, self.registry)

    def _histograms(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histograms:
        return Histograms(f"mm_gateway_{name}", text, labels, buckets, self.registry)

    def _describe_build(self) -> None:
        build = Gauge(
            "mm_gateway_build_info", "What is running; always 1.", ("version", "python"), registry=self.registry
        )
        build.labels(version("mm-wallet-gateway"), python_version()).set(1)
