"""Error budgets of the operators' objectives: how fast they burn (docs/decisions/101-burn-rates.md).

A burn rate of 1 uses up the budget of 30 days in exactly 30 days. An alert looks at a long window, so that it means
something, and at a short one, so that it ends soon after its cause.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from gateway.alerting.rule import Alert, Board, Recording, Severity
from gateway.telemetry.objectives import Objective, Objectives

_LABELS: Final = "job, operator, objective"
_PREFIX: Final = "job_operator_objective:mm_gateway_objective"
BUDGET: Final = f"{_PREFIX}_budget:ratio"
FAST_WINDOWS: Final = ("5m", "30m", "1h")
SLOW_WINDOWS: Final = ("2h", "6h", "1d", "3d")

FEWEST_BAD: Final = 5
"""So many bad calls there must be in the short window: of two calls in an hour one is always half of all."""

BETTER_OPERATOR_ALERTS: Final = (
    "MmGatewayHoldsFailing|MmGatewayReadsFailing|MmGatewayBreakerNotClosed|MmGatewayOperatorRefusing"
)
BETTER_ALERTS: Final = (
    "MmGatewayAllDown|MmGatewayManyOperatorsDown|MmGatewayJournalFails|MmGatewayJournalQueueFull|MmGatewayClockOff"
)


class Burn(msgspec.Struct, frozen=True):
    """A budget burns `rate` times as fast as it may, over the `long` window and over the `short` one."""

    rate: str
    long: str
    short: str


FAST: Final = (Burn("14.4", "1h", "5m"), Burn("6", "6h", "30m"))
SLOW: Final = (Burn("3", "1d", "2h"), Burn("1", "3d", "6h"))

RECORDINGS: Final = (
    Recording(
        f"{_PREFIX}_calls:rate5m",
        f"sum by ({_LABELS}) (rate(mm_gateway_objective_calls_total[5m]))",
    ),
    Recording(
        f"{_PREFIX}_calls_bad:rate5m",
        f'sum by ({_LABELS}) (rate(mm_gateway_objective_calls_total{{result="bad"}}[5m]))',
    ),
    Recording(BUDGET, f"1 - max by ({_LABELS}) (mm_gateway_objective_ratio)"),
)
"""Long windows average these rates: to add up three days of every counter again each time costs too much."""


def ratios(windows: Iterable[str]) -> tuple[Recording, ...]:
    """The share of bad calls over each window, weighted by traffic."""
    return tuple(
        Recording(
            f"{_PREFIX}_bad:ratio{window}",
            f"avg_over_time({_PREFIX}_calls_bad:rate5m[{window}])\n/\navg_over_time({_PREFIX}_calls:rate5m[{window}])",
        )
        for window in windows
    )


def burn_alerts(by_operator: Mapping[str, Objectives] | None) -> tuple[Alert, ...]:
    """Alerts for these objectives, each with its own budget in figures; with None, alerts for whatever objectives the
    gateways report."""
    if by_operator is None:
        return _both("", BUDGET, {})
    return tuple(
        alert
        for operator, objectives in by_operator.items()
        for objective in objectives
        for alert in _of_objective(operator, objective)
    )


def _of_objective(operator: str, objective: Objective) -> tuple[Alert, ...]:
    only = f'{{operator="{operator}", objective="{objective.name}"}}'
    budget = 1 - Decimal(repr(objective.ratio))  # as it was written: in binary, 1 - 0.999 is not 0.001
    # The labels say nothing new, but without them promtool takes the rules of two operators for duplicates.
    return _both(only, f"{budget.normalize():f}", {"operator": operator, "objective": objective.name})


def _both(only: str, budget: str, labels: dict[str, str]) -> tuple[Alert, Alert]:
    """The fast and the slow alert of the series that `only` selects; `budget`: the share that may be bad."""
    return (
        Alert(
            name="MmGatewayBudgetBurnsFast",
            severity=Severity.PAGE,
            expr=f"(\n{_burning(FAST, only, budget)}\n)\n{_UNLESS_TOLD}",
            # An alert that knows the cause needs a minute and a half; then this one says nothing more.
            wait="2m",
            summary="{{ $labels.operator }}: the error budget of {{ $labels.objective }} is gone within days",
            description="{{ $value | humanizePercentage }} of the game's calls break the objective, at least six times "
            "as many as it allows, and no other alert says why.",
            board=Board.OPERATOR,
            shown_by=("operator",),
            labels=labels,
        ),
        Alert(
            name="MmGatewayBudgetBurnsSlow",
            severity=Severity.TICKET,
            expr=_burning(SLOW, only, budget),
            summary="{{ $labels.operator }}: the error budget of {{ $labels.objective }} does not last for its 30 days",
            description="Over days, {{ $value | humanizePercentage }} of the game's calls break the objective, more "
            "than it allows.",
            board=Board.OPERATOR,
            shown_by=("operator",),
            labels=labels,
        ),
    )


def _burning(burns: Iterable[Burn], only: str, budget: str) -> str:
    return "\nor\n".join(f"(\n{_over_both(burn, only, budget)}\n)" for burn in burns)


def _over_both(burn: Burn, only: str, budget: str) -> str:
    return (
        f"  {_PREFIX}_bad:ratio{burn.long}{only} > {burn.rate} * {budget}\n"
        f"  and {_PREFIX}_bad:ratio{burn.short}{only} > {burn.rate} * {budget}\n"
        f"  and avg_over_time({_PREFIX}_calls_bad:rate5m{only}[{burn.short}]) * ${burn.short} >= {FEWEST_BAD}"
    )


def _fired(names: str) -> str:
    return f'max_over_time(ALERTS{{alertstate="firing", alertname=~"{names}"}}[30m])'


# In the rules and not in Alertmanager alone: the windows here still hold a fault half an hour after it was mended, and
# by then the alert that knew its cause has ended.
_UNLESS_TOLD: Final = (
    f"unless on (job, operator) {_fired(BETTER_OPERATOR_ALERTS)}\nunless on (job) {_fired(BETTER_ALERTS)}"
)
