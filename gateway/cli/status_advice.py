"""What each finding of `mm-gateway status` means, and what to do: one row a code. Codes are stable, for scripts."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from gateway.alerting.rules_file import runbook


class Urgency(StrEnum):
    """What a finding asks for."""

    OK = "ok"
    LOOK = "look"
    """During the day, as a ticket."""
    ACT = "act"
    """Now, as a page."""


class Advice(msgspec.Struct, frozen=True):
    """`means`: for money and calls. `commands`: what to type, in which `{operator}`, `{id}` and `{journal}` are the
    finding's. `alert`: the one whose runbook says more, where there is one."""

    urgency: Urgency
    means: str
    commands: tuple[str, ...] = ()
    alert: str = ""

    @property
    def runbook(self) -> str | None:
        """The page of the alert."""
        return f"docs/runbooks/{runbook(self.alert)}" if self.alert else None


LOOK: Final = Urgency.LOOK
ACT: Final = Urgency.ACT

_CHECK: Final = "mm-gateway check"
_RELOAD: Final = "systemctl reload mm-gateway"
_RESTART: Final = "systemctl restart mm-gateway"
_PROBE: Final = "mm-gateway check --probe"

ADVICE: Final = {
    "not_known": Advice(LOOK, "It could not be reached, so nothing here says that all is well."),
    "config_wrong": Advice(
        ACT,
        "Running gateways go on with what they have; a reload is refused, and a restart would fail.",
        (_CHECK,),
        "MmGatewayConfigNotReloaded",
    ),
    "config_unreadable": Advice(
        LOOK,
        "This user or environment lacks secrets that the gateway has, so that configurations are not compared. Run it "
        "as the gateway's user, with its environment.",
    ),
    "config_not_reloaded": Advice(
        LOOK,
        "The file was edited since the gateway read it, or the environment differs here. Check it, then reload.",
        (_CHECK, _RELOAD),
        "MmGatewayConfigNotReloaded",
    ),
    "config_reload_refused": Advice(
        LOOK,
        "It goes on with the former configuration. A restart would fail.",
        (_CHECK,),
        "MmGatewayConfigNotReloaded",
    ),
    "gateway_silent": Advice(
        LOOK,
        "Others take the calls, and take over its transfers within half a minute.",
        ("systemctl status mm-gateway", "journalctl --unit mm-gateway --lines 50"),
        "MmGatewayDown",
    ),
    "gateway_unasked": Advice(
        LOOK,
        "Breakers, version and configuration of this machine's gateway are not known here.",
        ("mm-gateway health --ready",),
    ),
    "gateway_not_alive": Advice(
        ACT, "A part of it fails again and again: it should be restarted. Nothing is lost by that.", (_RESTART,)
    ),
    "gateway_not_ready": Advice(
        ACT, "It should be sent no calls now; a balancer that asks /readyz sends none.", ("mm-gateway health --ready",)
    ),
    "descriptors_near_limit": Advice(
        LOOK, "At the limit it accepts no connection.", alert="MmGatewayDescriptorsNearLimit"
    ),
    "memory_near_limit": Advice(
        LOOK,
        "At the limit it is killed and started again: its calls in progress fail.",
        alert="MmGatewayMemoryNearLimit",
    ),
    "queue_full": Advice(
        ACT, "Writes come faster than they become durable: calls are refused.", (_PROBE,), "MmGatewayJournalQueueFull"
    ),
    "no_instance_alive": Advice(
        ACT,
        "No call is answered, and what is decided waits in the journal. Nothing is lost. Start a gateway.",
        ("systemctl start mm-gateway", "journalctl --unit mm-gateway --lines 50"),
        "MmGatewayAllDown",
    ),
    "lease_ended": Advice(
        LOOK,
        "It died, stands still or was stopped. Whoever lives takes over its transfers within seconds, and then it is "
        "not listed.",
        alert="MmGatewayDown",
    ),
    "lease_ahead": Advice(
        ACT,
        "Its clock is ahead: it takes other gateways' transfers for abandoned ones. From ten seconds on, stop it.",
        ("timedatectl", "chronyc tracking"),
        "MmGatewayClockOff",
    ),
    "versions_differ": Advice(
        LOOK, "Some have not been restarted since an upgrade. They may run side by side while one is under way."
    ),
    "configurations_differ": Advice(
        LOOK,
        "Some have not been reloaded since a change, or their files differ.",
        (_RELOAD,),
        "MmGatewayConfigNotReloaded",
    ),
    "clock_off": Advice(
        ACT,
        "A gateway on this machine takes other gateways' transfers for abandoned ones, or lets them wait.",
        ("timedatectl", "chronyc tracking"),
        "MmGatewayClockOff",
    ),
    "journal_unreachable": Advice(
        ACT,
        "What it holds is not seen here. If no gateway can reach it either, every call that moves money is refused.",
        (_PROBE,),
        "MmGatewayJournalFails",
    ),
    "journal_misconfigured": Advice(
        ACT,
        "A gateway that starts with this configuration fails in the same way. Those that run with another may be well.",
        (_PROBE,),
    ),
    "schema_differs": Advice(
        ACT,
        "A gateway of this version does not start on it. Back it up first; the changelog says whether it needs a stop.",
        ("mm-gateway migrate",),
    ),
    "journal_unwritable": Advice(
        ACT,
        "Every call that moves money is refused, and nothing is sent. Nothing is lost.",
        (_PROBE,),
        "MmGatewayJournalFails",
    ),
    "disk_nearly_full": Advice(
        ACT, "Free some of it before writes fail. Never delete the journal's -wal.", ("df -h",), "MmGatewayJournalFails"
    ),
    "log_grows": Advice(
        LOOK, "A reader that does not end keeps the write-ahead log from being moved into the file: end that program."
    ),
    "parked": Advice(
        ACT,
        "Nothing more is sent by itself: a player's money is not where it belongs. Ask the operator, then act by hand.",
        ("mm-gateway transfers --state parked --operator {operator}", "mm-gateway transfers show {id} --ask"),
        "MmGatewayParked",
    ),
    "undelivered": Advice(
        ACT,
        "A confirm or rollback is not acknowledged. It is sent again as its schedule says, then parked.",
        (
            "mm-gateway transfers --state confirming --state rolling_back --operator {operator}",
            'mm-gateway retry --all-undelivered --operator {operator} --who YOU --why "outage over"',
        ),
        "MmGatewayUndelivered",
    ),
    "abandoned": Advice(
        LOOK,
        "The operator holds the players' money until the game confirms or rolls back. Only the game may decide.",
        ("mm-gateway transfers --state held --operator {operator}",),
        "MmGatewayAbandoned",
    ),
    "operator_missing": Advice(
        ACT,
        "Nobody delivers them: the configuration has no such operator. Add it again, with `retiring: true`, until all "
        "of them have ended.",
        ("mm-gateway transfers --operator {operator}", _CHECK),
    ),
    "tries_fail": Advice(
        LOOK,
        "The last try of these was not acknowledged.",
        ("mm-gateway transfers show {id}",),
        "MmGatewayDeliveryFailing",
    ),
    "breaker_not_closed": Advice(
        ACT,
        "The operator is silent: withdraws are refused; confirms and rollbacks wait until it answers.",
        (_PROBE, "mm-gateway rollbacks --operator {operator} --since 2h --sum"),
        "MmGatewayBreakerNotClosed",
    ),
    "certificate_ends_soon": Advice(
        ACT,
        "When it ends, every call that uses it fails. Renew it, then reload.",
        (_RELOAD,),
        "MmGatewayCertificateEndsSoon",
    ),
    "certificate_ends": Advice(
        LOOK, "Whatever renews it has not done so.", (_CHECK, _RELOAD), "MmGatewayCertificateEnds"
    ),
    "certificate_not_reloaded": Advice(
        LOOK,
        "The file holds another certificate than the gateway uses: reload it.",
        (_RELOAD,),
        "MmGatewayCertificateEnds",
    ),
}
