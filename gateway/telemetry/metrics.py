"""The metrics of the gateway, for Prometheus. `docs/metrics.md` explains each of them.

Labels are bounded: names from the configuration and words from fixed lists. An id, a player or a text from outside
is never a label, since each new value would be a series that stays in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from platform import python_version
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from gateway.records import UnfinishedCount
from gateway.telemetry.gauges import BulkheadGauges, ReadBulkhead, UnfinishedGauges
from gateway.telemetry.series import Counters, Histograms

CALL_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
COMMIT_BUCKETS_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """The metrics of one gateway, in a registry of their own. Durations (`took_s`) are seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        # One registry for each gateway, and not the library's global one: several may run in one process
        # (test_two_gateways_in_one_process_do_not_share_their_metrics).
        self.registry = CollectorRegistry()
        self._calls = self._histograms(
            "call_seconds",
            "The game's calls, by how they were answered.",
            CALL_BUCKETS_S,
            "operator",
            "call",
            "outcome",
        )
        self._operator_calls = self._histograms(
            "operator_call_seconds",
            "Calls to operators, by their verdict.",
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
        self._parked = self._counters("parked", "Transfers that were parked.", "operator", "decision")
        self._ended = self._counters("transfers_ended", "Transfers that ended.", "operator", "direction", "state")
        self._reasons = self._counters("rollback_reasons", "Reasons to roll back.", "operator", "source", "category")
        self._late = self._counters(
            "late_arrivals", "Holds sent after other instances had begun to undo them.", "operator"
        )
        self._commits = self._histograms(
            "journal_commit_seconds", "Commits of the journal.", COMMIT_BUCKETS_S, "journal"
        )
        self._batches = self._histograms("journal_batch_writes", "Writes in one commit.", BATCH_BUCKETS, "journal")
        self._commit_failures = self._counters("journal_failures", "Commits that failed.", "journal")
        self._reloads = self._counters("config_reloads", "Reloads of the configuration.", "result")
        self._bulkheads = BulkheadGauges()
        self._unfinished = UnfinishedGauges(now)
        self.registry.register(self._bulkheads)
        self.registry.register(self._unfinished)
        self._describe_build()
        ProcessCollector(registry=self.registry)

    def call(self, operator: str, call: str, outcome: str, took_s: float) -> None:
        """A call of the game was answered; `outcome` is `ok` or the name of the error code in lower case."""
        self._calls.observe(took_s, operator, call, outcome)

    def operator_call(self, operator: str, call: str, verdict: str, took_s: float) -> None:
        """A call to an operator ended with this `gateway.records.Verdict`."""
        self._operator_calls.observe(took_s, operator, call, verdict)

    def delivery_tried(self, operator: str, decision: str, verdict: str) -> None:
        """One try to deliver a decision ended with this verdict."""
        self._tries.count(operator, decision, verdict)

    def delivered(self, operator: str, decision: str) -> None:
        """The operator acknowledged a decision, and that is durable."""
        self._delivered.count(operator, decision)

    def parked(self, operator: str, decision: str) -> None:
        """A transfer was parked."""
        self._parked.count(operator, decision)

    def ended(self, operator: str, direction: str, state: str) -> None:
        """A transfer ended in this final state."""
        self._ended.count(operator, direction, state)

    def rollback_reason(self, operator: str, source: str, category: str) -> None:
        """A reason to roll back was given; `category` is a configured one, or `other`."""
        self._reasons.count(operator, source, category)

    def late_arrival(self, operator: str) -> None:
        """This instance sent a hold after others had begun to undo it."""
        self._late.count(operator)

    def commit(self, journal: str, writes: int, took_s: float) -> None:
        """A batch of writes is durable."""
        self._commits.observe(took_s, journal)
        self._batches.observe(writes, journal)

    def commit_failed(self, journal: str) -> None:
        """A batch of writes failed; none of them is durable."""
        self._commit_failures.count(journal)

    def config_reloaded(self, *, ok: bool) -> None:
        """A reload was applied, or refused."""
        self._reloads.count("ok" if ok else "failed")

    def watch_bulkhead(self, operator: str, read: ReadBulkhead) -> None:
        """Calls `read` at every scrape from now on; it replaces the operator's former one."""
        self._bulkheads.watch(operator, read)

    def unwatch_bulkhead(self, operator: str) -> None:
        """Ends the series of an operator that is not configured any more."""
        self._bulkheads.unwatch(operator)

    def unfinished(self, rows: Iterable[UnfinishedCount]) -> None:
        """The unfinished transfers of all journals now; they replace the former counts."""
        self._unfinished.replace(rows)

    def _counters(self, name: str, text: str, *labels: str) -> Counters:
        return Counters(f"mm_gateway_{name}", text, labels, self.registry)

    def _histograms(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histograms:
        return Histograms(f"mm_gateway_{name}", text, labels, buckets, self.registry)

    def _describe_build(self) -> None:
        build = Gauge(
            "mm_gateway_build_info", "What is running; always 1.", ("version", "python"), registry=self.registry
        )
        build.labels(version("mm-wallet-gateway"), python_version()).set(1)
