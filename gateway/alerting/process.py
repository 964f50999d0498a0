"""Alerts about the gateways themselves: processes, clocks, connections, certificates, configuration."""

from __future__ import annotations

from typing import Final

from gateway.alerting.rule import Alert, Board, Recording, Severity
from gateway.alerting.thresholds import (
    CERTIFICATE_ENDS_DAYS,
    CERTIFICATE_ENDS_SOON_DAYS,
    CLOCK_OFF_S,
    DAY_S,
    DESCRIPTORS_NEAR_LIMIT,
    MEMORY_NEAR_LIMIT,
)

_TARGETS: Final = "job:mm_gateway_targets:count"
_EXPIRY: Final = "min by (job, certificate) (mm_gateway_certificate_expiry_timestamp_seconds) - time()"


def target_recordings(job: str) -> tuple[Recording, ...]:
    """How many gateways Prometheus knows of, whether they answer or not."""
    return (Recording(_TARGETS, f'count by (job) (up{{job="{job}"}})'),)


def target_alerts(job: str) -> tuple[Alert, ...]:
    """Alerts about gateways that cannot be scraped; `job` is the name under which Prometheus scrapes them."""
    return (
        Alert(
            name="MmGatewayAllDown",
            severity=Severity.PAGE,
            expr=f'absent(up{{job="{job}"}} == 1)',
            wait="30s",
            summary="no gateway can be scraped",
            description="No call is answered, or nobody can see whether it is. Nothing is lost: all that matters is in "
            "the journal.",
            board=Board.OVERVIEW,
            labels={"job": job},
        ),
        Alert(
            name="MmGatewayDown",
            severity=Severity.TICKET,
            # A target that discovery no longer finds has no `up` at all.
            expr=f"""\
max by (job, instance) (up{{job="{job}"}}) == 0
or
{_TARGETS} < quantile_over_time(0.5, {_TARGETS}[1h])""",
            wait="1m",
            summary="{{ if $labels.instance }}{{ $labels.instance }} cannot be scraped{{ else }}"
            "there are fewer gateways than in the last hour{{ end }}",
            description="The other gateways take over its transfers within half a minute.",
            board=Board.PROCESS,
            shown_by=("instance",),
        ),
    )


PROCESS_ALERTS: Final = (
    Alert(
        name="MmGatewayClockOff",
        severity=Severity.PAGE,
        expr=f"max by (job, instance) (abs(mm_gateway_clock_offset_seconds)) > {CLOCK_OFF_S}",
        wait="1m",
        keep="3m",
        summary="the clock of {{ $labels.instance }} and the database's differ by {{ $value | humanizeDuration }}",
        description="A gateway whose clock is ahead takes other gateways' transfers for abandoned ones and rolls them "
        "back; one that is behind lets them wait. Nothing is both confirmed and rolled back.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayConnectionsFull",
        severity=Severity.PAGE,
        expr="sum by (job) (increase("
        'mm_gateway_refused_total{listener="wallet", reason=~"connections|share|unfinished"}[2m])) > 0',
        wait="1m",
        keep="2m",
        summary="the gateways refuse connections of the game: there are too many",
        description="In two minutes {{ $value | humanize }} were refused: server.max_connections, the share of "
        "one address, or what is held of unfinished requests.",
        board=Board.PROCESS,
    ),
    Alert(
        name="MmGatewayDescriptorsUsedUp",
        severity=Severity.PAGE,
        expr='sum by (job, instance) (increase(mm_gateway_refused_total{reason="descriptors"}[2m])) > 0',
        wait="1m",
        keep="2m",
        summary="{{ $labels.instance }} has no file descriptors left: it accepts no connection",
        description="Neither the game nor whoever looks after it can connect, and no operator can be reached over "
        "a new connection.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayCertificateEndsSoon",
        severity=Severity.PAGE,
        expr=f"{_EXPIRY} < {CERTIFICATE_ENDS_SOON_DAYS} * {DAY_S}",
        wait="5m",
        summary="the certificate {{ $labels.certificate }} ends in {{ $value | humanizeDuration }}",
        description="Then every call that uses it fails.",
        board=Board.PROCESS,
    ),
    Alert(
        name="MmGatewayClockStepped",
        severity=Severity.TICKET,
        expr="""\
sum by (job, instance) (increase(mm_gateway_clock_steps_total[15m])) > 0
unless on (job) max_over_time(ALERTS{alertstate="firing", alertname="MmGatewayClockOff"}[15m])""",
        summary="the clock of {{ $labels.instance }} jumped",
        description="Something set the clock by more than a second, or the machine stood still.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayCertificateEnds",
        severity=Severity.TICKET,
        expr=f"{_EXPIRY} < {CERTIFICATE_ENDS_DAYS} * {DAY_S}",
        wait="5m",
        summary="the certificate {{ $labels.certificate }} ends in {{ $value | humanizeDuration }}",
        description="Whatever renews it has not done so, or the gateway was not reloaded since.",
        board=Board.PROCESS,
    ),
    Alert(
        name="MmGatewayCredentialsGuessed",
        severity=Severity.TICKET,
        expr='sum by (job, listener) (increase(mm_gateway_refused_total{reason=~"credentials|guessing"}[5m])) > 30',
        summary="{{ $value | humanize }} wrong credentials in five minutes at the {{ $labels.listener }} listener",
        description="Somebody guesses, or a caller has an old password. An address that guesses is slowed down.",
        board=Board.PROCESS,
    ),
    Alert(
        name="MmGatewayCallersRefused",
        severity=Severity.TICKET,
        expr="sum by (job, listener, reason) (increase("
        'mm_gateway_refused_total{reason=~"address|certificate|tls"}[15m])) >= 5',
        summary="the {{ $labels.listener }} listener refuses callers: {{ $labels.reason }}",
        description="{{ $value | humanize }} times in a quarter of an hour. The game's address or certificate may have "
        "changed, or a stranger tries.",
        board=Board.PROCESS,
    ),
    Alert(
        name="MmGatewayDescriptorsNearLimit",
        severity=Severity.TICKET,
        expr="process_open_fds / on (job, instance) process_max_fds "
        f"> {DESCRIPTORS_NEAR_LIMIT} and on (job, instance) mm_gateway_build_info",
        wait="5m",
        summary="{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its file descriptors",
        description="At the limit it accepts no connection.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayLogLinesDropped",
        severity=Severity.TICKET,
        expr="sum by (job, instance) (increase(mm_gateway_log_lines_dropped_total[10m])) > 0",
        summary="{{ $labels.instance }} could not write {{ $value | humanize }} lines of its log",
        description="No call waits for the log. What happened meanwhile is in the journal, but not in the log.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayMemoryNearLimit",
        severity=Severity.TICKET,
        expr=f"process_resident_memory_bytes / on (job, instance) mm_gateway_memory_limit_bytes > {MEMORY_NEAR_LIMIT}",
        wait="5m",
        summary="{{ $labels.instance }} uses {{ $value | humanizePercentage }} of its memory",
        description="At the limit it is killed and started again. Nothing is lost, but its calls in progress fail.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayConfigNotReloaded",
        severity=Severity.TICKET,
        expr="min by (job, instance) (mm_gateway_config_reload_ok) == 0",
        wait="1m",
        summary="{{ $labels.instance }} refused its new configuration",
        description="It goes on with the former one. A restart would fail.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayWorkersEnd",
        severity=Severity.TICKET,
        expr="sum by (job, instance) (increase(mm_gateway_workers_replaced_total[15m])) >= 3",
        summary="workers of {{ $labels.instance }} end again and again",
        description="In a quarter of an hour {{ $value | humanize }} ended and were replaced. Their calls in progress "
        "fail, and their transfers are taken over; the other workers serve.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
    Alert(
        name="MmGatewayLoopStalls",
        severity=Severity.TICKET,
        expr="""\
sum by (job, instance) (increase(mm_gateway_loop_lag_seconds_count[5m]))
- sum by (job, instance) (increase(mm_gateway_loop_lag_seconds_bucket{le="0.5"}[5m]))
>= 3""",
        summary="{{ $labels.instance }} stands still for moments: every call waits",
        description="In five minutes its event loop was late by more than half a second {{ $value | humanize }} times.",
        board=Board.PROCESS,
        shown_by=("instance",),
    ),
)
