"""What keeps a journal in order while instances come and go: heartbeats, inheritance, pruning, and the tallies."""

from __future__ import annotations

import asyncio
import math
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.crashpoints import crash_point
from gateway.journal.interface import Journal, JournalUnavailable
from gateway.records import Instance, UnfinishedCount

BEAT_EVERY_S: Final = 5.0
INSTANCE_LEASE_S: Final = 15.0
PRUNE_LIMIT: Final = 500

log = structlog.get_logger(__name__)


class Housekeeping:
    """The chores of one journal. `keep_s` is how long final transfers are kept, None for ever; `abandoned_after_s` is
    the age from which a held transfer counts as abandoned."""

    def __init__(
        self, journal: Journal, clock: Clock, instance: str, *, keep_s: float | None, abandoned_after_s: float
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._instance = instance
        self.apply_settings(keep_s=keep_s, abandoned_after_s=abandoned_after_s)
        self._started_at = clock.now()
        self._began = clock.monotonic()
        self.tallies: list[UnfinishedCount] = []

    def apply_settings(self, *, keep_s: float | None, abandoned_after_s: float) -> None:
        """From now on the chores go by these times."""
        self._keep_s = keep_s
        self._abandoned_after_s = abandoned_after_s

    async def begin(self) -> None:
        """Takes over what others left behind, where nobody else can be alive. Raises `JournalUnavailable`."""
        if self._journal.exclusive:
            await self._inherit(math.inf)
        await self._beat()

    async def run(self) -> None:
        """A round of chores every `BEAT_EVERY_S`, until cancelled; a journal that is away is waited for."""
        while True:
            try:
                await self.round()
            except JournalUnavailable as error:
                log.warning("housekeeping waits for the journal", error=str(error))
            await asyncio.sleep(BEAT_EVERY_S)

    async def round(self) -> None:
        """One round. Raises `JournalUnavailable`."""
        await self._beat()
        await self._inherit(self._clock.now())
        self.tallies = await self._journal.count_unfinished(self._clock.now() - self._abandoned_after_s)
        await self._prune()

    async def _beat(self) -> None:
        now = self._clock.now()
        await self._journal.renew_lease(
            Instance(id=self._instance, started_at=self._started_at, lease_until=now + INSTANCE_LEASE_S)
        )
        crash_point("recovery.beaten")

    async def _inherit(self, now: float) -> None:
        rows = await self._journal.release_orphans(now)
        crash_point("recovery.inherited")
        if rows:
            log.warning("took over what a dead instance left behind", transfers=rows)

    def _surely_now(self) -> float:
        """The time (Unix seconds), but no later than when the chores were made and what has passed since: a clock that
        jumps ahead must not make the gateway forget what the game may still name."""
        return min(self._clock.now(), self._started_at + self._clock.monotonic() - self._began)

    async def _prune(self) -> None:
        """Small steps, so that no call waits for a long delete."""
        if self._keep_s is None:
            return
        before = self._surely_now() - self._keep_s
        pruned = PRUNE_LIMIT
        while pruned >= PRUNE_LIMIT:
            pruned = await self._journal.prune(before, PRUNE_LIMIT)
            crash_point("recovery.pruned")
