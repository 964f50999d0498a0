"""Alerts about operators and the transfers at them: is money safe, do calls succeed, who refuses whom."""

from __future__ import annotations

from typing import Final

from gateway.alerting.rule import Alert, Board, Severity
from gateway.alerting.thresholds import UNDELIVERED_MINUTES

HOLDS: Final = "withdraw|deposit"
READS: Final = "verifySession|getBalance"
DECLINED: Final = "session|player|currency|limit|amount"
"""How a hold is answered that the operator declined; a player without funds is everyday business."""


def _failing(calls: str, share: float) -> str:
    """The calls fail: more than this share of them within two minutes, or more than half within half an hour where two
    minutes hold too few calls to judge by."""
    prefix = "job_operator_call:mm_gateway_calls"
    only = f'{{call=~"{calls}"}}'
    return f"""\
(
  {prefix}_failed:increase2m{only} / {prefix}:increase2m > {share:g}
  and {prefix}_failed:increase2m >= 5
)
or
(
  {prefix}_failed:increase30m{only} / {prefix}:increase30m > 0.5
  and {prefix}_failed:increase30m >= 5
  unless {prefix}:increase2m >= 10
)"""


_DECLINED_HOLDS: Final = (
    f'sum by (job, operator, call) (increase(mm_gateway_call_seconds_count{{call=~"{HOLDS}", '
    f'outcome=~"{DECLINED}"}}[15m]))'
)
_CLOSED: Final = 'job_operator_calls:mm_gateway_breaker_closed:min_avg1m{calls!="payments"}'
"""Payments are told to the game: that it does not answer says nothing of an operator, and shows in the tries."""
_NOT_CLOSED: Final = f"min by (job, operator) ({_CLOSED}) <= 0.5"

OPERATOR_ALERTS: Final = (
    Alert(
        name="MmGatewayParked",
        severity=Severity.PAGE,
        expr='sum by (job, operator) (max by (job, operator, direction) (mm_gateway_transfers{state="parked"})) > 0',
        summary="{{ $labels.operator }}: {{ $value }} transfers are parked",
        description="Their confirm or rollback was sent until its time was over, or can never succeed. Nothing more is "
        "sent by itself; the player's money is where it was.",
        board=Board.ROLLBACKS,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayUndelivered",
        severity=Severity.PAGE,
        # Once an operator answers again, what waits is sent within the hour, as the schedule says.
        expr=f"""\
max by (job, operator) (mm_gateway_undelivered_oldest_seconds) > ${UNDELIVERED_MINUTES}m
unless on (job, operator) max_over_time(
  ALERTS{{alertstate="firing", alertname=~"MmGatewayDeliveryFailing|MmGatewayBreakerNotClosed"}}[1h]
)""",
        wait="1m",
        summary="{{ $labels.operator }}: a confirm or rollback is not acknowledged for {{ $value | humanizeDuration }}",
        description="It is sent again as its schedule says, then parked. Until then the player's money is not where it "
        "belongs.",
        board=Board.ROLLBACKS,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayDeliveryFailing",
        severity=Severity.PAGE,
        expr="""\
job_operator_decision:mm_gateway_delivery_tries_failed:increase2m
/
job_operator_decision:mm_gateway_delivery_tries:increase2m > 0.5
and job_operator_decision:mm_gateway_delivery_tries_failed:increase2m >= 5""",
        wait="1m",
        keep="2m",
        summary="{{ $labels.operator }}: {{ $value | humanizePercentage }} of tries fail ({{ $labels.decision }})",
        description="What is decided does not arrive at the operator, or a payment at the game. It is sent again for "
        "two days, then parked.",
        board=Board.ROLLBACKS,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayHoldsFailing",
        severity=Severity.PAGE,
        expr=_failing(HOLDS, 0.2),
        wait="1m",
        keep="2m",
        summary="{{ $labels.operator }}: {{ $value | humanizePercentage }} of {{ $labels.call }} calls fail",
        description="Players cannot buy. Each of these transfers is rolled back: no money is lost.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayReadsFailing",
        severity=Severity.PAGE,
        expr=_failing(READS, 0.5),
        wait="1m",
        keep="2m",
        summary="{{ $labels.operator }}: {{ $value | humanizePercentage }} of {{ $labels.call }} calls fail",
        description="Players cannot enter the game, or do not see what they have. No money moves in these calls.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayBreakerNotClosed",
        severity=Severity.PAGE,
        expr=f"{_CLOSED} <= 0.5",
        wait="30s",
        keep="3m",
        summary="{{ $labels.operator }} does not answer: its {{ $labels.calls }} are not sent",
        description="The circuit breaker was closed for {{ $value | humanizePercentage }} of the last minute. "
        "Withdraws are refused meanwhile; confirms and rollbacks wait.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayManyOperatorsDown",
        severity=Severity.PAGE,
        expr=f"""\
count by (job) ({_NOT_CLOSED}) >= 3
and
count by (job) ({_NOT_CLOSED})
> 0.5 * count by (job) (min by (job, operator) ({_CLOSED}))""",
        keep="3m",
        summary="{{ $value }} operators, more than half of them, do not answer",
        description="So many do not fail at once by themselves: look at the gateways' own way out.",
        board=Board.OVERVIEW,
    ),
    Alert(
        name="MmGatewayOperatorRefusing",
        severity=Severity.PAGE,
        # A delivery that is refused a place is sent later; nobody waits for it.
        expr="sum by (job, operator) (increase("
        'mm_gateway_operator_refusals_total{calls=~"reads|holds", reason=~"queue|slot"}[2m])) >= 5',
        wait="1m",
        keep="2m",
        summary="{{ $labels.operator }} has no free place for more calls: they are refused",
        description="In two minutes {{ $value | humanize }} calls were not sent: those before them have no answer "
        "yet. No money is lost.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayAbandoned",
        severity=Severity.TICKET,
        expr="sum by (job, operator) (max by (job, operator, direction) (mm_gateway_transfers_abandoned)) > 0",
        wait="5m",
        summary="{{ $labels.operator }}: the game leaves {{ $value }} held transfers undecided",
        description="The operator holds the players' money until the game confirms or rolls back. Only the game may "
        "decide.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayHoldsDeclined",
        severity=Severity.TICKET,
        expr=f"""\
{_DECLINED_HOLDS}
/ sum by (job, operator, call) (increase(mm_gateway_call_seconds_count[15m])) > 0.5
and {_DECLINED_HOLDS} >= 20""",
        wait="5m",
        summary="{{ $labels.operator }} declines {{ $value | humanizePercentage }} of {{ $labels.call }} calls",
        description="They are declined for the session, the player, the currency, a limit or the amount. One player "
        "alone may do this; so may a changed key or setting at the operator.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayOperatorSlow",
        severity=Severity.TICKET,
        expr="""\
job_operator:mm_gateway_operator_call_seconds:p95_2m > 1
and sum by (job, operator) (increase(mm_gateway_operator_call_seconds_count[2m])) >= 20""",
        wait="1m",
        keep="2m",
        summary="{{ $labels.operator }} is slow: one call in twenty takes longer than {{ $value | humanizeDuration }}",
        description="Players wait as long, and calls that take longer than the operator's timeout are rolled back.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayLateArrivals",
        severity=Severity.TICKET,
        expr="""\
sum by (job, operator) (increase(mm_gateway_late_arrivals_total[10m])) >= 3
unless on (job) max_over_time(ALERTS{alertstate="firing", alertname="MmGatewayClockOff"}[15m])""",
        summary="{{ $labels.operator }}: {{ $value | humanize }} holds were sent after their rollback had begun",
        description="They are rolled back once more. A machine stood still for longer than a lease, or its clock "
        "jumped.",
        board=Board.ROLLBACKS,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayOtherPlayer",
        severity=Severity.TICKET,
        expr='sum by (job, operator) (increase(mm_gateway_call_errors_total{error="other_player"}[15m])) > 0',
        summary="{{ $labels.operator }}: a confirm or rollback named another player's session",
        description="It was refused, and nothing was changed or sent. The game mixes up players or transfer ids.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
    Alert(
        name="MmGatewayPaymentContradicted",
        severity=Severity.TICKET,
        expr='sum by (job, operator) (increase(mm_gateway_payments_total{outcome="other_content"}[15m])) > 0',
        summary="{{ $labels.operator }}: an order was paid again with another price or content",
        description="It was refused, and the game was told of the first one alone. Somebody who knows the secret says "
        "two things of one order.",
        board=Board.OPERATOR,
        shown_by=("operator",),
    ),
)
