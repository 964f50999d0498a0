"""All journals of the configuration: opened together, each with its housekeeping, and closed last."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog

from gateway.build import version
from gateway.clock import SteadyClock
from gateway.crashpoints import crash_point
from gateway.journal import excess_rights, open_journal, server_advice
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import Journal, JournalError, JournalMeasures, JournalUnavailable
from gateway.journal.moving import finish_moves
from gateway.journal.traced import traced_journal
from gateway.records import Instance, UnfinishedCount
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.journal_growth import GrowthWatch
from gateway.runtime.misplaced import misplaced
from gateway.runtime.set_clock import ahead_s, clock_reference, set_clock
from gateway.runtime.supervisor import Supervisor
from gateway.settings import JournalSettings, Settings
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import Metrics
from gateway.transfers.housekeeping import Housekeeping

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

CHECK_TIMEOUT_S: Final = 2.0
"""How long a journal may take to answer before it counts as not ready."""

CHECK_CACHE_S: Final = 1.0
"""How long the result of a check is used again, however often readiness is asked for."""

MEASURE_EVERY_S: Final = 5.0

log = structlog.get_logger(__name__)


class OpenJournals:
    """Every journal by name, with its housekeeping. `instance` is the id under which this process owns rows."""

    def __init__(
        self,
        metrics: Metrics,
        clock: SteadyClock,
        instance: str,
        supervisor: Supervisor,
        tracing: Tracing | None = None,
    ) -> None:
        self.open: dict[str, Journal] = {}
        self._tracing = tracing
        self._metrics = metrics
        self._clock = clock
        self._instance = instance
        self._supervisor = supervisor
        self._housekeeping: dict[str, Housekeeping] = {}
        self._measures: dict[str, JournalMeasures] = {}
        self._checked_at = float("-inf")
        self._problems: list[str] = []
        self.displaced: list[str] = []
        """Which operators have left their journal while the gateway runs, and what to do; it must stop then."""
        self.on_displaced: Callable[[], None] = lambda: None

    async def begin(self, settings: Settings, configuration: str) -> None:
        """Opens all journals, releases what dead instances owned, and starts housekeeping. `configuration` is the hash
        of the settings. Raises `JournalError`, or `ConfigurationUnusable` for an operator in a journal that it has
        left."""
        self._settings = settings
        opened: dict[str, CopyableJournal] = {}
        for name, journal in settings.every_journal.items():
            one = opened[name] = await open_journal(name, journal, self._metrics, self._clock)
            await _advise(name, journal)
            self.open[name] = one if self._tracing is None else traced_journal(name, one, self._tracing)
        await finish_moves(opened)
        await self.require_places(settings)
        self._growth = {
            name: GrowthWatch(name, journal.sqlite_path)
            for name, journal in settings.every_journal.items()
            if journal.sqlite_path
        }
        self._reference = clock_reference(settings)
        # Before any of its times is written.
        await set_clock(self._clock, self.open, self._reference)
        # All are open before any row is taken over, so that a start which fails has taken over none.
        self._housekeeping = {
            name: self._make_housekeeping(name, settings, configuration) for name in settings.every_journal
        }
        for housekeeping in self._housekeeping.values():
            await housekeeping.begin()
        # Again, now that the leases are written: a move that was made in between has not seen them
        # (test_a_gateway_that_starts_while_its_operator_moves_refuses).
        await self.require_places(settings)
        crash_point("start.inherited")
        self._start_housekeeping()
        self._metrics.watch_unfinished(self.unfinished)
        for name in self.open:
            self._metrics.start_journal(name)
            self._metrics.watch(f"journal {name}", partial(self._readings, name))
            self._supervisor.keep(f"measuring of journal {name}", partial(self._measure, name))

    async def require_places(self, settings: Settings) -> None:
        """Raises `ConfigurationUnusable` if these settings put an operator into a journal that it has left; and
        `JournalUnavailable`."""
        marks = {name: await journal.moved_operators() for name, journal in self.open.items()}
        if problems := list(misplaced(settings, marks)):
            raise ConfigurationUnusable(problems)

    async def apply_settings(self, settings: Settings, configuration: str) -> None:
        """Housekeeping uses these settings, whose hash is `configuration`, from now on."""
        self._settings = settings
        for name in self._housekeeping:
            await self._supervisor.drop(_housekeeping_name(name))
        for name, housekeeping in self._housekeeping.items():
            housekeeping.apply_settings(
                keep_s=_keep_s(settings, name),
                abandoned_after_s=settings.abandoned_after,
                configuration=configuration,
            )
        self._start_housekeeping()

    async def problems(self) -> list[str]:
        """Which journals could not make a write durable now, and why. Each is checked at most once a second."""
        now = self._clock.monotonic()
        if now - self._checked_at >= CHECK_CACHE_S:
            found = await asyncio.gather(*(self._check(name, journal) for name, journal in self.open.items()))
            self._problems = [problem for problem in found if problem]
            self._checked_at = self._clock.monotonic()
        return self._problems

    def unfinished(self) -> list[UnfinishedCount]:
        """The unfinished transfers of all journals, as last counted."""
        return [count for housekeeping in self._housekeeping.values() for count in housekeeping.unfinished]

    def counted_since(self, at: float) -> dict[str, list[UnfinishedCount]]:
        """The unfinished transfers of each journal that was counted since then (by the monotonic clock)."""
        return {
            name: housekeeping.unfinished
            for name, housekeeping in self._housekeeping.items()
            if housekeeping.counted_at is not None and housekeeping.counted_at >= at
        }

    def holds_lease_since(self, name: str, at: float) -> bool:
        """Whether this instance has counted as alive in that journal without a break since then (Unix seconds)."""
        return self._housekeeping[name].holds_lease_since(at)

    async def close(self) -> None:
        """Ends this instance's lease in each journal, so that others take over at once, and closes it."""
        for journal in self.open.values():
            await self._end_lease(journal)
            crash_point("stop.told")
            await journal.close()
        self.open.clear()

    def _make_housekeeping(self, name: str, settings: Settings, configuration: str) -> Housekeeping:
        return Housekeeping(
            self.open[name],
            self._clock,
            self._instance,
            keep_s=_keep_s(settings, name),
            abandoned_after_s=settings.abandoned_after,
            doubt_s=self._clock.doubt_s,
            version=version(),
            configuration=configuration,
        )

    def _start_housekeeping(self) -> None:
        for name, housekeeping in self._housekeeping.items():
            self._supervisor.keep(_housekeeping_name(name), housekeeping.run)

    async def _measure(self, name: str) -> None:
        while True:
            try:
                measures = await self.open[name].measure()
                await self._look_for_moved(name)
            except JournalUnavailable:
                # What was measured before says nothing now: its series end until the journal is back.
                self._measures.pop(name, None)
            else:
                self._measures[name] = measures
                if name == self._reference:
                    self._clock.follow(ahead_s(self._clock, measures))
                if name in self._growth:
                    await self._growth[name].look(measures.log_bytes)
            await asyncio.sleep(MEASURE_EVERY_S)

    async def _look_for_moved(self, name: str) -> None:
        # Nothing moves away from a gateway that keeps its lease. One that was suspended for longer finds it moved: what
        # it writes here from now on would count nowhere (test_a_gateway_that_slept_through_a_move_stops).
        if problems := list(misplaced(self._settings, {name: await self.open[name].moved_operators()})):
            log.critical("an operator has left its journal: the gateway stops", journal=name, problems=problems)
            self.displaced = problems
            self.on_displaced()

    def _readings(self, name: str) -> Iterator[Reading]:
        """What metrics show of one journal."""
        counted_at = self._housekeeping[name].counted_at
        if counted_at is not None:
            # By the wall clock: Prometheus compares it with its own.
            at = self._clock.wall() - (self._clock.monotonic() - counted_at)
            yield Reading("transfers_counted_timestamp_seconds", at, (name,))
        yield from _usage_readings(name, self.open.get(name))
        yield from self._measure_readings(name, self._measures.get(name))

    def _measure_readings(self, name: str, measures: JournalMeasures | None) -> Iterator[Reading]:
        if measures is None:
            return
        yield Reading("journal_rows", measures.transfers, (name, "transfers"))
        yield Reading("journal_rows", measures.sessions, (name, "sessions"))
        yield Reading("journal_bytes", measures.data_bytes, (name, "data"))
        if measures.log_bytes is not None:
            yield Reading("journal_bytes", measures.log_bytes, (name, "log"))
        if measures.free_bytes is not None:
            yield Reading("journal_free_bytes", measures.free_bytes, (name,))
        if measures.clock_offset_s is not None:
            # The machine's clock, which somebody has to set, and not ours, which is corrected already.
            offset_s = measures.clock_offset_s - self._clock.ahead_of_wall_s()
            yield Reading("clock_offset_seconds", offset_s, (name,))

    async def _check(self, name: str, journal: Journal) -> str | None:
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
            log.warning("the lease could not be ended; others take over once it is over", error=str(error))


async def _advise(name: str, journal: JournalSettings) -> None:
    with suppress(JournalError):  # an answer that is missing keeps no gateway from serving
        if rights := await excess_rights(name, journal):
            log.warning("the journal's role may do more than serve", journal=name, rights=", ".join(rights))
        for advice in await server_advice(name, journal):
            log.warning("the journal's server limits the gateway", journal=name, advice=advice)


def _keep_s(settings: Settings, name: str) -> float | None:
    """How long finished transfers of a journal are kept, in seconds; None keeps them for ever."""
    # `settings.checks` refuses a shorter time in a file. Settings made in code were not checked, and what is forgotten
    # while the game may still name it could be sent twice:
    # test_settings_that_nobody_checked_do_not_make_a_journal_forget_too_early.
    keep = settings.every_journal[name].keep
    return None if keep is None else max(keep, settings.least_keep(name))


def _housekeeping_name(name: str) -> str:
    return f"housekeeping of journal {name}"


def _usage_readings(name: str, journal: Journal | None) -> Iterator[Reading]:
    if journal is None:  # closed: the gateway stops
        return
    usage = journal.usage()
    yield Reading("journal_writes_waiting", usage.writes_waiting, (name,))
    yield Reading("journal_writes_limit", usage.writes_limit, (name,))
    if usage.connections_limit:
        yield Reading("journal_connections", usage.connections_in_use, (name, "in_use"))
        yield Reading("journal_connections", usage.connections_idle, (name, "idle"))
        yield Reading("journal_connections_limit", usage.connections_limit, (name,))
