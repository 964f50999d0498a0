"""All journals of the configuration: opened together, kept in order, closed last."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.crashpoints import crash_point
from gateway.journal import open_journal
from gateway.journal.interface import Journal, JournalError, JournalUnavailable
from gateway.records import Instance, UnfinishedCount
from gateway.runtime.supervisor import Supervisor
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.housekeeping import Housekeeping

CHECK_TIMEOUT_S: Final = 2.0
CHECK_KEPT_S: Final = 1.0
COUNT_EVERY_S: Final = 5.0

log = structlog.get_logger(__name__)


class OpenJournals:
    """Every journal with its housekeeping. `instance` is the id under which this process owns rows."""

    def __init__(self, metrics: Metrics, clock: Clock, instance: str, supervisor: Supervisor) -> None:
        self.open: dict[str, Journal] = {}
        self._metrics = metrics
        self._clock = clock
        self._instance = instance
        self._supervisor = supervisor
        self._housekeeping: dict[str, Housekeeping] = {}
        self._checked_at = float("-inf")
        self._problems: list[str] = []

    async def begin(self, settings: Settings) -> None:
        """Opens all, takes over what dead instances left, and starts the chores. Raises `JournalError`."""
        for name, journal in settings.every_journal.items():
            self.open[name] = await open_journal(name, journal, self._metrics, self._clock)
        self._housekeeping = {name: self._make_housekeeping(name, settings) for name in settings.every_journal}
        for house in self._housekeeping.values():
            await house.begin()
        crash_point("start.inherited")
        self._start_housekeeping()
        self._supervisor.keep("count of transfers", self._count)

    async def apply_settings(self, settings: Settings) -> None:
        """From now on the chores go by these settings."""
        for name in self._housekeeping:
            await self._supervisor.drop(_housekeeping_name(name))
        for name, house in self._housekeeping.items():
            house.apply_settings(keep_s=_kept_s(settings, name), abandoned_after_s=settings.abandoned_after)
        self._start_housekeeping()

    async def problems(self) -> list[str]:
        """Which journals would not make a write durable now. Asked at most once a second, however many want to know."""
        now = self._clock.monotonic()
        if now - self._checked_at >= CHECK_KEPT_S:
            found = await asyncio.gather(*(self._problem(name, journal) for name, journal in self.open.items()))
            self._problems = [problem for problem in found if problem]
            self._checked_at = self._clock.monotonic()
        return self._problems

    def tallies(self) -> list[UnfinishedCount]:
        """What was unfinished when the chores last counted."""
        return [tally for house in self._housekeeping.values() for tally in house.unfinished]

    async def close(self) -> None:
        """Says that this instance is gone, so that others take over at once; then closes all."""
        for journal in self.open.values():
            await self._end_lease(journal)
            crash_point("stop.told")
            await journal.close()
        self.open.clear()

    def _make_housekeeping(self, name: str, settings: Settings) -> Housekeeping:
        return Housekeeping(
            self.open[name],
            self._clock,
            self._instance,
            keep_s=_kept_s(settings, name),
            abandoned_after_s=settings.abandoned_after,
        )

    def _start_housekeeping(self) -> None:
        for name, house in self._housekeeping.items():
            self._supervisor.keep(_housekeeping_name(name), house.run)

    async def _count(self) -> None:
        while True:
            self._metrics.tallies(self.tallies())
            await asyncio.sleep(COUNT_EVERY_S)

    async def _problem(self, name: str, journal: Journal) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await journal.check_writable()
        except TimeoutError:
            return f"journal {name}: no answer within {CHECK_TIMEOUT_S:g} s"
        except JournalError as error:
            return f"journal {name}: {error}"
        return None

    async def _end_lease(self, journal: Journal) -> None:
        now = self._clock.now()
        try:
            await journal.renew_lease(Instance(id=self._instance, started_at=now, lease_until=now))
        except JournalUnavailable as error:
            log.warning("the journal could not be told that this instance stops", error=str(error))


def _kept_s(settings: Settings, name: str) -> float | None:
    """How long finished transfers of a journal are kept. A configuration that was read from a file has been checked;
    this holds for whatever else settings are made from: nothing is forgotten while a call about it may still come."""
    keep = settings.every_journal[name].keep
    return None if keep is None else max(keep, settings.least_keep(name))


def _housekeeping_name(name: str) -> str:
    return f"chores of journal {name}"
