"""A worker process: a gateway that does what its parent asks, and ends when its parent is gone."""

from __future__ import annotations

import asyncio
import pickle
import signal
import socket
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from gateway.clock import SystemClock
from gateway.journal.interface import JournalError
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.interpreter import loop_factory, short_turns, tune_collector
from gateway.runtime.listeners import Bound
from gateway.runtime.logging_setup import configure_logging
from gateway.runtime.loop_watch import LoopWatch
from gateway.runtime.runtime import Runtime
from gateway.runtime.workers.messages import Answer, Ask, NotDone, WorkerHealth, frame, read_frame
from gateway.runtime.workers.sharing import HandedListener
from gateway.settings import Loaded
from gateway.telemetry import audit, logs
from gateway.telemetry.adding import parts_of
from gateway.telemetry.families import readable
from gateway.telemetry.output import QueuedOutput

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

log = structlog.get_logger(__name__)


def main(words: Sequence[str]) -> None:
    """Serves until the parent says otherwise. `words` are the descriptor of the socket to the parent, and of each
    listener its name, the descriptor of the socket over which its connections come, and its port."""
    # A terminal and a service manager send them to every process; what they mean, the parent says.
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    QueuedOutput.shared = True
    logs.begin_queue()
    control, *named = words
    listeners = dict(map(_listener, named))
    bound = Bound(listeners["wallet"], listeners.get("operators"), None)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(Worker(bound).serve(socket.socket(fileno=int(control))))
    finally:
        audit.stream.close()
        logs.end_queue()


class Worker:
    """Answers the parent's questions until it says stop, or is gone."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._runtime: Runtime | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self._stopping: asyncio.Task[None] | None = None

    async def serve(self, control: socket.socket) -> None:
        """Returns once it has stopped."""
        reader, self._writer = await asyncio.open_unix_connection(sock=control)
        stop: Ask | None = None
        while stop is None and (content := await read_frame(reader)) is not None:
            ask = msgspec.msgpack.decode(content, type=Ask)
            if ask.what == "stop":
                stop = ask
            else:
                task = asyncio.create_task(self._answer(ask))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
        if stop is None:
            log.error("the parent process is gone: this worker finishes what runs, and ends")
        if self._runtime is not None:
            await self._stop()
        if stop is not None:
            await self._send_parts(stop)
        self._writer.close()

    async def _answer(self, ask: Ask) -> None:
        try:
            match ask.what:
                case "health":
                    self._send(Answer(ask.id, health=await self._health()))
                    return
                case "parts":
                    await self._send_parts(ask)
                    return
                case "start":
                    await self._start(pickle.loads(ask.content))  # noqa: S301 - from our own parent
                case "take_up":
                    await self._take_up(ask.content)
                case "reopen_files":
                    await self._served.reopen_files()
            self._send(Answer(ask.id))
        except ConfigurationUnusable as error:
            self._send(Answer(ask.id, refusal=_refusal(error, *error.problems)))
        except JournalError as error:
            self._send(Answer(ask.id, refusal=_refusal(error, str(error))))
        except Exception as error:
            log.exception("worker failed", asked=ask.what)
            self._send(Answer(ask.id, refusal=_refusal(error, f"unexpected {type(error).__name__}")))

    async def _start(self, loaded: Loaded) -> None:
        runtime = Runtime(loaded.settings, bound=self._bound)
        configure_logging(loaded._replace(advice=()), runtime.instance)  # the parent has told the advice
        await runtime.start()
        self._runtime = runtime
        # At once: the parent hears of it a little later, and stops all.
        runtime.on_displaced(self._begin_stop)
        self._watching = asyncio.create_task(LoopWatch(runtime.metrics, SystemClock()).run())
        tune_collector()

    def _begin_stop(self) -> None:
        self._stop()

    def _stop(self) -> asyncio.Task[None]:
        """Begins to stop, once."""
        self._stopping = self._stopping or asyncio.create_task(self._served.stop())
        return self._stopping

    async def _take_up(self, content: bytes) -> None:
        with short_turns():
            loaded: Loaded = await asyncio.to_thread(pickle.loads, content)
            await self._served.take_up(loaded._replace(advice=()))

    async def _health(self) -> WorkerHealth:
        runtime = self._served
        return WorkerHealth(runtime.liveness_problems(), await runtime.readiness_problems(), runtime.displaced)

    async def _send_parts(self, ask: Ask) -> None:
        """Everything counted, in parts between which calls go on."""
        if self._runtime is not None:
            metrics = self._runtime.metrics
            for _ in metrics.read_gauges():
                await asyncio.sleep(0)
            for metric in metrics.registry.collect():
                for part in parts_of(readable(metric)):
                    self._send(Answer(ask.id, is_last=False, parts=[part]))
                    await self._writer.drain()
                    await asyncio.sleep(0)
        self._send(Answer(ask.id))

    def _send(self, answer: Answer) -> None:
        if not self._writer.is_closing():
            self._writer.write(frame(answer))

    @property
    def _served(self) -> Runtime:
        assert self._runtime is not None, "asked before it was started"
        return self._runtime


def _listener(word: str) -> tuple[str, HandedListener]:
    name, _, rest = word.partition("=")
    descriptor, _, port = rest.partition(":")
    return name, HandedListener(socket.socket(fileno=int(descriptor)), int(port))


def _refusal(error: Exception, *problems: str) -> NotDone:
    return NotDone(type(error).__name__, [logs.redact(problem) for problem in problems])
