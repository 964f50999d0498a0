"""The operators in force, and each one's delivery.

A reload swaps operators; what the old ones have begun they finish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final

import structlog
from pydantic import ValidationError

from gateway.operators.operator import Operator
from gateway.operators.registry import build_operator
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.supervisor import Supervisor
from gateway.settings import OperatorSettings
from gateway.transfers.context import Context
from gateway.transfers.delivery_loop import DeliveryLoop
from gateway.transfers.delivery_try import DeliveryTry

LOOK_S: Final = 0.1

log = structlog.get_logger(__name__)


class ActiveOperators:
    """Operators by name. `wait_idle` waits until no call of an operator is under way at the door."""

    def __init__(
        self,
        context: Context,
        deliverer: DeliveryTry,
        deliveries: dict[str, DeliveryLoop],
        supervisor: Supervisor,
        wait_idle: Callable[[Operator], Awaitable[None]],
    ) -> None:
        self.operators: dict[str, Operator] = {}
        self._context = context
        self._deliverer = deliverer
        self._deliveries = deliveries
        self._supervisor = supervisor
        self._wait_idle = wait_idle
        self.leaving: set[asyncio.Task[None]] = set()

    async def built(self, settings: Mapping[str, OperatorSettings]) -> dict[str, Operator]:
        """The operators that these settings describe: those in force where nothing changed, else new ones.

        Raises `ConfigurationUnusable`; nothing is left open then.
        """
        found: dict[str, Operator] = {}
        problems = []
        for name, one in settings.items():
            try:
                found[name] = self._unchanged(name, one) or build_operator(
                    name, one, self._context.metrics, self._context.clock
                )
            except (LookupError, ValidationError, OSError) as error:
                problems.append(f"operators.{name}: {_told(error)}")
        if problems:
            await self.discard(found)
            raise ConfigurationUnusable(problems)
        return found

    async def discard(self, built: Mapping[str, Operator]) -> None:
        """Closes what was built in vain."""
        for operator in self._beyond(built):
            await operator.close()

    async def swap(self, operators: dict[str, Operator]) -> None:
        """Puts these operators in force. The former ones are closed once their calls have ended."""
        former, self.operators = self.operators, operators
        for name in former.keys() - operators.keys():
            self._context.metrics.unwatch_bulkhead(name)
            await self._supervisor.drop(_delivery(name))
        for name, operator in operators.items():
            self._context.metrics.watch_bulkhead(name, operator.bulkhead.read)
            if name not in self._deliveries:
                self._deliveries[name] = DeliveryLoop(self._context, self._deliverer, partial(self._current, name))
            if name not in former:
                self._supervisor.keep(_delivery(name), self._deliveries[name].run)
        for name, operator in former.items():
            if operators.get(name) is not operator:
                self._leave(operator)

    async def stop_deliveries(self) -> None:
        """Claims nothing more; tries under way go on."""
        for name in self.operators:
            await self._supervisor.drop(_delivery(name))

    async def wait_deliveries_idle(self) -> None:
        """Returns once no try is under way."""
        for delivery in self._deliveries.values():
            await delivery.wait_idle()

    async def close(self) -> None:
        """Closes all operators at once."""
        for task in self.leaving:
            task.cancel()
        await asyncio.gather(*self.leaving, return_exceptions=True)
        for operator in self.operators.values():
            await operator.close()

    def _current(self, name: str) -> Operator:
        return self.operators[name]

    def _unchanged(self, name: str, settings: OperatorSettings) -> Operator | None:
        """The operator in force, if it would come out the same. Files of TLS may have changed behind their names."""
        operator = self.operators.get(name)
        same = operator is not None and operator.settings == settings and settings.tls == type(settings.tls)()
        return operator if same else None

    def _beyond(self, built: Mapping[str, Operator]) -> list[Operator]:
        return [operator for name, operator in built.items() if self.operators.get(name) is not operator]

    def _leave(self, operator: Operator) -> None:
        task = asyncio.create_task(self._closed_when_idle(operator))
        self.leaving.add(task)
        task.add_done_callback(self.leaving.discard)

    async def _closed_when_idle(self, operator: Operator) -> None:
        try:
            await self._wait_idle(operator)
            while operator.bulkhead.read()[:2] != (0, 0):  # noqa: ASYNC110 - a guard tells nobody when it is empty
                await asyncio.sleep(LOOK_S)
        finally:
            await operator.close()
            log.info("operator closed after a reload", operator=operator.name)


def _delivery(name: str) -> str:
    return f"delivery to {name}"


def _told(error: Exception) -> str:
    """A validation error's own text would repeat secrets."""
    return "its settings do not fit its adapter" if isinstance(error, ValidationError) else str(error)
