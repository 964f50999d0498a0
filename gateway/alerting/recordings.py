"""What is recorded because several alerts, or an alert and a board, ask for it.

Names follow Prometheus' own: the labels that are left, the metric, what was done to it. Counters of all instances are
added up. Gauges of transfers are the journal's, the same from every instance on it: of these the largest counts.
"""

from __future__ import annotations

from typing import Final

from gateway.alerting.rule import Recording

CALLS: Final = "verifySession|getBalance|withdraw|deposit"
"""The calls of the game whose failures are counted here; those of ends are seen by their tries at the operator."""

FAILED: Final = "other|unclear|not_sent"
"""How a call is answered that failed at the operator, or on the way to it (docs/errors.md). An error of the journal has
alerts of its own, and is not the operator's."""

FAILED_TRIES: Final = ('verdict=~"declined|unsent|unknown"', 'decision="confirm", verdict="not_found"')
"""Tries that did not deliver. That a rollback's transfer is not found ends it; a confirm's must be there."""


def _calls(window: str) -> tuple[Recording, ...]:
    """The game's calls, and those of them that failed, within a window."""
    counted = f'mm_gateway_call_seconds_count{{operator!="", call=~"{CALLS}"'
    return (
        Recording(
            f"job_operator_call:mm_gateway_calls:increase{window}",
            f"sum by (job, operator, call) (increase({counted}}}[{window}]))",
        ),
        Recording(
            f"job_operator_call:mm_gateway_calls_failed:increase{window}",
            f'sum by (job, operator, call) (increase({counted}, outcome=~"{FAILED}"}}[{window}]))',
        ),
    )


def _tries() -> tuple[Recording, ...]:
    """Tries at delivery, and those of them that failed, within two minutes."""
    failed = "\n  or\n".join(
        f"  increase(mm_gateway_delivery_tries_total{{{matchers}}}[2m])" for matchers in FAILED_TRIES
    )
    return (
        Recording(
            "job_operator_decision:mm_gateway_delivery_tries:increase2m",
            "sum by (job, operator, decision) (increase(mm_gateway_delivery_tries_total[2m]))",
        ),
        Recording(
            "job_operator_decision:mm_gateway_delivery_tries_failed:increase2m",
            f"sum by (job, operator, decision) (\n{failed}\n)",
        ),
    )


RECORDINGS: Final = (
    *_calls("2m"),
    *_calls("30m"),
    *_tries(),
    # The share of the last minute in which the breaker was closed, on the gateway where that was least: a breaker that
    # probes reads half open, and one that flaps reads closed, just when a single moment is looked at.
    Recording(
        "job_operator_calls:mm_gateway_breaker_closed:min_avg1m",
        'min by (job, operator, calls) (avg_over_time(mm_gateway_breaker_state{state="closed"}[1m]))',
    ),
    Recording(
        "job_operator:mm_gateway_operator_call_seconds:p95_2m",
        "histogram_quantile(0.95, sum by (job, operator, le) (rate(mm_gateway_operator_call_seconds_bucket[2m])))",
    ),
    Recording(
        "job_journal:mm_gateway_journal_commit_seconds:p95_5m",
        "histogram_quantile(0.95, sum by (job, journal, le) (rate(mm_gateway_journal_commit_seconds_bucket[5m])))",
    ),
)
