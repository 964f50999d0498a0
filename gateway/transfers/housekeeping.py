"""What keeps a journal in order while instances come and go: their leases, orphaned rows, pruning, counting, and
players that become known later."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

import structlog

from gateway.clock import LONGEST_SETBACK_S, Clock, no_doubt
from gateway.crashpoints import crash_point
from gateway.journal.interface import Journal, JournalUnavailable, TransferFilter
from gateway.journal.writes import Change
from gateway.reasons import Categories, Source
from gateway.records import CLAIMABLE, Instance, Reason, Transfer, UnfinishedCount
from gateway.transfers import rules
from gateway.transfers.unknown_players import UnknownPlayers

ROUND_EVERY_S: Final = 5.0
INSTANCE_LEASE_S: Final = 15.0
PRUNE_LIMIT: Final = 500

log = structlog.get_logger(__name__)


class Housekeeping:
    """The housekeeping of one journal. `version` of the program and `configuration`, its hash, are what the instance
    says of itself; `keep_s` is how long final transfers are kept, None for ever; `abandoned_after_s` is the age from
    which a held transfer counts as abandoned; `doubt_s()` by how many seconds the clock may be ahead, for which pruning
    waits."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        instance: str,
        *,
        keep_s: float | None,
        abandoned_after_s: float,
        doubt_s: Callable[[], float] = no_doubt,
        version: str | None = None,
        configuration: str | None = None,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._instance = instance
        self._doubt_s = doubt_s
        self._version = version
        self._unknown_players = UnknownPlayers(journal, clock)
        self.apply_settings(keep_s=keep_s, abandoned_after_s=abandoned_after_s, configuration=configuration)
        self._started_at = clock.now()
        self._started_at_monotonic = clock.monotonic()
        self._leased_since = -math.inf
        self._leased_until = math.inf
        self.unfinished: list[UnfinishedCount] = []
        self.counted_at: float | None = None
        """When the unfinished transfers were counted, by the monotonic clock."""

    def apply_settings(
        self, *, keep_s: float | None, abandoned_after_s: float, configuration: str | None = None
    ) -> None:
        """From now on these times count, and this is the hash of the configuration."""
        self._configuration = configuration
        self._keep_s = keep_s
        self._abandoned_after_s = abandoned_after_s

    def holds_lease_since(self, at: float) -> bool:
        """Whether this instance has counted as alive without a break since then (Unix seconds), so that nobody has
        taken over what it has written since. Nobody can take over anything in an exclusive journal."""
        return self._journal.exclusive or (self._leased_since <= at and self._clock.now() < self._leased_until)

    async def begin(self) -> None:
        """Once, before anything else is done with the journal. Raises `JournalUnavailable`."""
        # Nobody else can have an exclusive journal open, so whatever is owned there is orphaned: no lease need be
        # waited for (test_where_nobody_else_can_be_alive_the_past_is_taken_over_at_once).
        if self._journal.exclusive:
            await self._release_orphans(math.inf)
            await self._recall_far_ones()
        await self._renew_lease()

    async def run(self) -> None:
        """A round every `ROUND_EVERY_S`, until cancelled; goes on when the journal is back after it was unavailable."""
        while True:
            try:
                await self.round()
            except JournalUnavailable as error:
                log.warning("housekeeping waits for the journal", error=str(error))
            await asyncio.sleep(ROUND_EVERY_S)

    async def round(self) -> None:
        """One round. What it has no time for is done in the next one: the lease must be renewed. Raises
        `JournalUnavailable`."""
        until = self._clock.monotonic() + ROUND_EVERY_S
        await self._renew_lease()
        await self._release_orphans(self._clock.now())
        self.unfinished = await self._journal.count_unfinished(self._clock.now() - self._abandoned_after_s)
        self.counted_at = self._clock.monotonic()
        await self._unknown_players.name_some(until)
        await self._prune(until)

    async def _renew_lease(self) -> None:
        until = self._clock.now() + INSTANCE_LEASE_S
        await self._journal.renew_lease(
            Instance(
                id=self._instance,
                started_at=self._started_at,
                lease_until=until,
                version=self._version,
                configuration=self._configuration,
            )
        )
        # Renewed only after it had ended: others may have taken this instance for dead in between.
        if self._clock.now() >= self._leased_until:
            self._leased_since = self._clock.now()
        self._leased_until = until
        crash_point("housekeeping.lease_renewed")

    async def _recall_far_ones(self) -> None:
        """What falls due in more than a day was written while the clock was ahead: nobody would deliver it until then.
        At worst it is tried once too often."""
        where = TransferFilter(states=CLAIMABLE, due_after=self._clock.now() + LONGEST_SETBACK_S)
        moved = 1
        while moved and (found := await self._journal.list_transfers(where, limit=PRUNE_LIMIT)):
            changes = [self._recalled(transfer) for transfer in found]
            answers = await asyncio.gather(*map(self._journal.change, changes))
            moved = sum(answer.moved for answer in answers)
            log.warning("the clock was ahead when these were written: they are due now", transfers=moved)

    def _recalled(self, transfer: Transfer) -> Change:
        now = self._clock.now()
        text = f"{transfer.direction} interrupted: its outcome was never recorded"
        reason = Reason(text=text, source=Source.GATEWAY, category=Categories([]).of(text), at=now)
        return rules.recall(transfer, reason, now)

    async def _release_orphans(self, now: float) -> None:
        rows = await self._journal.release_orphans(now)
        crash_point("housekeeping.orphans_released")
        if rows:
            log.warning("took over what a dead instance left behind", transfers=rows)

    def _earliest_now(self) -> float:
        """The time (Unix seconds) by the wall clock, or by what has passed since the start if that is earlier."""
        # A clock that jumps ahead must not prune what the game may still name
        # (test_a_clock_that_jumps_ahead_makes_nothing_forgotten).
        return min(self._clock.now(), self._started_at + self._clock.monotonic() - self._started_at_monotonic)

    async def _prune(self, until: float) -> None:
        """Deletes in small steps, so that no call waits for a long delete."""
        if self._keep_s is None:
            return
        before = self._earliest_now() - self._doubt_s() - self._keep_s
        pruned = PRUNE_LIMIT
        while pruned >= PRUNE_LIMIT and self._clock.monotonic() < until:
            pruned = await self._journal.prune(before, PRUNE_LIMIT)
            crash_point("housekeeping.pruned")
