"""What a gateway's clock is set by at the start, and follows then: the database's clock, or else this machine's."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from gateway.clock import LONGEST_SETBACK_S, STEP_S, SteadyClock
from gateway.journal.interface import Journal, JournalMeasures
from gateway.settings import Settings
from gateway.transfers import housekeeping

log = structlog.get_logger(__name__)


def clock_reference(settings: Settings) -> str:
    """The journal whose clock all gateways share: the first one in a database. The first of all where none is."""
    journals = settings.every_journal
    return next((name for name, journal in journals.items() if journal.sqlite_path is None), next(iter(journals)))


def ahead_s(clock: SteadyClock, measures: JournalMeasures) -> float:
    """How far the clock is ahead of its reference: of the database that was just measured, or else of the machine's."""
    return clock.ahead_of_wall_s() if measures.clock_offset_s is None else measures.clock_offset_s


async def set_clock(clock: SteadyClock, journals: Mapping[str, Journal], reference: str) -> None:
    """At the start. Raises `JournalUnavailable`."""
    # By the database's clock, since the other gateways follow that: one that has just booted may not have been set yet.
    clock.set_back(ahead_s(clock, await journals[reference].measure()))
    leases = [await journal.last_lease() for journal in journals.values()]
    last_alive_at = max((ends_at for ends_at in leases if ends_at is not None), default=None)
    if last_alive_at is None:
        return
    if all(journal.exclusive for journal in journals.values()):
        _go_on_from(clock, last_alive_at - housekeeping.INSTANCE_LEASE_S)
    clock.doubt_until(last_alive_at)
    if clock.doubt_s() > LONGEST_SETBACK_S:
        log.warning(
            "no gateway was alive for days, or the clock is ahead: nothing is parked or pruned at once",
            by_s=round(clock.doubt_s()),
        )


def _go_on_from(clock: SteadyClock, alive_at: float) -> None:
    """This gateway was alive at `alive_at`, later than now: its clock was set back meanwhile. What it has written would
    fall due too late by as much."""
    back_s = alive_at - clock.now()
    if STEP_S < back_s < LONGEST_SETBACK_S:
        log.warning("the clock was set back since the last start; it is followed slowly", by_s=round(back_s))
        clock.set_back(-back_s)
