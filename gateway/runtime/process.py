"""The gateway as a process: it prints one line once it serves; SIGTERM and SIGINT stop it, SIGHUP reloads it.

Whoever wants to hear what comes of a reload asks for it at the `reload_socket`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import eq

import structlog

from gateway import early_signals
from gateway.operators.safe_text import fit_text
from gateway.runtime import systemd
from gateway.runtime.descriptors import descriptor_advice
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.loop_watch import LoopWatch
from gateway.runtime.reload_socket import serve_reloads
from gateway.runtime.runtime import Runtime
from gateway.settings import Loaded, SettingsError
from gateway.telemetry import audit, logs

ReadConfiguration = Callable[[], Loaded]
"""Reads the configuration from its file. Raises `SettingsError`."""

EXIT_INTERRUPTED = 130
"""The exit status of shells for a process that SIGINT ended: 128 + 2."""

LAST_LINES_AT_ONCE_S = 0.2
"""How long an exit at once waits for the last lines of the log to be written."""

COLLECT_AFTER = 20_000
"""How many new objects start a collection of the youngest generation (Python's default: 700)."""

UNCHANGED_HINT = (
    "files named in it were read again. If the file itself was changed: one that is mounted by itself into a container "
    "stays the old one when it is replaced outside, so mount its folder. The environment and systemd's credentials are "
    "those of the start"
)

log = structlog.get_logger(__name__)


def run(read: ReadConfiguration) -> None:
    """Serves until a signal ends it.

    Raises `SettingsError`, `ConfigurationUnusable` or `JournalError` if it cannot start, and `ConfigurationUnusable`
    once an operator has left its journal.
    """
    # Before the first line: whoever reads standard error must not be able to stop the gateway by reading no more.
    logs.begin_queue()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(read))
    finally:
        audit.stream.close()
        logs.end_queue()


async def serve(read: ReadConfiguration) -> None:
    """As `run`, on the loop that runs already."""
    loaded = read()
    runtime = Runtime(loaded.settings)
    _require_audit_file(loaded)
    _configure_logging(loaded, runtime.instance)
    addresses = await runtime.start()
    signals = _Signals(runtime, read)
    signals.listen()
    runtime.on_displaced(signals.stop_requested.set)
    asked = await _serve_reloads(signals)
    watching = asyncio.create_task(LoopWatch(runtime.metrics, runtime.clock.source).run())
    if (advice := descriptor_advice(loaded.settings)) is not None:
        log.warning("limits", advice=advice)
    _tune_collector()
    operators = f", operators on {addresses.operators}" if addresses.operators else ""
    sys.stdout.write(f"mm-gateway serving on {addresses.wallet}{operators}, admin on {addresses.admin}\n")
    sys.stdout.flush()
    systemd.ready()
    await signals.stop_requested.wait()
    systemd.stopping()
    log.info("stopping")
    if asked is not None:
        asked.close()
    await runtime.stop()
    watching.cancel()
    log.info("stopped")
    if runtime.displaced:
        raise ConfigurationUnusable(runtime.displaced)


async def _serve_reloads(signals: _Signals) -> asyncio.Server | None:
    """None where it cannot listen for them: SIGHUP still reloads."""
    try:
        return await serve_reloads(signals.reload)
    except OSError as error:
        log.warning("reloads by signal alone", error=error.strerror)
        return None


class _Signals:
    """Signal handlers: `stop_requested` is set by the first SIGTERM or SIGINT; SIGHUP starts a reload."""

    def __init__(self, runtime: Runtime, read: ReadConfiguration) -> None:
        self.stop_requested = asyncio.Event()
        self._runtime = runtime
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
                with _short_turns():
                    problems = await self._reload()
                for outcome in waiting:
                    if not outcome.done():  # whoever asked may be gone
                        outcome.set_result(problems)
        finally:
            self._reloading = None

    async def _reload(self) -> list[str]:
        systemd.reloading()
        await asyncio.to_thread(_reopen_audit_file)
        problems = await self._try_reload()
        self._runtime.reloaded(ok=not problems)
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
            await asyncio.to_thread(_require_audit_file, loaded)
            former = self._runtime.settings
            await self._runtime.reload(loaded.settings)
            # In a thread: of a thousand operators, each is compared.
            self._is_as_before = await asyncio.to_thread(eq, loaded.settings, former)
        except SettingsError as error:
            return str(error).splitlines()
        except ConfigurationUnusable as error:
            return list(error.problems)
        except Exception as error:
            log.exception("reload failed")
            return [f"unexpected {type(error).__name__}"]
        await asyncio.to_thread(_configure_logging, loaded, self._runtime.instance)
        return []


@contextmanager
def _short_turns() -> Iterator[None]:
    """Lets a thread that reads the configuration keep the event loop waiting for a tenth of the usual 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(before / 10)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _tune_collector() -> None:
    """Freezes start-up objects and makes collections rarer."""
    # Start-up objects live as long as the process, so they need not be searched again. A call leaves no cycles, and
    # with the default threshold the search for them costs a tenth of a call.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The factory of uvloop's event loop where that is installed; None for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _configure_logging(loaded: Loaded, instance: str) -> None:
    log_settings = loaded.settings.log
    logs.configure(log_settings.level, log_settings.format, loaded.secrets, instance=instance)
    audit.stream.open(log_settings.audit, instance, fit_text)
    for problem in loaded.advice:
        log.warning("configuration", advice=str(problem))


def _require_audit_file(loaded: Loaded) -> None:
    """Raises `ConfigurationUnusable` if the file of the audit stream cannot be written."""
    path = loaded.settings.log.audit
    if path is not None and path != audit.STDERR:
        try:
            os.close(audit.open_file(path))
        except OSError as error:
            raise ConfigurationUnusable([f"log.audit: cannot write {path}: {error.strerror}"]) from error


def _reopen_audit_file() -> None:
    # Whatever comes of the reload: whoever renames the file sends the signal to have another one begun.
    try:
        audit.stream.reopen()
    except OSError as error:
        log.exception("audit file not opened again: the former one is used", error=error.strerror)
