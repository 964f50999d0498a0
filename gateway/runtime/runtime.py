"""The gateway while it runs: put together at the start, changed whole by a reload, brought to rest by a stop."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from contextlib import suppress

import msgspec
import structlog

from gateway.clock import Clock, SystemClock
from gateway.crashpoints import crash_point
from gateway.http.access_log import AccessLog
from gateway.http.admin import AdminHandler
from gateway.http.routing import RoutingTable
from gateway.http.wallet import WalletHandler
from gateway.operators.operator import Operator
from gateway.reasons import Categories, Category
from gateway.runtime.active_operators import ActiveOperators
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.listeners import Listeners, ListenerTlsContexts
from gateway.runtime.open_journals import OpenJournals
from gateway.runtime.reload_limits import find_unreloadable
from gateway.runtime.supervisor import Supervisor
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.context import Context
from gateway.transfers.coordinator import Coordinator
from gateway.transfers.delivery_loop import DeliveryLoop
from gateway.transfers.delivery_try import DeliveryTry
from gateway.transfers.rollback_reasons import RollbackReasons

log = structlog.get_logger(__name__)


class Prepared(msgspec.Struct, frozen=True):
    """All that a configuration needs, made before anything is changed."""

    settings: Settings
    operators: dict[str, Operator]
    front: RoutingTable
    tls: ListenerTlsContexts


class Runtime:
    """One gateway. `start` once, then `reload` as often as need be, then `stop` once."""

    def __init__(self, settings: Settings, clock: Clock | None = None, metrics: Metrics | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.metrics = metrics or Metrics(self.clock.now)
        self.instance = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._supervisor = Supervisor()
        self._journals = OpenJournals(self.metrics, self.clock, self.instance, self._supervisor)
        deliveries: dict[str, DeliveryLoop] = {}
        self._reasons = RollbackReasons(_categories(settings), self.clock, self.metrics)
        context = Context(
            journals=self._journals.open,
            reasons=self._reasons,
            metrics=self.metrics,
            clock=self.clock,
            instance=self.instance,
            wake=lambda name, due_at: deliveries[name].wake(due_at),
            wait_limit_s=settings.server.request_timeout,
        )
        deliverer = DeliveryTry(context)
        self._coordinator = Coordinator(context, deliverer)
        access, front = AccessLog(settings.log), RoutingTable({}, settings.server)
        self._wallet = WalletHandler(self._coordinator, self.metrics, access, front)
        self._admin = AdminHandler(self, self.metrics.registry, settings.admin.token)
        self._roster = ActiveOperators(context, deliverer, deliveries, self._supervisor, self._wallet.wait_idle)
        self._changing = asyncio.Lock()
        self._stopping = False
        self.stopped = False

    async def start(self) -> tuple[str, str]:
        """Serves calls from now on. Returns the addresses of the wallet and the admin door.

        Raises `ConfigurationUnusable` or `JournalError`; nothing is left open then.
        """
        self._doors = Listeners(self.settings)
        try:
            prepared = await self._prepared(self.settings)
            await self._journals.begin(self.settings)
            await self._put_in_force(prepared)
            await self._doors.open(self._wallet, self._admin, self.settings, prepared.tls)
            crash_point("start.serving")
        except BaseException:
            await self._let_go()
            raise
        addresses = self._doors.addresses(self.settings)
        log.info("serving", wallet=addresses[0], admin=addresses[1], instance=self.instance)
        return addresses

    async def reload(self, settings: Settings) -> None:
        """Puts another configuration in force; calls under way finish by the old one.

        Raises `ConfigurationUnusable`, and then nothing has changed.
        """
        async with self._changing:
            if problems := find_unreloadable(self.settings, settings):
                raise ConfigurationUnusable(problems)
            prepared = await self._prepared(settings)
            crash_point("reload.prepared")
            former, self.settings = self.settings, settings
            await self._put_in_force(prepared)
            crash_point("reload.swapped")
            await self._journals.apply_settings(settings)
            if (former.server, former.admin) != (
                settings.server,
                settings.admin,
            ) or prepared.tls != ListenerTlsContexts(None, None):
                await self._doors.open(self._wallet, self._admin, settings, prepared.tls)

    async def stop(self) -> None:
        """Refuses new calls, finishes those under way within `stop_timeout`, and leaves the rest to the journal."""
        async with self._changing:
            self._stopping = True
            self._wallet.refuse_new_calls()
            self._doors.accept_no_more_calls()
            crash_point("stop.refusing")
            await self._roster.stop_deliveries()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.server.stop_timeout):
                    await self._wait_idle()
            crash_point("stop.settled")
            await self._let_go()
            self.stopped = True

    def liveness_problems(self) -> list[str]:
        """Why this process should be restarted."""
        return [f"{work} fails again and again" for work in self._supervisor.failing_repeatedly()]

    async def readiness_problems(self) -> list[str]:
        """Why no calls should be sent here now."""
        stopping = ["the gateway is stopping"] if self._stopping else []
        troubled = [f"{work} has failed lately" for work in self._supervisor.failing()]
        return stopping + troubled + await self._journals.problems()

    async def _prepared(self, settings: Settings) -> Prepared:
        """Raises `ConfigurationUnusable`; nothing is left open then."""
        tls = ListenerTlsContexts.read(settings)
        operators = await self._roster.built(settings.operators)
        try:
            front = await asyncio.to_thread(RoutingTable, operators, settings.server)
        except ValueError as error:
            await self._roster.discard(operators)
            raise ConfigurationUnusable(
                [f"operators: a password_hash is no Argon2 hash ({type(error).__name__})"]
            ) from error
        return Prepared(settings, operators, front, tls)

    async def _put_in_force(self, prepared: Prepared) -> None:
        self._reasons.categories = _categories(prepared.settings)
        self._admin.token = prepared.settings.admin.token
        self._wallet.access = AccessLog(prepared.settings.log)
        self._wallet.apply_routing(prepared.front)
        self._warn_of_the_left_behind(prepared)
        await self._roster.swap(prepared.operators)

    def _warn_of_the_left_behind(self, prepared: Prepared) -> None:
        for tally in self._journals.tallies():
            if tally.operator not in prepared.operators:
                log.warning(
                    "unfinished transfers of an operator that is not configured",
                    operator=tally.operator,
                    state=tally.state,
                    transfers=tally.count,
                )

    async def _wait_idle(self) -> None:
        await self._wallet.wait_idle()
        await self._roster.wait_deliveries_idle()
        await self._coordinator.wait_idle()

    async def _let_go(self) -> None:
        """Calls that are still out end with their operators' connections, are written down and answered as unclear."""
        await self._supervisor.close()
        await self._roster.close()
        await self._doors.close()
        self._wallet.close()
        await self._journals.close()


def _categories(settings: Settings) -> Categories:
    return Categories(Category(one.name, one.match) for one in settings.rollback_reasons.categories)
