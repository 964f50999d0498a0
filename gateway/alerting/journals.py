"""Alerts about journals: what cannot be written is not sent, and what is not counted is not seen."""

from __future__ import annotations

from typing import Final

from gateway.alerting.rule import Alert, Board, Severity
from gateway.alerting.thresholds import JOURNAL_QUEUE_FULL

JOURNAL_ALERTS: Final = (
    Alert(
        name="MmGatewayJournalFails",
        severity=Severity.PAGE,
        # With few calls there is not a failure in every minute: then it counts that nothing was written since.
        expr="""\
sum by (job, journal) (increase(mm_gateway_journal_failures_total[1m])) > 0
or
sum by (job, journal) (
  increase(mm_gateway_journal_failures_total[5m]) > 0
  unless on (job, instance, journal) increase(mm_gateway_journal_commit_seconds_count[5m]) > 0
)""",
        wait="1m",
        keep="2m",
        summary="the journal {{ $labels.journal }} cannot be written: withdraws are refused",
        description="Every call that moves money is answered with error 123, and nothing is sent. Nothing is lost.",
        board=Board.JOURNAL,
        shown_by=("journal",),
    ),
    Alert(
        name="MmGatewayJournalQueueFull",
        severity=Severity.PAGE,
        expr=f"""\
sum by (job, journal) (increase(mm_gateway_journal_refusals_total[2m])) > 0
or
max by (job, journal) (mm_gateway_journal_writes_waiting / mm_gateway_journal_writes_limit) > {JOURNAL_QUEUE_FULL}""",
        wait="1m",
        keep="2m",
        summary="the journal {{ $labels.journal }} takes writes too slowly: calls are refused",
        description="Writes come faster than the disk or the database makes them durable. Refused calls are answered "
        "with error 123, and nothing is sent.",
        board=Board.JOURNAL,
        shown_by=("journal",),
    ),
    Alert(
        name="MmGatewayUncounted",
        severity=Severity.PAGE,
        # Counting runs every five seconds, however short the times of a trial are.
        expr="time() - max by (job, journal) (mm_gateway_transfers_counted_timestamp_seconds) > $2m|15s",
        wait="30s",
        summary="transfers in the journal {{ $labels.journal }} are not counted for {{ $value | humanizeDuration }}",
        description="The journal cannot be read. Alerts about parked, undelivered and abandoned transfers are blind.",
        board=Board.JOURNAL,
        shown_by=("journal",),
    ),
    Alert(
        name="MmGatewayJournalSlow",
        severity=Severity.TICKET,
        expr="""\
job_journal:mm_gateway_journal_commit_seconds:p95_5m > 0.1
and sum by (job, journal) (increase(mm_gateway_journal_commit_seconds_count[5m])) >= 20""",
        wait="2m",
        summary="the journal {{ $labels.journal }} is slow: a commit takes {{ $value | humanizeDuration }}",
        description="Every call that moves money waits for two commits.",
        board=Board.JOURNAL,
        shown_by=("journal",),
    ),
    Alert(
        name="MmGatewayJournalInterrupted",
        severity=Severity.TICKET,
        expr="""\
sum by (job, journal) (increase(mm_gateway_journal_failures_total[10m])) > 0
unless on (job, journal) max_over_time(ALERTS{alertstate="firing", alertname="MmGatewayJournalFails"}[15m])""",
        summary="the journal {{ $labels.journal }} could not be written for a moment",
        description="It writes again. The calls of that moment were answered with error 123, and nothing was sent.",
        board=Board.JOURNAL,
        shown_by=("journal",),
    ),
)
