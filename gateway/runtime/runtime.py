"""The running gateway: it starts once, reloads as often as needed, and stops once.

    start    bind all addresses → prepare → open journals → apply → accept connections
    reload   find what needs a restart, or would leave transfers behind → prepare → apply → housekeeping
             → accept connections with the new settings
    stop     refuse new calls → accept no connections → claim no deliveries → wait, up to `stop_timeout` → close

    prepare  TLS contexts, operators, routing table: all of them or `ConfigurationUnusable`, and nothing has changed
    apply    categories, admin token, access log, routing table, operators (former ones close when they are idle)
    close    background work, operators, listeners, credential threads, journals, tracing

Start and stop go through the same parts in opposite order: what needs a part ends before it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import structlog

from gateway.build import build, version
from gateway.clock import Clock, SteadyClock, SystemClock
from gateway.crashpoints import crash_point
from gateway.http.access_log import AccessLog
from gateway.http.admin import AdminHandler
from gateway.http.call_handler import CallHandler
from gateway.http.inbound import InboundServices
from gateway.http.operators_routing import OperatorsRouting
from gateway.http.routing import RoutingTable
from gateway.journal.interface import JournalUnavailable
from gateway.operators.http_client.tls import read_authorities_again
from gateway.operators.operator import Operator
from gateway.reasons import Categories, Category
from gateway.runtime.active_operators import ActiveOperators, DeliveryLoops
from gateway.runtime.certificates import certificate_readings
from gateway.runtime.configuration_hash import configuration_hash
from gateway.runtime.descriptors import fit
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.listeners import (
    Addresses,
    Bound,
    Handlers,
    Listeners,
    ListenerTlsContexts,
    addresses_of,
    bind,
)
from gateway.runtime.logging_setup import configure_logging, reopen_audit_file
from gateway.runtime.open_journals import OpenJournals
from gateway.runtime.reload_limits import find_unreloadable
from gateway.runtime.supervisor import Supervisor
from gateway.runtime.traced import (
    make_coordinator,
    make_delivery_try,
    make_operators_handler,
    make_wallet_handler,
    open_tracing,
)
from gateway.runtime.unfinished import UnfinishedWatch, find_left_behind
from gateway.settings import Loaded, ServerSettings, Settings
from gateway.telemetry.gauges import Reading
from gateway.telemetry.memory_limit import memory_limit_bytes
from gateway.telemetry.metrics import Metrics
from gateway.transfers.context import Context
from gateway.transfers.payments import Payments
from gateway.transfers.rollback_reasons import RollbackReasons

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

log = structlog.get_logger(__name__)


class Prepared(msgspec.Struct, frozen=True):
    """Everything that a configuration needs, built before anything is changed."""

    settings: Settings
    operators: dict[str, Operator]
    routing: RoutingTable
    operators_routing: OperatorsRouting
    tls: ListenerTlsContexts
    configuration: str
    """The hash of the settings."""
    readings: tuple[Reading, ...]


class Runtime:
    """One gateway. Call `start` once, then `reload` as often as needed, then `stop` once.

    `instance` is unique for each start: rows and leases in the journal belong to it. `bound`: addresses that are bound
    already; without them, `start` binds those of the settings.
    """

    def __init__(
        self,
        settings: Settings,
        clock: Clock | None = None,
        metrics: Metrics | None = None,
        bound: Bound | None = None,
    ) -> None:
        self.settings = settings
        self._bound = bound
        self.clock = SteadyClock(clock or SystemClock())
        self.metrics = metrics or Metrics(self.clock.now)
        self.instance = new_instance()
        self._supervisor = Supervisor()
        self._tracing = tracing = open_tracing(settings.tracing, self.instance)
        self._journals = OpenJournals(self.metrics, self.clock, self.instance, self._supervisor, tracing)
        delivery_loops: DeliveryLoops = {}
        self._rollback_reasons = RollbackReasons(_categories(settings), self.clock, self.metrics)
        context = Context(
            journals=self._journals.open,
            reasons=self._rollback_reasons,
            metrics=self.metrics,
            clock=self.clock,
            instance=self.instance,
            wake=lambda name, recipient, due_at: delivery_loops[name, recipient].wake(due_at),
            doubt_s=self.clock.doubt_s,
            holds_lease_since=self._journals.holds_lease_since,
            wait_limit_s=settings.server.request_timeout,
        )
        delivery_try = make_delivery_try(context, tracing)
        self._coordinator = make_coordinator(context, delivery_try, tracing)
        self._payments = Payments(context)
        self._handlers = self._make_handlers(settings, tracing)
        self._operators = ActiveOperators(
            context, delivery_try, delivery_loops, self._supervisor, self._wait_calls_idle, tracing
        )
        self._unfinished = UnfinishedWatch(self._journals.counted_since, self.clock, settings)
        self._configuration: tuple[Reading, ...] = ()
        self._reload_ok = True
        self._change_lock = asyncio.Lock()
        self._stopping = False

    def _make_handlers(self, settings: Settings, tracing: Tracing | None) -> Handlers:
        access = AccessLog(settings.log, self.instance)
        services = InboundServices(
            journals=self._journals.open,
            coordinator=self._coordinator,
            payments=self._payments,
            metrics=self.metrics,
            clock=self.clock,
        )
        return Handlers(
            wallet=make_wallet_handler(
                self._coordinator, self.metrics, access, RoutingTable({}, settings.server), tracing
            ),
            operators=make_operators_handler(
                services, access, OperatorsRouting({}, settings.operators_server), tracing
            ),
            admin=AdminHandler(self, self.metrics, settings.admin.token),
        )

    async def start(self) -> Addresses:
        """Starts serving. Returns the URLs of the listeners.

        Raises `ConfigurationUnusable` or `JournalError`; nothing is left open then.
        """
        # First, so that a second gateway on the same address fails before it touches the journal.
        try:
            bound = self._bound or bind(self.settings)
        except ConfigurationUnusable:
            await self._close_tracing()
            raise
        self._listeners = Listeners(bound, self.metrics)
        try:
            prepared = await self._prepare(self.settings)
            await self._journals.begin(self.settings, prepared.configuration)
            await self._apply(prepared)
            self._listeners.open(self._handlers, self.settings, prepared.tls)
            self.metrics.watch("process", self._readings)
            self._supervisor.keep("watch of unfinished transfers", self._unfinished.run)
            crash_point("start.serving")
        except BaseException:
            await self._close()
            raise
        addresses = addresses_of(bound, self.settings)
        log.info(
            "serving",
            wallet=addresses.wallet,
            operators=addresses.operators,
            admin=addresses.admin,
            instance=self.instance,
            version=version(),
            build=build(),
        )
        return addresses

    async def reload(self, settings: Settings) -> None:
        """Applies another configuration; running calls finish with the former one.

        Raises `ConfigurationUnusable`; then nothing has changed.
        """
        async with self._change_lock:
            if problems := find_unreloadable(self.settings, settings):
                raise ConfigurationUnusable(problems)
            if problems := await find_left_behind(self._journals.open, self.settings, settings):
                raise ConfigurationUnusable(problems)
            await self._require_places(settings)
            await _read_authorities_again()
            prepared = await self._prepare(settings)
            crash_point("reload.prepared")
            former, self.settings = self.settings, settings
            await self._apply(prepared)
            crash_point("reload.swapped")
            await self._journals.apply_settings(settings, prepared.configuration)
            # Also where TLS is unchanged: the files may hold a new certificate under the same names.
            if _listeners_of(former) != _listeners_of(settings) or prepared.tls != ListenerTlsContexts():
                self._listeners.open(self._handlers, settings, prepared.tls)

    async def take_up(self, loaded: Loaded) -> None:
        """As `reload`, and logs as the configuration says from now on."""
        await self.reload(loaded.settings)
        await asyncio.to_thread(configure_logging, loaded, self.instance)

    async def reopen_files(self) -> None:
        """Opens files again that whoever asks for a reload may have renamed."""
        await asyncio.to_thread(reopen_audit_file)

    async def stop(self) -> None:
        """Refuses new calls, waits up to `stop_timeout` for running ones, and leaves the rest to the journal."""
        async with self._change_lock:
            self._stopping = True  # readiness fails first, so that a load balancer turns away
            for handler in self._call_handlers:
                handler.refuse_new_calls()
            self._listeners.accept_no_more_calls()
            crash_point("stop.refusing")
            # Before the wait: a delivery loop that goes on claiming would never be idle.
            await self._operators.stop_deliveries()
            with suppress(TimeoutError):
                async with asyncio.timeout(max(server.stop_timeout for server in self._call_servers)):
                    await self._wait_idle()
            crash_point("stop.settled")
            await self._close()

    def end_processes(self) -> None:
        """Ends the processes that it has started, at once: it has none."""

    def reloaded(self, *, ok: bool) -> None:
        """A reload was applied, or refused: for the metrics."""
        self._reload_ok = ok
        self.metrics.config_reloaded(ok=ok)

    @property
    def displaced(self) -> list[str]:
        """Which operators have left their journal while the gateway runs, and what to do; empty if none has."""
        return self._journals.displaced

    def on_displaced(self, stop: Callable[[], None]) -> None:
        """`stop` is called once an operator has left its journal: the gateway must not serve it any more."""
        self._journals.on_displaced = stop

    def liveness_problems(self) -> list[str]:
        """Why this process should be restarted; empty while it is alive."""
        return [f"{work} fails repeatedly" for work in self._supervisor.failing_repeatedly()]

    async def readiness_problems(self) -> list[str]:
        """Why no calls should be sent here now; empty while it is ready."""
        stopping = ["the gateway is stopping"] if self._stopping else []
        failing = [f"{work} has failed recently" for work in self._supervisor.failing()]
        return stopping + failing + await self._journals.problems()

    async def _prepare(self, settings: Settings) -> Prepared:
        """Builds what the settings need. Raises `ConfigurationUnusable`; nothing is left open then."""
        # Threads do what takes long with a thousand operators or reads files, so that calls go on meanwhile.
        tls = await asyncio.to_thread(ListenerTlsContexts.read, settings)
        operators = await self._operators.build(settings.operators)
        try:
            # Hashed credentials cost an Argon2.
            routing = await asyncio.to_thread(RoutingTable, operators, settings.server)
            operators_routing = await asyncio.to_thread(OperatorsRouting, operators, settings.operators_server)
        except ValueError as error:
            await self._operators.discard(operators)
            raise ConfigurationUnusable(
                [f"operators: a password_hash or token_hash is not an Argon2 hash ({type(error).__name__})"]
            ) from error
        configuration = await asyncio.to_thread(configuration_hash, settings, operators)
        readings = await asyncio.to_thread(self._configuration_readings, settings, configuration)
        return Prepared(settings, operators, routing, operators_routing, tls, configuration, readings)

    async def _require_places(self, settings: Settings) -> None:
        """Raises `ConfigurationUnusable` if a new operator is put into a journal that it has left."""
        # Others need no look: a reload changes no operator's journal, and with them it works while a journal is away.
        if settings.operators.keys() <= self.settings.operators.keys():
            return
        try:
            await self._journals.require_places(settings)
        except JournalUnavailable as error:
            unknown = f"operators: whether a new one has left its journal is not known: {error}"
            raise ConfigurationUnusable([unknown]) from error

    async def _apply(self, prepared: Prepared) -> None:
        await self._operators.introduce(prepared.operators)
        self._rollback_reasons.categories = _categories(prepared.settings)
        self._handlers.admin.use_token(prepared.settings.admin.token)
        access = AccessLog(prepared.settings.log, self.instance)
        for handler in self._call_handlers:
            handler.access = access
        self._configuration = prepared.readings
        # Routing before operators: once a former operator begins to close, no new call may reach it
        # (test_thirty_reloads_under_load_fail_no_call).
        self._handlers.wallet.apply_routing(prepared.routing)
        self._handlers.operators.apply_routing(prepared.operators_routing)
        self._unfinished.apply_settings(prepared.settings)
        await self._operators.swap(prepared.operators)

    def _configuration_readings(self, settings: Settings, configuration: str) -> tuple[Reading, ...]:
        """What metrics show of a configuration: it changes with a reload alone."""
        memory_limit = memory_limit_bytes()
        return (
            Reading("config_loaded_timestamp_seconds", self.clock.wall()),
            Reading("config_info", 1, (configuration,)),
            *certificate_readings(settings),
            *(() if memory_limit is None else (Reading("memory_limit_bytes", memory_limit),)),
        )

    def _readings(self) -> Iterator[Reading]:
        yield from self._configuration
        yield Reading("workers", 1)
        yield Reading("config_reload_ok", self._reload_ok)
        yield Reading("sessions_remembered", self._coordinator.sessions_remembered)
        yield from self._listeners.readings()

    @property
    def _call_handlers(self) -> tuple[CallHandler, CallHandler]:
        return self._handlers.wallet, self._handlers.operators

    @property
    def _call_servers(self) -> tuple[ServerSettings, ...]:
        operators = self.settings.operators_server
        return (self.settings.server,) if operators is None else (self.settings.server, operators)

    async def _wait_calls_idle(self, operator: Operator | None = None) -> None:
        for handler in self._call_handlers:
            await handler.wait_idle(operator)

    async def _wait_idle(self) -> None:
        await self._wait_calls_idle()
        await self._operators.wait_deliveries_idle()
        await self._coordinator.wait_idle()

    async def _close(self) -> None:
        """Closes all parts, what is used after what uses it."""
        await self._supervisor.close()
        # A call that still waits for its operator ends with that connection. It is recorded as unknown and answered
        # while the listeners close, so journals come last (test_a_stop_does_not_wait_for_ever, simulator seed 6881).
        await self._operators.close()
        await self._listeners.close()
        for handler in self._call_handlers:
            handler.close()
        await self._journals.close()
        await self._close_tracing()

    async def _close_tracing(self) -> None:
        if self._tracing is not None:
            await self._tracing.close()


def new_instance() -> str:
    """The id of a process of a gateway, unique for each start."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


async def _read_authorities_again() -> None:
    """The system's certificate authorities, as whatever comes from a file. Raises `ConfigurationUnusable`."""
    try:
        await asyncio.to_thread(read_authorities_again)
    except OSError as error:
        raise ConfigurationUnusable([f"operators: {error}"]) from error


def _listeners_of(settings: Settings) -> tuple[object, ...]:
    fitted = fit(settings)  # also where only the descriptors that are left for it have changed
    return fitted.server, fitted.operators_server, fitted.admin


def _categories(settings: Settings) -> Categories:
    return Categories(Category(one.name, one.match) for one in settings.rollback_reasons.categories)
