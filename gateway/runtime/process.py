"""The gateway as a process: it prints one line once it serves; SIGTERM and SIGINT stop it, SIGHUP reloads it.

Whoever wants to hear what comes of a reload asks for it at the `reload_socket`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from operator import eq
from typing import Protocol

import structlog

from gateway import early_signals
from gateway.clock import SystemClock
from gateway.runtime import systemd
from gateway.runtime.descriptors import descriptor_advice
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.interpreter import loop_factory, short_turns, tune_collector
from gateway.runtime.listeners import Addresses
from gateway.runtime.logging_setup import configure_logging, require_audit_file
from gateway.runtime.loop_watch import LoopWatch
from gateway.runtime.reload_socket import serve_reloads
from gateway.runtime.runtime import Runtime
from gateway.runtime.workers.parent import Parent
from gateway.settings import Loaded, Settings, SettingsError
from gateway.telemetry import audit, logs
from gateway.telemetry.metrics import Metrics

ReadConfiguration = Callable[[], Loaded]
"""Reads the configuration from its file. Raises `SettingsError`."""

EXIT_INTERRUPTED = 130
"""The exit status of shells for a process that SIGINT ended: 128 + 2."""

LAST_LINES_AT_ONCE_S = 0.2
"""How long an exit at once waits for the last lines of the log to be written."""

UNCHANGED_HINT = (
    "files named in it were read again. If the file itself was changed: one that is mounted by itself into a container "
    "stays the old one when it is replaced outside, so mount its folder. The environment and systemd's credentials are "
    "those of the start"
)

log = structlog.get_logger(__name__)


class Gateway(Protocol):
    """What serves: `Runtime` in this process, or `Parent` with workers."""

    settings: Settings
    metrics: Metrics
    instance: str

    async def start(self) -> Addresses:
        """Starts serving. Raises what `run` does."""

    async def take_up(self, loaded: Loaded) -> None:
        """Applies another configuration. Raises `ConfigurationUnusable`; then nothing has changed."""

    async def reopen_files(self) -> None:
        """Opens files again that whoever asks for a reload may have renamed."""

    def reloaded(self, *, ok: bool) -> None:
        """A reload was applied, or refused."""

    async def stop(self) -> None:
        """Finishes what runs, within `stop_timeout`, and ends."""

    def end_processes(self) -> None:
        """Ends the processes that it has started, at once."""

    @property
    def displaced(self) -> list[str]:
        """Which operators have left their journal while the gateway runs, and what to do; empty if none has."""

    def on_displaced(self, stop: Callable[[], None]) -> None:
        """`stop` is called once an operator has left its journal: the gateway must not serve it any more."""


def run(read: ReadConfiguration) -> None:
    """Serves until a signal ends it.

    Raises `SettingsError`, `ConfigurationUnusable`, `JournalError` or `WorkersFailed` if it cannot start, and
    `ConfigurationUnusable` once an operator has left its journal.
    """
    # Before the first line: whoever reads standard error must not be able to stop the gateway by reading no more.
    logs.begin_queue()
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(serve(read))
    finally:
        audit.stream.close()
        logs.end_queue()


async def serve(read: ReadConfiguration) -> None:
    """As `run`, on the loop that runs already."""
    loaded = read()
    gateway: Gateway = Runtime(loaded.settings) if loaded.settings.workers == 1 else Parent(loaded)
    require_audit_file(loaded)
    configure_logging(loaded, gateway.instance)
    addresses = await gateway.start()
    signals = _Signals(gateway, read)
    signals.listen()
    gateway.on_displaced(signals.stop_requested.set)
    asked = await _serve_reloads(signals)
    watching = asyncio.create_task(LoopWatch(gateway.metrics, SystemClock()).run())
    if (advice := descriptor_advice(loaded.settings)) is not None:
        log.warning("limits", advice=advice)
    tune_collector()
    operators = f", operators on {addresses.operators}" if addresses.operators else ""
    sys.stdout.write(f"mm-gateway serving on {addresses.wallet}{operators}, admin on {addresses.admin}\n")
    sys.stdout.flush()
    systemd.ready()
    await signals.stop_requested.wait()
    systemd.stopping()
    log.info("stopping")
    if asked is not None:
        asked.close()
    await gateway.stop()
    watching.cancel()
    log.info("stopped")
    if gateway.displaced:
        raise ConfigurationUnusable(gateway.displaced)


async def _serve_reloads(signals: _Signals) -> asyncio.Server | None:
    """None where it cannot listen for them: SIGHUP still reloads."""
    try:
        return await serve_reloads(signals.reload)
    except OSError as error:
        log.warning("reloads by signal alone", error=error.strerror)
        return None


class _Signals:
    """Signal handlers: `stop_requested` is set by the first SIGTERM or SIGINT; SIGHUP starts a reload."""

    def __init__(self, gateway: Gateway, read: ReadConfiguration) -> None:
        self.stop_requested = asyncio.Event()
        self._gateway = gateway
        self._read = read
        self._is_as_before = False
        self._is_reload_due = False
        self._waiting: list[asyncio.Future[list[str]]] = []
        self._reloading: asyncio.Task[None] | None = None

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._start_reload)
        if early_signals.take():
            self._start_reload()

    def _stop(self) -> None:
        # A second signal exits at once; nothing is lost, since everything that matters is in the journal:
        # test_being_told_twice_to_stop_stops_it_at_once_and_nothing_is_lost.
        if self.stop_requested.is_set():
            self._gateway.end_processes()
            audit.stream.close(LAST_LINES_AT_ONCE_S)
            logs.end_queue(LAST_LINES_AT_ONCE_S)
            os._exit(EXIT_INTERRUPTED)
        self.stop_requested.set()

    async def reload(self) -> list[str]:
        """Reloads. Returns what is wrong; empty if what is in the files now is in force."""
        # Not what comes of a reload that runs already: it may have read the file before it was changed.
        outcome: asyncio.Future[list[str]] = asyncio.get_running_loop().create_future()
        self._waiting.append(outcome)
        self._start_reload()
        return await outcome

    def _start_reload(self) -> None:
        # However many signals come during a reload, one more follows it: it reads what all of them announced.
        self._is_reload_due = True
        if self._reloading is None:
            self._reloading = asyncio.create_task(self._reload_while_due())

    async def _reload_while_due(self) -> None:
        try:
            while self._is_reload_due:
                self._is_reload_due = False
                waiting, self._waiting = self._waiting, []
                with short_turns():
                    problems = await self._reload()
                for outcome in waiting:
                    if not outcome.done():  # whoever asked may be gone
                        outcome.set_result(problems)
        finally:
            self._reloading = None

    async def _reload(self) -> list[str]:
        systemd.reloading()
        await self._gateway.reopen_files()
        problems = await self._try_reload()
        self._gateway.reloaded(ok=not problems)
        if problems:
            log.error("reload refused: nothing has changed", problems=problems)
        else:
            self._tell_reloaded()
        systemd.ready()
        return problems

    def _tell_reloaded(self) -> None:
        """Also that nothing has changed, where whoever sent the signal thought otherwise."""
        if self._is_as_before:
            log.info("reloaded", configuration="as before", hint=UNCHANGED_HINT)
        else:
            log.info("reloaded", configuration="new")

    async def _try_reload(self) -> list[str]:
        """Reads and applies the configuration. Returns what is wrong; empty if it is in force."""
        try:
            loaded = await asyncio.to_thread(self._read)  # calls go on while a large file is read and checked
            await asyncio.to_thread(require_audit_file, loaded)
            former = self._gateway.settings
            await self._gateway.take_up(loaded)
            # In a thread: of a thousand operators, each is compared.
            self._is_as_before = await asyncio.to_thread(eq, loaded.settings, former)
        except SettingsError as error:
            return str(error).splitlines()
        except ConfigurationUnusable as error:
            return list(error.problems)
        except Exception as error:
            log.exception("reload failed")
            return [f"unexpected {type(error).__name__}"]
        return []
