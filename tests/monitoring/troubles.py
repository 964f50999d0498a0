"""Every alert's trouble: what is done to the fleet, and what must fire."""

from __future__ import annotations

from typing import Any, Final

from gateway.sandbox.faults import Fault
from tests.monitoring import at_gateways, at_journals
from tests.monitoring.at_operators import READS, away, changing_the_price, game, misbehaving, parking, stuck
from tests.monitoring.fleet import ASIDE, LONE
from tests.monitoring.making import Trouble
from tests.monitoring.operators import HOLDS, ROLLBACKS
from tests.monitoring.shopping import Manner
from tests.monitoring.watch import anywhere, at_journal, at_operator

PLAN: Final[dict[str, dict[str, Any]]] = {
    "silent": {},
    "unwilling": {},
    "slow": {"timeout": "3s"},
    "undoing": {},
    "stuck": {},
    "parking": {"delivery": {"until": "3s"}},
    "careless": {},
    "crowded": {"limits": {"concurrency": 1, "waiting": 0}},
    "sleepy": {},
    ASIDE: {"journal": ASIDE},
}
"""The operators of the three gateways, and how each differs from an ordinary one."""

EVERY_S: Final = (
    dict.fromkeys((*PLAN, LONE), 0.5)
    | dict.fromkeys(("slow", "unwilling", "undoing", "crowded", ASIDE), 0.25)
    | {"stuck": 0.15}
)
"""Seconds between two purchases: an alert about shares wants some calls to judge by, in windows of seconds here."""

TROUBLES: Final = (
    Trouble("an operator hangs", misbehaving("silent", Fault.HANG_BEFORE), at_operator("silent", "BreakerNotClosed")),
    Trouble(
        "an operator is down", away("silent"), at_operator("silent", "BreakerNotClosed"), after=("an operator hangs",)
    ),
    Trouble(
        "every withdraw fails, rollbacks succeed",
        misbehaving("unwilling", Fault.OTHER_ERROR, *HOLDS),
        at_operator("unwilling", "HoldsFailing"),
    ),
    Trouble(
        "no session can be verified",
        misbehaving("unwilling", Fault.OTHER_ERROR, *READS),
        at_operator("unwilling", "ReadsFailing"),
        after=("every withdraw fails, rollbacks succeed",),
    ),
    Trouble(
        "an operator declines what it should take",
        misbehaving("unwilling", Fault.DECLINE, *HOLDS),
        at_operator("unwilling", "HoldsDeclined"),
        after=("no session can be verified",),
    ),
    Trouble(
        "calls take longer than promised",
        misbehaving("slow", Fault.DELAY, delay_s=0.7, chance=0.3),
        at_operator("slow", "BudgetBurnsFast"),
    ),
    Trouble(
        "an operator is slow",
        misbehaving("slow", Fault.DELAY, delay_s=1.3),
        at_operator("slow", "OperatorSlow"),
        after=("calls take longer than promised",),
    ),
    Trouble(
        "500 to rollbacks alone",
        misbehaving("undoing", Fault.ERROR_BEFORE, *ROLLBACKS),
        at_operator("undoing", "DeliveryFailing"),
    ),
    Trouble(
        "one transfer of many is not acknowledged",
        stuck("stuck"),
        at_operator("stuck", "Undelivered"),
    ),
    Trouble("an operator refuses every end", parking("parking"), at_operator("parking", "Parked")),
    Trouble("the game never confirms", game("careless", Manner.NEVER_ENDS), at_operator("careless", "Abandoned")),
    Trouble(
        "a confirm with another player's session",
        game("careless", Manner.OTHER_PLAYER),
        at_operator("careless", "OtherPlayer"),
        after=("the game never confirms",),
    ),
    Trouble(
        "an order comes with two prices",
        changing_the_price("careless"),
        at_operator("careless", "PaymentContradicted"),
        after=("a confirm with another player's session",),
    ),
    Trouble(
        "more calls than an operator's slots take",
        misbehaving("crowded", Fault.DELAY, delay_s=0.5),
        at_operator("crowded", "OperatorRefusing"),
    ),
    Trouble("the database is slow", at_journals.slow, at_journal(ASIDE, "JournalSlow")),
    Trouble(
        "a connection to the database is cut",
        at_journals.cut_once,
        at_journal(ASIDE, "JournalInterrupted"),
        hides=("the database is slow",),
    ),
    Trouble(
        "the database hangs",
        at_journals.queue_full,
        at_journal(ASIDE, "JournalQueueFull"),
        after=("a connection to the database is cut",),
        hides=("calls take longer than promised",),
    ),
    Trouble(
        "the database is stopped",
        at_journals.stopped,
        at_journal(ASIDE, "JournalFails", "Uncounted"),
        after=("the database hangs",),
    ),
    Trouble("a gateway is killed", at_gateways.one_killed, anywhere("Down"), after=("a reload is refused",)),
    Trouble("the clock of a gateway is stepped", at_gateways.clock_stepped, anywhere("ClockStepped")),
    Trouble(
        "a gateway does not reach its database while withdraws are under way",
        at_journals.unreachable("sleepy"),
        (*at_operator("sleepy", "LateArrivals"), *at_journal("default", "JournalFails")),
        hides=("calls take longer than promised",),
    ),
    Trouble(
        "the clock of a gateway is a minute ahead",
        at_gateways.clock_ahead,
        anywhere("ClockOff"),
        after=("the database is stopped",),  # a minute ahead is when others were last counted, too
        hides=(
            "calls take longer than promised",
            "the clock of a gateway is stepped",
            "a gateway does not reach its database while withdraws are under way",
        ),
    ),
    Trouble(
        "a certificate is near its end",
        at_gateways.certificate_ending,
        anywhere("CertificateEnds", "CertificateEndsSoon"),
    ),
    Trouble("memory is near its limit", at_gateways.memory_near_limit, anywhere("MemoryNearLimit")),
    Trouble("a client takes every connection", at_gateways.connections_taken, anywhere("ConnectionsFull")),
    Trouble(
        "the log is not read",
        at_gateways.log_stands_still,
        anywhere("LogLinesDropped"),
        after=("a certificate is near its end", "a client takes every connection"),
    ),
    Trouble(
        "workers end again and again",
        at_gateways.workers_ended,
        anywhere("WorkersEnd"),
        after=("a gateway is killed",),
    ),
    Trouble(
        "the event loop stalls",
        at_gateways.loop_stalled,
        anywhere("LoopStalls"),
        after=("the log is not read",),
    ),
    Trouble(
        "descriptors are nearly used up",
        at_gateways.descriptors_near_limit,
        anywhere("DescriptorsNearLimit"),
        after=("the event loop stalls",),
    ),
    Trouble(
        "no descriptor is left",
        at_gateways.descriptors_used_up,
        anywhere("DescriptorsUsedUp"),
        after=("descriptors are nearly used up",),
        hides=("descriptors are nearly used up",),
    ),
    Trouble("calls come from an address that may not call", at_gateways.callers_refused, anywhere("CallersRefused")),
    Trouble("passwords are guessed", at_gateways.credentials_guessed, anywhere("CredentialsGuessed")),
    Trouble("a reload is refused", at_gateways.reload_refused, anywhere("ConfigNotReloaded")),
)

AFTER_ALL: Final = (
    Trouble("most operators are down", away(*PLAN), anywhere("ManyOperatorsDown")),
    Trouble("every gateway is killed", at_gateways.all_killed, anywhere("AllDown")),
)
"""What would hide all other troubles: one after the other, when those are over."""
