"""The metrics of the gateway, for Prometheus. `docs/metrics.md` explains each of them.

Labels are bounded: names from the configuration and words from fixed lists. An id, a player or a text from outside
is never a label, since each new value would be a series that stays in memory. A counter whose label values are known
is there from the start, at 0: `increase()` does not see the step from no series to 1, so that the first failure would
alert nobody (test_every_counter_whose_labels_are_known_is_there_before_anything_happens).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from platform import python_version
from typing import Any, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from gateway.build import build, version
from gateway.reasons import Source
from gateway.records import FINAL, WALLET_DIRECTIONS, Decision, Direction, State, UnfinishedCount, Verdict
from gateway.telemetry.gauges import Gauges, Read, Reading, UnfinishedGauges
from gateway.telemetry.objectives import Objectives, judge
from gateway.telemetry.output import dropped_lines
from gateway.telemetry.series import Counters, Histograms
from gateway.wire.errors import ErrorCode

SECONDS_BUCKETS: Final = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Few, since each operator has some twenty histograms; who needs it finer asks for native histograms."""

COMMIT_BUCKETS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
LAG_BUCKETS_S: Final = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

OK: Final = "ok"
ERRORS: Final = tuple(code.name.lower() for code in ErrorCode)
WITHOUT_OPERATOR: Final = tuple(
    code.name.lower() for code in (ErrorCode.BAD_REQUEST, ErrorCode.UNAUTHORIZED, ErrorCode.NOT_SENT, ErrorCode.OTHER)
)
"""Errors that a call can get before its operator is known."""

CALL_GROUPS: Final = ("reads", "holds", "ends")
"""As `gateway.operators.bulkhead.CallGroup`, and below its `RefusalReason`: both lie in a higher layer."""
PAYMENTS: Final = "payments"
"""The group of calls that tell the game of payments."""

PAYMENT: Final = Direction.PAYMENT.value
"""Counted in place of a decision: nobody decides that the game is told of a payment."""

PAYMENT_OUTCOMES: Final = (
    "received",
    "repeated",
    "malformed",
    "forged",
    "stale",
    "unknown_product",
    "wrong_price",
    "other_content",
    "not_recorded",
)
"""As `gateway.payments.PaymentOutcome`, which lies in a higher layer."""

REFUSAL_REASONS: Final = ("breaker", "queue", "slot")

WALLET: Final = "wallet"
OPERATORS: Final = "operators"
ADMIN: Final = "admin"
REFUSED_BY_ALL: Final = (
    "certificate",
    "connections",
    "credentials",
    "descriptors",
    "guessing",
    "malformed",
    "share",
    "slow",
    "tls",
    "unfinished",
)
REFUSED_BEFORE_A_CALL: Final = (
    *product((WALLET, OPERATORS, ADMIN), REFUSED_BY_ALL),
    *product((WALLET, OPERATORS), ("address", "checks")),
)


class Metrics:
    """The metrics of one gateway, in a registry of their own. Durations (`took_s`) are seconds."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        # One registry for each gateway, and not the library's global one: several may run in one process
        # (test_two_gateways_in_one_process_do_not_share_their_metrics).
        self.registry = CollectorRegistry()
        self._objectives: dict[str, Objectives] = {}
        self._calls = self._seconds("call_seconds", "The game's calls, by how they were answered.", "outcome")
        self._inbound_calls = self._seconds(
            "inbound_call_seconds", "Operators' calls, by how they were answered.", "outcome"
        )
        self._call_errors = self._counters("call_errors", "The game's calls that got an error.", "operator", "error")
        self._judged = self._counters(
            "objective_calls", "The game's calls by the operator's objectives.", "operator", "objective", "result"
        )
        self._operator_calls = self._seconds(
            "operator_call_seconds", "Calls to operators, by their verdict.", "verdict"
        )
        self._not_sent = self._counters(
            "operator_refusals", "Calls that were not sent to the operator.", "operator", "calls", "reason"
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
        self._payments = self._counters(
            "payments", "Payments that payment systems told of, by what became of each.", "operator", "outcome"
        )
        self._commits = self._histograms(
            "journal_commit_seconds", "Commits of the journal.", COMMIT_BUCKETS_S, "journal"
        )
        self._batches = self._histograms("journal_batch_writes", "Writes in one commit.", BATCH_BUCKETS, "journal")
        self._commit_failures = self._counters("journal_failures", "Commits that failed.", "journal")
        self._journal_refusals = self._counters("journal_refusals", "Writes that were refused.", "journal")
        self._refused = self._counters("refused", "Refused before it became a call.", "listener", "reason")
        self._reloads = self._counters("config_reloads", "Reloads of the configuration.", "result")
        self._lag = self._histograms("loop_lag_seconds", "How late the event loop is.", LAG_BUCKETS_S)
        self._clock_steps = self._counters("clock_steps", "Steps of the wall clock.")
        self._workers_replaced = self._counters("workers_replaced", "Workers that ended and were started again.")
        self._gauges = Gauges()
        self._unfinished = UnfinishedGauges(now)
        self.registry.register(self._gauges)
        self.registry.register(self._unfinished)
        self.registry.register(_DroppedLines())
        ProcessCollector(registry=self.registry)
        self._start()

    def start_operator(
        self, operator: str, categories: Iterable[str], objectives: Objectives = (), *, payments: bool = False
    ) -> None:
        """An operator is configured: its counters are there from now on, and its calls are judged by `objectives`.
        `categories` are those of rollback reasons; `payments`: whether its payment system calls back."""
        self._objectives.pop(operator, None)
        if objectives:  # most operators have none, and their calls should not pay for it
            self._objectives[operator] = objectives
        for counters, *values in (
            (self._call_errors, ERRORS),
            (self._judged, [objective.name for objective in objectives], ("good", "bad")),
            (self._not_sent, CALL_GROUPS, REFUSAL_REASONS),
            (self._tries, Decision, Verdict),
            (self._delivered, Decision),
            (self._parked, Decision),
            (self._ended, WALLET_DIRECTIONS, FINAL),
            (self._reasons, Source, tuple(categories)),
            (self._late,),
            *(self._of_payments() if payments else ()),
        ):
            for labels in product(*values):
                counters.start(operator, *labels)

    def _of_payments(self) -> Iterable[tuple[Any, ...]]:
        """The counters of payments, with the values of their labels."""
        return (
            (self._not_sent, (PAYMENTS,), REFUSAL_REASONS),
            (self._tries, (PAYMENT,), Verdict),
            (self._delivered, (PAYMENT,)),
            (self._parked, (PAYMENT,)),
            (self._ended, (Direction.PAYMENT,), (State.CONFIRMED,)),
            (self._payments, PAYMENT_OUTCOMES),
        )

    def start_journal(self, journal: str) -> None:
        """A journal is configured: its counters are there from now on."""
        self._commit_failures.start(journal)
        self._journal_refusals.start(journal)

    def call(self, operator: str, call: str, outcome: str, took_s: float) -> None:
        """A call of the game was answered; `outcome` is `ok` or the name of the error code in lower case."""
        self._calls.observe(took_s, operator, call, outcome)
        if outcome != OK:
            self._call_errors.count(operator, outcome)
        if self._objectives:
            for objective, result in judge(self._objectives.get(operator, ()), outcome, took_s):
                self._judged.count(operator, objective, result)

    def inbound_call(self, operator: str, call: str, outcome: str, took_s: float) -> None:
        """A call of an operator was answered; `outcome` as of `call`. What is not known is empty."""
        self._inbound_calls.observe(took_s, operator, call, outcome)

    def call_traced(self, operator: str, call: str, outcome: str, took_s: float, trace_id: str) -> None:
        """Makes a trace the exemplar of such calls. Called after `call`, only for what is traced."""
        self._calls.attach_exemplar(trace_id, took_s, operator, call, outcome)

    def operator_call(self, operator: str, call: str, verdict: str, took_s: float) -> None:
        """A call to an operator ended with this `gateway.records.Verdict`."""
        self._operator_calls.observe(took_s, operator, call, verdict)

    def operator_call_traced(self, operator: str, call: str, verdict: str, took_s: float, trace_id: str) -> None:
        """Makes a trace the exemplar of such calls. Called after `operator_call`, only for what is traced."""
        self._operator_calls.attach_exemplar(trace_id, took_s, operator, call, verdict)

    def operator_refused(self, operator: str, calls: str, reason: str) -> None:
        """A call of this group was not sent to the operator (`gateway.operators.bulkhead.RefusalReason`)."""
        self._not_sent.count(operator, calls, reason)

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

    def payment(self, operator: str, outcome: str) -> None:
        """A payment system has called back; `outcome` is one of `PAYMENT_OUTCOMES`."""
        self._payments.count(operator, outcome)

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

    def journal_refused(self, journal: str) -> None:
        """A write was refused, since too many waited."""
        self._journal_refusals.count(journal)

    def refused(self, listener: str, reason: str) -> None:
        """A connection or request was refused before it became a call; both words are of `REFUSED_BEFORE_A_CALL`."""
        self._refused.count(listener, reason)

    def config_reloaded(self, *, ok: bool) -> None:
        """A reload was applied, or refused."""
        self._reloads.count("ok" if ok else "failed")

    def loop_lag(self, late_s: float) -> None:
        """A timer of the event loop fired so many seconds late."""
        self._lag.observe(late_s)

    def clock_stepped(self) -> None:
        """The wall clock has moved against the monotonic one."""
        self._clock_steps.count()

    def worker_replaced(self) -> None:
        """A worker process ended while nobody had asked it to, and another one takes its place."""
        self._workers_replaced.count()

    def watch(self, source: str, read: Read) -> None:
        """Calls `read` at every scrape from now on; it replaces the source's former one."""
        self._gauges.watch(source, read)

    def read_gauges(self) -> Iterator[None]:
        """Asks every source, one a step, so that the registry's next `collect` need not ask all at once."""
        return self._gauges.read()

    def unwatch(self, source: str) -> None:
        """Ends the series of a source."""
        self._gauges.unwatch(source)

    def watch_unfinished(self, count: Callable[[], Iterable[UnfinishedCount]]) -> None:
        """Calls `count` at every scrape from now on: the unfinished transfers of all journals, as last counted."""
        self._unfinished.count = count

    def _start(self) -> None:
        """Everything whose labels are known whatever the configuration."""
        for error in WITHOUT_OPERATOR:
            self._call_errors.start("", error)
        for listener, reason in REFUSED_BEFORE_A_CALL:
            self._refused.start(listener, reason)
        for result in ("ok", "failed"):
            self._reloads.start(result)
        self._clock_steps.start()
        self._workers_replaced.start()
        running = Reading("build_info", 1, (version(), build(), python_version()))
        self._gauges.watch("build", lambda: (running,))

    def _counters(self, name: str, text: str, *labels: str) -> Counters:
        return Counters(f"mm_gateway_{name}", text, labels, self.registry)

    def _seconds(self, name: str, text: str, result: str) -> Histograms:
        """How long calls took, by operator, call and what became of them."""
        return self._histograms(name, text, SECONDS_BUCKETS, "operator", "call", result)

    def _histograms(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histograms:
        return Histograms(f"mm_gateway_{name}", text, labels, buckets, self.registry)


class _DroppedLines(Collector):
    """Read at the scrape: lines are dropped in any thread, and before there are metrics."""

    def collect(self) -> Iterator[CounterMetricFamily]:
        """The one metric."""
        text = "Log lines that could not be written."
        yield CounterMetricFamily("mm_gateway_log_lines_dropped", text, value=dropped_lines())
