"""Which alerts Prometheus has firing, followed while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

import msgspec

from tests.monitoring.prometheus import Alert, Prometheus

PREFIX: Final = "MmGateway"
LOOK_S: Final = 0.2
FIRE_S: Final = 120.0
"""How long an alert may take to fire, or to resolve."""


class Expected(msgspec.Struct, frozen=True):
    """An alert by its name and some of its labels."""

    name: str
    labels: dict[str, str] = {}

    def is_met_by(self, alert: Alert) -> bool:
        return alert.name == self.name and alert.state == "firing" and self.labels.items() <= alert.labels.items()

    def __str__(self) -> str:
        return f"{self.name}{self.labels or ''}"


def at_operator(name: str, *alerts: str) -> tuple[Expected, ...]:
    return tuple(Expected(f"{PREFIX}{alert}", {"operator": name}) for alert in alerts)


def at_journal(name: str, *alerts: str) -> tuple[Expected, ...]:
    return tuple(Expected(f"{PREFIX}{alert}", {"journal": name}) for alert in alerts)


def anywhere(*alerts: str) -> tuple[Expected, ...]:
    return tuple(Expected(f"{PREFIX}{alert}") for alert in alerts)


class NeverCame(Exception):
    """What was waited for did not happen in time; the text says what, and what there was instead."""


class Watch:
    """`seen` are the names of all alerts that have fired since it began, `story` when each of them did and stopped."""

    def __init__(self, prometheus: Prometheus) -> None:
        self.prometheus = prometheus
        self.now: list[Alert] = []
        self.seen: set[str] = set()
        self.story: list[str] = []
        self._began = monotonic()
        self._looked = asyncio.Condition()

    async def look(self) -> None:
        """Again and again, until it is cancelled."""
        while True:
            alerts = await self.prometheus.alerts()
            async with self._looked:
                self._note(alerts)
                self._looked.notify_all()
            await asyncio.sleep(LOOK_S)

    def _note(self, alerts: list[Alert]) -> None:
        before, after = ({str(alert) for alert in some if alert.state == "firing"} for some in (self.now, alerts))
        passed_s = monotonic() - self._began
        self.story += [f"{passed_s:5.1f} s: {alert} fires" for alert in sorted(after - before)]
        self.story += [f"{passed_s:5.1f} s: {alert} is resolved" for alert in sorted(before - after)]
        self.now = alerts
        self.seen |= {alert.name for alert in alerts if alert.state == "firing"}

    async def until_scraped(self, targets: int) -> None:
        """Returns once so many targets answer."""
        async with asyncio.timeout(FIRE_S):
            while await self.prometheus.targets_up() < targets:
                await asyncio.sleep(LOOK_S)

    async def until_firing(self, expected: Iterable[Expected]) -> float:
        """Returns once each of them has fired, if not all at the same moment; the seconds that it took."""
        missing = list(expected)
        began = monotonic()
        await self._until(lambda: not self._still_missing(missing), lambda: f"never fired: {_listed(missing)}")
        return monotonic() - began

    async def until_resolved(self, expected: Iterable[Expected]) -> float:
        """Returns once none of them fires any more; the seconds that it took."""
        wanted = list(expected)
        began = monotonic()
        await self._until(lambda: not self._firing(wanted), lambda: f"still firing: {_listed(self._firing(wanted))}")
        return monotonic() - began

    def _still_missing(self, missing: list[Expected]) -> list[Expected]:
        missing[:] = [each for each in missing if not any(each.is_met_by(alert) for alert in self.now)]
        return missing

    def _firing(self, wanted: list[Expected]) -> list[Expected]:
        return [each for each in wanted if any(each.is_met_by(alert) for alert in self.now)]

    async def _until(self, holds: Callable[[], bool], complaint: Callable[[], str]) -> None:
        try:
            async with asyncio.timeout(FIRE_S), self._looked:
                await self._looked.wait_for(holds)
        except TimeoutError:
            raise NeverCame("\n".join([complaint(), *self.story])) from None


@asynccontextmanager
async def watching(prometheus: Prometheus) -> AsyncIterator[Watch]:
    watch = Watch(prometheus)
    looking = asyncio.create_task(watch.look())
    try:
        yield watch
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


def _listed(things: Iterable[object]) -> str:
    return ", ".join(str(each) for each in things) or "nothing"
