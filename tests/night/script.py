"""The script of the night: eight troubles, one after the other, and who is told of each."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from gateway.sandbox.faults import Fault
from tests.monitoring import at_gateways, at_journals
from tests.monitoring.at_operators import game, misbehaving
from tests.monitoring.fleet import ASIDE, LONE
from tests.monitoring.making import Make
from tests.monitoring.operators import HOLDS, ROLLBACKS
from tests.monitoring.shopping import Manner

PLAN: Final[dict[str, dict[str, Any]]] = {
    "acme": {},
    "birch": {"timeout": "2500ms"},
    "cedar": {},
    "dune": {},
    "elm": {},
    ASIDE: {"journal": ASIDE},
}
EVERY_S: Final = dict.fromkeys((*PLAN, LONE), 0.3)
RECORDED_IN: Final = 4
"""During this trouble (from 1) the boards are recorded: they then show the ones before it, and what is wrong now."""

RECORDED_OPERATOR: Final = "dune"


class Act(NamedTuple):
    """A trouble of the night. `page` is the group that wakes somebody, empty if nobody is to be woken, and `alerts` are
    those that it may name. `ticket` is what waits until the morning, empty if nothing does."""

    what: str
    make: Make
    page: dict[str, str]
    alerts: frozenset[str]
    ticket: str = ""


ACTS: Final = (
    Act(
        "an operator hangs",
        misbehaving("acme", Fault.HANG_BEFORE),
        {"operator": "acme"},
        frozenset({"MmGatewayBreakerNotClosed", "MmGatewayReadsFailing"}),
    ),
    Act(
        "an operator answers slowly",
        misbehaving("birch", Fault.DELAY, delay_s=1.4),
        {"alertname": "MmGatewayBudgetBurnsFast"},
        frozenset({"MmGatewayBudgetBurnsFast"}),
        "MmGatewayOperatorSlow",
    ),
    Act(
        "every withdraw fails, rollbacks succeed",
        misbehaving("cedar", Fault.OTHER_ERROR, *HOLDS),
        {"operator": "cedar"},
        frozenset({"MmGatewayHoldsFailing"}),
    ),
    Act(
        "an operator answers 500 to rollbacks alone",
        misbehaving("dune", Fault.ERROR_BEFORE, *ROLLBACKS),
        {"operator": "dune"},
        frozenset({"MmGatewayDeliveryFailing", "MmGatewayBreakerNotClosed", "MmGatewayUndelivered"}),
    ),
    Act("the game never confirms", game("elm", Manner.NEVER_ENDS), {}, frozenset(), "MmGatewayAbandoned"),
    Act(
        "PostgreSQL is stopped",
        at_journals.first_stopped,
        {"journal": "default"},
        frozenset({"MmGatewayJournalFails", "MmGatewayUncounted"}),
    ),
    Act(
        "the clock of a gateway is a minute ahead",
        at_gateways.clock_ahead,
        {"alertname": "MmGatewayClockOff"},
        frozenset({"MmGatewayClockOff"}),
    ),
    Act(
        "every gateway is killed",
        at_gateways.all_killed,
        {"alertname": "MmGatewayAllDown"},
        frozenset({"MmGatewayAllDown"}),
    ),
)
