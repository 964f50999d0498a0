"""PromQL that the boards share.

Counters are each gateway's own, so they are summed. Gauges of transfers and of journals are the journal's and the same
from every gateway on it, so the largest is taken: see `journal_gauge`.
"""

from __future__ import annotations

from typing import Final

INSTANCE: Final = 'job=~"$job", instance=~"$instance"'
OPERATOR: Final = f'{INSTANCE}, operator=~"$operator"'
JOURNAL: Final = f'{INSTANCE}, journal=~"$journal"'

HOLDS: Final = "withdraw|deposit"
FAILED: Final = "other|unclear|not_sent|journal_unavailable"
"""The outcomes that the objective `calls` counts as bad."""
WAITING: Final = "pending"

WINDOW: Final = "$__rate_interval"
NOW: Final = "5m"
"""The window of numbers that say how it is now: long enough for the rarest operators, short enough to see the end."""


def where(labels: str, **values: str) -> str:
    """More labels: one value, or several with `|` between."""
    return ", ".join([labels, *(f'{name}{"=~" if "|" in value else "="}"{value}"' for name, value in values.items())])


def or_zero(expr: str) -> str:
    """0 where nothing has been counted yet; still no number where no gateway is scraped at all."""
    return f"{expr} or 0 * max (mm_gateway_build_info{{{INSTANCE}}})"


def abandoned() -> str:
    """How many held transfers the game has left undecided for too long."""
    return or_zero(f"sum ({journal_gauge('transfers_abandoned', OPERATOR, 'operator, direction')})")


def oldest_undelivered() -> str:
    """The age of the oldest decision that was not acknowledged."""
    return or_zero(gauge("undelivered_oldest_seconds", OPERATOR, "max"))


def transfers(state: str, by: str = "", labels: str = OPERATOR) -> str:
    """How many unfinished transfers are in one of these states."""
    counted = journal_gauge("transfers", where(labels, state=state), "operator, direction, state")
    summed = f"{_aggregate('sum', by)} ({counted})"
    return summed if by else or_zero(summed)


def total(metric: str, labels: str, by: str = "", window: str = WINDOW) -> str:
    """The sum of the rates of a counter over all gateways; one for each value of the labels `by`."""
    return f"{_aggregate('sum', by)} (rate({_metric(metric)}{{{labels}}}[{window}]))"


def increase(metric: str, labels: str, by: str = "", window: str = "$__range") -> str:
    """By how much a counter grew in `window`, over all gateways."""
    return f"{_aggregate('sum', by)} (increase({_metric(metric)}{{{labels}}}[{window}]))"


def quantile(share: float, histogram: str, labels: str, by: str = "", window: str = WINDOW) -> str:
    """The value below which this share of a histogram's observations lies."""
    groups = ", ".join(part for part in ("le", by) if part)
    return f"histogram_quantile({share:g}, {total(f'{histogram}_bucket', labels, groups, window)})"


def journal_gauge(metric: str, labels: str, by: str) -> str:
    """A gauge that every gateway on a journal reports alike: the largest of them, for each value of `by`."""
    return f"{_aggregate('max', by)} ({_metric(metric)}{{{labels}}})"


def gauge(metric: str, labels: str, aggregation: str, by: str = "") -> str:
    """A gauge of each gateway's own, put together by `aggregation`."""
    return f"{_aggregate(aggregation, by)} ({_metric(metric)}{{{labels}}})"


def share(part: str, whole: str) -> str:
    """`part / whole`: 0 where nothing of the part was counted yet, no number where there was nothing at all."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def failed_holds(by: str = "operator", labels: str = OPERATOR, window: str = WINDOW) -> str:
    """The share of withdraws and deposits that failed; a decline is no failure."""
    calls = "call_seconds_count"
    failed = total(calls, where(labels, call=HOLDS, outcome=FAILED), by, window)
    return share(failed, total(calls, where(labels, call=HOLDS), by, window))


def worst(expr: str, ranking: str, count: int = 5, by: str = "operator") -> str:
    """Only the series with the largest `ranking`, an expression at one moment.

    `topk` of a graph chooses at every point, and so draws many more lines than it was told.
    """
    return f"{expr} and on ({by}) topk({count}, {ranking})"


def at_end(expr: str) -> str:
    """An expression with the window `$__range`, computed once, at the right edge of a graph."""
    return expr.replace("[$__range]", "[$__range] @ end()")


def burn(window: str, by: str = "operator, objective", labels: str = OPERATOR) -> str:
    """How fast error budgets are used up: at 1 the budget lasts exactly for its period."""
    calls = "objective_calls_total"
    bad = share(total(calls, where(labels, result="bad"), by, window), total(calls, labels, by, window))
    return f"({bad}) / (1 - {journal_gauge('objective_ratio', labels, by)})"


def breaker(by: str, labels: str = OPERATOR) -> str:
    """The worst state of circuit breakers over the gateways: 0 closed, 1 half open, 2 open."""
    is_open = gauge("breaker_state", where(labels, state="open"), "max", by)
    is_half_open = gauge("breaker_state", where(labels, state="half_open"), "max", by)
    return f"clamp_max(2 * {is_open} + {is_half_open}, 2)"


def _metric(name: str) -> str:
    return name if name.startswith(("process_", "scrape_", "up")) else f"mm_gateway_{name}"


def _aggregate(how: str, by: str) -> str:
    return f"{how} by ({by})" if by else how
