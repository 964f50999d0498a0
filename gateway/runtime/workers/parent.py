"""The process that holds the workers together. It has no operators, opens no journal and moves no money.

    start    bind all addresses → start all workers, or none → accept connections, and hand each to a worker in turn
    reload   one worker judges the configuration: refused, and nothing has changed → all others → admin listener
    stop     accept no connections → all workers refuse and finish, as one gateway does → close

A worker that ends by itself is replaced. Should this process die, each worker sees its socket close, and stops.
"""

from __future__ import annotations

import asyncio
import pickle
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, cast

import structlog

from gateway.http.admin import AdminHandler
from gateway.http.admin_connection import AdminServer
from gateway.http.refusals import Refusals
from gateway.journal.interface import JournalError
from gateway.runtime.descriptors import fit
from gateway.runtime.errors import ConfigurationUnusable, WorkersFailed
from gateway.runtime.listeners import (
    SHUTDOWN_TIMEOUT_S,
    Addresses,
    Bound,
    ListenerTlsContexts,
    addresses_of,
    bind,
    listening,
)
from gateway.runtime.logging_setup import configure_logging
from gateway.runtime.reload_limits import find_unreloadable
from gateway.runtime.runtime import new_instance
from gateway.runtime.supervisor import Supervisor
from gateway.runtime.workers.sharing import SharedListener
from gateway.runtime.workers.totals import Totals
from gateway.runtime.workers.worker_process import WorkerGone, WorkerProcess
from gateway.settings import Loaded, Settings
from gateway.telemetry.adding import Snapshot
from gateway.telemetry.exposition import Exposition
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import ADMIN, OPERATORS, WALLET, Metrics
from gateway.telemetry.output import QueuedOutput

LOOK_EVERY_S: Final = 1.0
LOOK_WITHIN_S: Final = 3.0
"""How long a worker may take to say how it is: longer than its journal may take."""

COUNT_WITHIN_S: Final = 5.0
"""How long a worker may take to say what it has counted: Prometheus waits for ten seconds."""

TAKE_UP_WITHIN_S: Final = 60.0
STOP_GRACE_S: Final = 10.0
"""How much longer than `stop_timeout` a worker may take to end before it is killed."""

FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
STEADY_S: Final = 60.0
"""A worker that has served so long is replaced at once, and its earlier failures are forgotten."""

log = structlog.get_logger(__name__)


class _Slot:
    """The place of one worker: its number from 1, and how often in a row one has ended there soon."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.worker: WorkerProcess | None = None
        self.failures = 0


class Parent:
    """All workers as one gateway. Call `start` once, then `take_up` as often as needed, then `stop` once."""

    def __init__(self, loaded: Loaded) -> None:
        QueuedOutput.shared = True
        self.settings: Settings = loaded.settings
        self.metrics = Metrics()
        self.instance = new_instance()
        self._loaded = loaded
        self._slots = [_Slot(number) for number in range(1, loaded.settings.workers + 1)]
        self._supervisor = Supervisor()
        self._totals = Totals(self.metrics, self._snapshots)
        self._admin = AdminHandler(
            self, self.metrics, self.settings.admin.token, Exposition(self._totals, gather=self._count)
        )
        self._admin_servers: list[AdminServer] = []
        self._change_lock = asyncio.Lock()
        self._last_given = 0
        self._reload_ok = True
        self._stopping = False
        self.displaced: list[str] = []
        self._stop_wanted: Callable[[], None] = lambda: None

    async def start(self) -> Addresses:
        """Starts all workers, or none. Raises `ConfigurationUnusable`, `JournalError` or `WorkersFailed`."""
        # First, so that a second gateway on the same address fails before it touches the journal.
        self._bound = bind(self.settings, SharedListener)
        try:
            tls = await asyncio.to_thread(ListenerTlsContexts.read, self.settings)
            await self._all_or_none(pickle.dumps(self._loaded))
            self._open_admin(tls)
            for name, listener in self._call_listeners():
                with listening(name):
                    listener.share(partial(self._give, name), Refusals(name, self.metrics))
        except BaseException:
            self.end_processes()
            _close(self._bound)
            raise
        for slot in self._slots:
            self._supervisor.keep(f"worker {slot.number}", partial(self._keep, slot))
        self._supervisor.keep("watching of the workers", self._watch)
        self.metrics.watch("process", self._readings)
        addresses = addresses_of(self._bound, self.settings)
        log.info("workers serving", workers=len(self._slots), wallet=addresses.wallet, admin=addresses.admin)
        return addresses

    async def take_up(self, loaded: Loaded) -> None:
        """Applies another configuration in all workers. Raises `ConfigurationUnusable`; then nothing has changed."""
        async with self._change_lock:
            if problems := find_unreloadable(self.settings, loaded.settings):
                raise ConfigurationUnusable(problems)
            tls = await asyncio.to_thread(ListenerTlsContexts.read, loaded.settings)
            content = await asyncio.to_thread(pickle.dumps, loaded)
            judge = await self._judge(content)
            # From here on it is in force: whatever starts, starts with it.
            self._loaded, self.settings = loaded, loaded.settings
            others = [worker for worker in self._serving() if worker is not judge]
            await asyncio.gather(*(self._bring_up_to_date(worker, content) for worker in others))
            self._admin.use_token(loaded.settings.admin.token)
            self._open_admin(tls)
            await asyncio.to_thread(configure_logging, loaded, self.instance)

    async def reopen_files(self) -> None:
        """Has the workers open files again that whoever asks for a reload may have renamed."""
        await asyncio.gather(*(worker.reopen_files() for worker in self._serving()))

    def reloaded(self, *, ok: bool) -> None:
        """A reload was applied, or refused: for the metrics."""
        self._reload_ok = ok
        self.metrics.config_reloaded(ok=ok)

    async def stop(self) -> None:
        """Stops all workers, each as a gateway that is alone; the admin listener answers until they have ended."""
        async with self._change_lock:
            self._stopping = True
            for _, listener in self._call_listeners():
                listener.close()
            await self._supervisor.close()
            running = [slot for slot in self._slots if slot.worker is not None]
            await asyncio.gather(*(self._stop(slot) for slot in running))
            _close(self._bound)
            for server in self._admin_servers:
                server.pre_shutdown()
                await server.shutdown(SHUTDOWN_TIMEOUT_S)

    def end_processes(self) -> None:
        """Kills all workers."""
        for slot in self._slots:
            if slot.worker is not None:
                slot.worker.kill()

    def on_displaced(self, stop: Callable[[], None]) -> None:
        """`stop` is called once an operator has left its journal, as the workers say: they stop by themselves."""
        self._stop_wanted = stop

    def liveness_problems(self) -> list[str]:
        """Why this process and its workers should be restarted; empty while they are alive."""
        own = [f"{work} fails repeatedly" for work in self._supervisor.failing_repeatedly()]
        return own + self._problems(lambda worker: worker.health.alive)

    async def readiness_problems(self) -> list[str]:
        """Why no calls should be sent here now; empty while a worker serves, and all that serve are ready."""
        stopping = ["the gateway is stopping"] if self._stopping else []
        if not self._serving():
            return [*stopping, "no worker serves"]
        # An unready worker is given no connections, but may have some, over which a balancer would go on to call it.
        return stopping + self._problems(lambda worker: worker.health.ready)

    def _problems(self, of: Callable[[WorkerProcess], list[str]]) -> list[str]:
        return [
            f"worker {slot.number}: {problem}"
            for slot in self._slots
            if slot.worker is not None and slot.worker.is_serving
            for problem in of(slot.worker)
        ]

    async def _all_or_none(self, content: bytes) -> None:
        """Starts a worker in every slot. Raises what the first one was refused with, once all have ended."""
        starts = [asyncio.create_task(self._begin(slot, content)) for slot in self._slots]
        done = await asyncio.gather(*starts, return_exceptions=True)
        if errors := [error for error in done if isinstance(error, BaseException)]:
            self.end_processes()
            # All say the same, once is enough; what says most is neither journal nor configuration.
            raise next((each for each in errors if not isinstance(each, WorkersFailed)), errors[0])

    async def _begin(self, slot: _Slot, content: bytes) -> WorkerProcess:
        """A new worker in this slot, which serves. Raises what it was refused with."""
        worker = slot.worker = await WorkerProcess.launch(
            {name: listener.port for name, listener in self._call_listeners()}
        )
        await worker.start(content)
        return worker

    async def _keep(self, slot: _Slot) -> None:
        """Waits until the slot's worker ends, and starts another one, for ever."""
        time = asyncio.get_running_loop().time
        while True:
            served_since = time()
            if slot.worker is not None:
                how, pid = await slot.worker.ended(), slot.worker.pid
                self._let_go(slot)
                self.metrics.worker_replaced()
                log.error("worker ended: another one is started", worker=slot.number, pid=pid, how=how)
            if time() - served_since >= STEADY_S:
                slot.failures = 0
            else:
                await asyncio.sleep(min(FIRST_PAUSE_S * 2**slot.failures, LONGEST_PAUSE_S))
                slot.failures += 1
            await self._start_again(slot)

    async def _start_again(self, slot: _Slot) -> None:
        loaded = self._loaded
        try:
            worker = await self._begin(slot, await asyncio.to_thread(pickle.dumps, loaded))
            if loaded is not self._loaded:
                async with self._change_lock:
                    await self._bring_up_to_date(worker, await asyncio.to_thread(pickle.dumps, self._loaded))
        except (ConfigurationUnusable, JournalError, WorkersFailed) as error:
            log.exception("worker not started", worker=slot.number, problems=str(error).splitlines())
            if slot.worker is not None:
                slot.worker.kill()  # `_keep` sees it

    def _let_go(self, slot: _Slot) -> None:
        """Takes over what an ended worker leaves behind: what it counted, and connections that it has not taken."""
        worker, slot.worker = cast("WorkerProcess", slot.worker), None
        self._totals.keep(worker.snapshot)
        for name, accepted in worker.close():
            self._give(name, accepted)
            accepted.close()

    async def _stop(self, slot: _Slot) -> None:
        worker = cast("WorkerProcess", slot.worker)
        status = await worker.stop(self._stop_within_s())
        if status:
            log.error("worker did not stop as asked", worker=slot.number, pid=worker.pid, status=status)
        self._let_go(slot)

    def _stop_within_s(self) -> float:
        operators = self.settings.operators_server
        longest = max(self.settings.server.stop_timeout, 0.0 if operators is None else operators.stop_timeout)
        return longest + STOP_GRACE_S

    async def _judge(self, content: bytes) -> WorkerProcess | None:
        """Has one worker take up a configuration, and returns it; None if none serves, which then starts with it.

        Raises `ConfigurationUnusable`.
        """
        for worker in self._serving():
            try:
                await worker.take_up(content, TAKE_UP_WITHIN_S)
            except WorkersFailed as error:
                raise ConfigurationUnusable([str(error)]) from error
            except (WorkerGone, TimeoutError):
                worker.kill()
            else:
                return worker
        return None

    async def _bring_up_to_date(self, worker: WorkerProcess, content: bytes) -> None:
        """Applies what another worker has taken up already. One that cannot is replaced by one that starts with it."""
        try:
            await worker.take_up(content, TAKE_UP_WITHIN_S)
        except (ConfigurationUnusable, WorkersFailed, TimeoutError, WorkerGone) as error:
            log.exception("worker did not take up the configuration: it is replaced", pid=worker.pid, why=str(error))
            await worker.stop(self._stop_within_s())

    def _give(self, listener: str, accepted: socket.socket) -> bool:
        """Hands a connection to the next worker that takes it: a ready one, if there is any."""
        serving = self._serving()
        ready = [each for each in serving if not each.health.ready] or serving
        self._last_given += 1
        return any(
            ready[(self._last_given + place) % len(ready)].hand(listener, accepted) for place in range(len(ready))
        )

    def _serving(self) -> list[WorkerProcess]:
        return [slot.worker for slot in self._slots if slot.worker is not None and slot.worker.is_serving]

    async def _watch(self) -> None:
        while True:
            await asyncio.gather(*(worker.look(LOOK_WITHIN_S) for worker in self._serving()))
            if displaced := [problem for worker in self._serving() for problem in worker.health.displaced]:
                self.displaced = list(dict.fromkeys(displaced))
                self._stop_wanted()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _count(self) -> None:
        """Before a page is written: asks every worker what it has counted."""
        await asyncio.gather(*(worker.count(COUNT_WITHIN_S) for worker in self._serving()))

    def _snapshots(self) -> list[Snapshot]:
        return [slot.worker.snapshot for slot in self._slots if slot.worker is not None]

    def _open_admin(self, tls: ListenerTlsContexts) -> None:
        admin = fit(self.settings).admin
        assert self._bound.admin is not None
        server = AdminServer(self._admin.handle, Refusals(ADMIN, self.metrics), admin)
        self._admin_servers = [*(former for former in self._admin_servers if former.open), server]
        with listening(ADMIN):
            self._bound.admin.serve(server, tls.admin)

    def _readings(self) -> Iterator[Reading]:
        yield Reading("config_reload_ok", self._reload_ok)
        yield Reading("connections", sum(server.open for server in self._admin_servers), (ADMIN,))
        yield Reading("connections_limit", fit(self.settings).admin.max_connections, (ADMIN,))

    def _call_listeners(self) -> Iterator[tuple[str, SharedListener]]:
        yield WALLET, cast("SharedListener", self._bound.wallet)
        if self._bound.operators is not None:
            yield OPERATORS, cast("SharedListener", self._bound.operators)


def _close(bound: Bound) -> None:
    for listener in bound:
        if listener is not None:
            listener.close()
