"""The gateway as a process: one line once it serves, SIGTERM and SIGINT to stop it, SIGHUP to reload it."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable

import structlog

from gateway.runtime import systemd
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.runtime import Runtime
from gateway.settings import Loaded, SettingsError
from gateway.telemetry import logs

ReadConfiguration = Callable[[], Loaded]
"""Reads the configuration anew. Raises `SettingsError`."""

INTERRUPTED = 130

COLLECT_AFTER = 20_000
"""New objects after which the youngest are looked through."""

log = structlog.get_logger(__name__)


def run(read: ReadConfiguration) -> None:
    """Serves until a signal ends it.

    Raises `SettingsError`, `ConfigurationUnusable` or `JournalError` if it cannot start.
    """
    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        runner.run(serve(read))


async def serve(read: ReadConfiguration) -> None:
    """As `run`, on the running loop."""
    loaded = read()
    _configure_logging(loaded)
    runtime = Runtime(loaded.settings)
    wallet, admin = await runtime.start()
    signals = _Signals(runtime, read)
    signals.listen()
    _tune_collector()
    sys.stdout.write(f"mm-gateway serving on {wallet}, admin on {admin}\n")
    sys.stdout.flush()
    systemd.ready()
    await signals.stop_requested.wait()
    systemd.stopping()
    log.info("stopping")
    await runtime.stop()
    log.info("stopped")


class _Signals:
    """What the process is told to do."""

    def __init__(self, runtime: Runtime, read: ReadConfiguration) -> None:
        self.stop_requested = asyncio.Event()
        self._runtime = runtime
        self._read = read
        self._reloads: set[asyncio.Task[None]] = set()

    def listen(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGINT, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._begin_reload)

    def _stop(self) -> None:
        """The second time it is meant: the journal has all that matters."""
        if self.stop_requested.is_set():
            os._exit(INTERRUPTED)
        self.stop_requested.set()

    def _begin_reload(self) -> None:
        task = asyncio.create_task(self._reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> None:
        systemd.reloading()
        problems = await self._reloaded()
        self._runtime.metrics.config_reloaded(ok=not problems)
        if problems:
            log.error("reload refused: nothing has changed", problems=problems)
        else:
            log.info("reloaded")
        systemd.ready()

    async def _reloaded(self) -> list[str]:
        """What is wrong; empty if the configuration is in force."""
        try:
            loaded = await asyncio.to_thread(self._read)
            await self._runtime.reload(loaded.settings)
        except SettingsError as error:
            return str(error).splitlines()
        except ConfigurationUnusable as error:
            return list(error.problems)
        except Exception as error:
            log.exception("reload failed")
            return [f"unexpected {type(error).__name__}"]
        _configure_logging(loaded)
        return []


def _tune_collector() -> None:
    """What was made for the start stays as long as the process: the collector need not walk it again and again. A call
    leaves no cycles behind, and looking for some after every 700 new objects is a tenth of its cost."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where there is one; None stands for Python's own."""
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


def _configure_logging(loaded: Loaded) -> None:
    log_settings = loaded.settings.log
    logs.configure(log_settings.level, log_settings.format, loaded.secrets)
    for problem in loaded.advice:
        log.warning("configuration", advice=str(problem))
