"""A gateway of a simulation: the real runtime in a process of its own, with listeners and a journal in memory."""

from __future__ import annotations

import asyncio
import contextvars
import math
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

import gateway.journal.sqlite.store
import gateway.operators.registry
import gateway.runtime.listeners
import gateway.runtime.open_journals
import gateway.runtime.runtime
import gateway.toolbox.rsa
import gateway.transfers.delivery_loop
import gateway.transfers.housekeeping
from adapters.hub88 import Hub88
from gateway.clock import Clock
from gateway.journal.interface import Journal
from gateway.runtime import Runtime
from gateway.settings import AdminSettings, JournalSettings, ServerSettings, Settings
from gateway.telemetry.metrics import Metrics
from tests.simulation.plan import Pace
from tests.simulation.processes import PROCESS, Process, SimulatedLoop
from tests.support.virtual_time import VirtualClock

OPERATORS: Final = 1
"""The listener for operators; the first is the game's, the last the admin's."""

OpenJournal = Callable[[str, Metrics, Clock], Journal]


KEEP_S: Final = 180 * 86_400.0
"""How long finished transfers are kept: longer than any seed takes."""


class _Listener:
    """Takes connections in memory instead of on a socket."""

    port: Final = 0

    def __init__(self) -> None:
        self.factory: Callable[[], asyncio.Protocol] | None = None

    def serve(self, factory: Callable[[], asyncio.Protocol], _tls: Any) -> None:
        self.factory = factory

    def close(self) -> None:
        self.factory = None


class Gateway:
    """One gateway, from its start to its death or stop. `listener` takes the game's connections."""

    def __init__(
        self,
        name: str,
        loop: SimulatedLoop,
        settings: Settings,
        open_journal: OpenJournal,
        on_death: Callable[[Process], None],
    ) -> None:
        self.name = name
        self.clock = VirtualClock(loop)
        self.metrics = Metrics(self.clock.now)
        self.process = Process(name, loop, on_death)
        self._time = loop.time
        self.listeners: list[_Listener] = []
        self.open_journal = open_journal
        self.serving = False
        self.well_until = math.inf
        """When it began to stop, or died, or stood still, or lost its journal."""
        self.stopped = False
        """Whether it came to rest by itself, with nothing left unfinished."""
        self._samples: list[Any] = []
        self.process.context.run(HERE.set, self)
        self.runtime = self.process.context.run(Runtime, settings, self.clock, self.metrics)
        self.work = self.process.start(self._start())

    @property
    def accepts(self) -> bool:
        """Whether a connection from the game would be taken."""
        return self.process.alive and self.serving and self.listeners[0].factory is not None

    def reload(self, settings: Settings) -> asyncio.Task[None]:
        return self.process.start(self.runtime.reload(settings))

    def stop(self) -> asyncio.Task[None]:
        self.serving = False
        self.fares_ill()
        return self.process.start(self._stop())

    def fares_ill(self) -> None:
        """From now on others may take it for dead."""
        self.well_until = min(self.well_until, self._time())

    def samples(self) -> list[Any]:
        """All that its metrics show, read once and for all."""
        if not self._samples:
            self._samples = [sample for family in self.metrics.registry.collect() for sample in family.samples]
        return self._samples

    def connect(self, transport: asyncio.BaseTransport, listener: int = 0) -> asyncio.Protocol:
        """A connection from the game (or from an operator: `OPERATORS`), made in this process."""
        factory = self.listeners[listener].factory
        assert factory is not None
        protocol = factory()
        protocol.connection_made(transport)
        return protocol

    async def _start(self) -> None:
        await self.runtime.start()
        self.serving = True

    async def _stop(self) -> None:
        await self.runtime.stop()
        self.stopped = True


SIGN: Final = lru_cache(maxsize=50_000)(gateway.toolbox.rsa.rsa_sha256_base64)
"""A signature costs more than all the rest of a call; the same bytes always get the same."""

HERE: Final[contextvars.ContextVar[Gateway]] = contextvars.ContextVar("here")


def settings_of(operators: dict[str, Any], server: dict[str, Any], categories: list[dict[str, str]]) -> Settings:
    """A whole configuration."""
    return Settings.model_validate(
        {
            "server": ServerSettings(port=0, **server),
            "admin": AdminSettings(port=0),
            "operators_server": {"port": 0},
            "journal": JournalSettings(url="sqlite:///journal.db", keep=KEEP_S),
            "log": {"level": "error"},
            "operators": operators,
            "rollback_reasons": {"categories": categories},
        }
    )


@contextmanager
def simulated(seed: int, pace: Pace) -> Iterator[None]:
    """Puts what a process has around it (sockets, names, random numbers, TLS files, threads) in the simulation."""
    before = random.getstate()
    random.seed(seed)
    with ExitStack() as stack:
        for place, name, value in (
            (gateway.runtime.listeners, "_bind", _listen),
            (gateway.runtime.open_journals, "open_journal", _open_journal),
            (gateway.operators.registry, "tls_context", lambda *_: None),
            (gateway.runtime.runtime, "socket", SimpleNamespace(gethostname=_name)),
            (gateway.runtime.runtime, "secrets", SimpleNamespace(token_hex=lambda _: "0")),
            (gateway.runtime.runtime, "os", SimpleNamespace(getpid=lambda: 0, environ=os.environ)),
            (gateway.runtime.open_journals, "MEASURE_EVERY_S", pace.beat_every_s),
            (gateway.transfers.delivery_loop, "POLL_S", pace.poll_s),
            (gateway.transfers.housekeeping, "ROUND_EVERY_S", pace.beat_every_s),
            (gateway.transfers.housekeeping, "INSTANCE_LEASE_S", pace.instance_lease_s),
            (gateway.journal.sqlite.store, "CHECKPOINT_PAGES", pace.checkpoint_pages),
            (Hub88, "signer", None),
            (gateway.toolbox.rsa, "rsa_sha256_base64", SIGN),
        ):
            stack.enter_context(patch.object(place, name, value))
        yield
    random.setstate(before)


def _listen(*_: Any) -> _Listener:
    listener = _Listener()
    HERE.get().listeners.append(listener)
    return listener


async def _open_journal(_name: str, _settings: JournalSettings, metrics: Metrics, clock: Clock) -> Journal:
    here = HERE.get()
    return here.open_journal(here.name, metrics, clock)


def _name() -> str:
    process = PROCESS.get()
    return "" if process is None else process.name
