"""Gateways as processes of one loop: each can be killed, or made to stand still, between any two of its steps.

Everything that a gateway does runs in a context that names its process, and every step of it (a task's, a callback's,
a timer's) comes by here. After a kill no step of that process is ever taken again: its coroutines are closed where they
stand, while whatever they could still reach (transports, journal, other processes) is already cut off.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from contextlib import suppress
from contextvars import Context, ContextVar
from typing import Any, Final, Protocol, TypeVar
from weakref import ref

from tests.support.virtual_time import VirtualLoop

TASKS_BETWEEN_SWEEPS: Final = 512
MOST_STEPS: Final = 500_000
"""Who takes more in one seed works without end: the loop is then stopped."""

T = TypeVar("T")


class Process:
    """One gateway. `steps` counts what it has done; it dies before the step numbered `dies_at`."""

    def __init__(self, name: str, loop: SimulatedLoop, on_death: Callable[[Process], None]) -> None:
        self.name = name
        self.alive = True
        self.standing = False
        self.has_stood_still = False
        self.woke_at: list[float] = []
        self.steps = 0
        self.dies_at = -1
        self.context = contextvars.copy_context()
        self.context.run(PROCESS.set, self)
        self._loop = loop
        self._on_death = on_death
        self._waiting: list[_Step] = []
        self._tasks: list[tuple[ref[asyncio.Task[Any]], Context]] = []

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task of this process."""
        return self._loop.create_task(work, context=self.context.copy())

    def admits(self, step: _Step) -> bool:
        """Whether this step may be taken now."""
        if not self.alive:
            return False
        if self.standing:
            self._waiting.append(step)
            return False
        self.steps += 1
        if self.steps == self.dies_at:
            self.kill()
            return False
        if self.steps > MOST_STEPS:
            self._loop.stop()
        return True

    def adopt(self, task: asyncio.Task[Any], context: Context) -> None:
        self._tasks.append((ref(task), context))
        if len(self._tasks) % TASKS_BETWEEN_SWEEPS == 0:
            self._tasks = [(each, its) for each, its in self._tasks if _pending(each) is not None]

    def stand_still(self) -> None:
        """Nothing happens in it until `go_on`; its timers ring meanwhile, its messages pile up."""
        self.standing = True
        self.has_stood_still = True

    def go_on(self) -> None:
        """Wakes with everything that has come up, in that order."""
        self.standing = False
        self.woke_at.append(self._loop.time())
        waiting, self._waiting = self._waiting, []
        for step in waiting:
            self._loop.take_later(step)

    def kill(self) -> None:
        """Ends it at once, wherever it is."""
        if self.alive:
            self.alive = False
            self._on_death(self)
            self.end()

    def end(self) -> None:
        """Nothing of it is left: no step is taken any more, and what it had begun is closed."""
        self.alive = False
        self._waiting.clear()
        tasks, self._tasks = self._tasks, []
        for each, context in tasks:
            task = _pending(each)
            if task is not None:
                _close(task, context)
            else:
                _take_note(each())
        for task, context in self._loop.begun_at_once(self):
            _close(task, context)


PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)


class _Step:
    """A callback of a process, taken if the process is there to take it."""

    __slots__ = ("args", "callback", "context", "handle", "process")

    handle: asyncio.Handle

    def __init__(self, process: Process, callback: Callable[..., object], args: tuple[Any, ...], context: Any) -> None:
        self.process = process
        self.callback = callback
        self.args = args
        self.context = context

    def __call__(self) -> None:
        if not self.handle.cancelled() and self.process.admits(self):
            self.callback(*self.args)


class Connector(Protocol):
    """Makes connections: the network."""

    async def connect(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]: ...


class SimulatedLoop(VirtualLoop):
    """Virtual time, processes, and a network instead of sockets. What would run in a thread runs at once."""

    network: Connector

    def call_soon(  # type: ignore[override]  # typeshed's own signature is narrower than what it calls
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        if context is None:
            context = contextvars.copy_context()
        process = context.get(PROCESS)
        if process is None:
            return super().call_soon(callback, *args, context=context)
        step = _Step(process, callback, args, context)
        step.handle = self._dropped(step) if self.is_closed() else super().call_soon(step, context=context)
        return step.handle

    def call_at(  # type: ignore[override]  # as above
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if context is None:
            context = contextvars.copy_context()
        process = context.get(PROCESS)
        if process is None:
            return super().call_at(when, callback, *args, context=context)
        step = _Step(process, callback, args, context)
        handle = super().call_at(when, step, context=context)
        step.handle = handle
        return handle

    def take_later(self, step: _Step) -> None:
        """A step that was held back."""
        super().call_soon(step, context=step.context)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        context = options.pop("context", None)
        if context is None:
            context = contextvars.copy_context()
        task: asyncio.Task[Any] = super().create_task(coro, context=context, **options)
        process = context.get(PROCESS)
        if process is not None:
            process.adopt(task, context)
        return task

    def begun_at_once(self, process: Process) -> list[tuple[asyncio.Task[Any], Context]]:
        """Tasks of this process that the loop was not asked to make, oldest first: since Python 3.12 a task can begin
        as it is made, and aiohttp makes those of its connections like that."""
        if sys.version_info < (3, 12):
            return []
        found = [(task, task.get_context()) for task in asyncio.all_tasks(self)]
        its = [(task, context) for task, context in found if context.get(PROCESS) is process]
        return sorted(its, key=lambda one: (len(one[0].get_name()), one[0].get_name()))

    async def create_connection(  # type: ignore[override]  # only what the gateway's client calls
        self, protocol_factory: Callable[[], asyncio.BaseProtocol], host: str, port: int, **_: Any
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        return await self.network.connect(protocol_factory, host, port)

    def run_in_executor(  # type: ignore[override]  # as above
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            done.set_exception(error)
        return done

    def _dropped(self, step: _Step) -> asyncio.Handle:
        """What the closing of a dead process's coroutine asks for, once the loop is gone."""
        return asyncio.Handle(step, (), self, step.context)


def _take_note(task: asyncio.Task[Any] | None) -> None:
    """Of a task that failed just before its process died: whoever waited for it died with it."""
    if task is not None and not task.cancelled():
        task.exception()


def _pending(task: ref[asyncio.Task[Any]]) -> asyncio.Task[Any] | None:
    found = task()
    return None if found is None or found.done() else found


def _close(task: asyncio.Task[Any], context: Context) -> None:
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # that it never ends is what is meant
    awaited = task._fut_waiter  # type: ignore[attr-defined]  # what it was about to be told, nobody is left to be told
    if awaited is not None and awaited.done() and not awaited.cancelled():
        awaited.exception()
    coroutine = task.get_coro()
    assert coroutine is not None
    with suppress(Exception):
        try:
            context.run(coroutine.close)
        except RuntimeError:  # it is the very task whose step was the last
            coroutine.close()
