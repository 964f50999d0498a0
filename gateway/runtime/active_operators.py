"""The active operators, and the delivery loop of each.

A reload swaps operators; calls that run at a former one finish there, and then it is closed.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog
from pydantic import BaseModel, ValidationError

from gateway.operators.far_side import FarSide
from gateway.operators.http_client.tls import tls_context
from gateway.operators.operator import Operator
from gateway.operators.registry import build_operator
from gateway.payments.game import GameFarSide, build_game
from gateway.records import Recipient
from gateway.runtime.errors import ConfigurationUnusable
from gateway.runtime.slices import in_slices
from gateway.runtime.supervisor import Supervisor
from gateway.settings import OperatorSettings, OperatorTls
from gateway.telemetry.gauges import Reading
from gateway.telemetry.objectives import objectives_of
from gateway.transfers.context import Context
from gateway.transfers.delivery_loop import DeliveryLoop
from gateway.transfers.delivery_try import DeliveryTry

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

IDLE_POLL_S: Final = 0.1
"""How often a former operator's bulkhead is asked whether it is empty."""

DeliveryLoops = dict[tuple[str, Recipient], DeliveryLoop]
"""By operator, and whose acknowledgements it asks for."""

log = structlog.get_logger(__name__)


class ActiveOperators:
    """The active operators by name. `wait_idle` waits until no call of the game for an operator is running.

    `closing` are the tasks that close former operators.
    """

    def __init__(
        self,
        context: Context,
        delivery_try: DeliveryTry,
        delivery_loops: DeliveryLoops,
        supervisor: Supervisor,
        wait_idle: Callable[[Operator], Awaitable[None]],
        tracing: Tracing | None = None,
    ) -> None:
        self.operators: dict[str, Operator] = {}
        self._context = context
        self._delivery_try = delivery_try
        self._delivery_loops = delivery_loops
        self._supervisor = supervisor
        self._wait_idle = wait_idle
        self._tracing = tracing
        self.closing: set[asyncio.Task[None]] = set()

    async def build(self, settings: Mapping[str, OperatorSettings]) -> dict[str, Operator]:
        """The operators of these settings by name: the active ones where nothing changed, else new ones.

        Raises `ConfigurationUnusable` with the problems of all operators; nothing is left open then.
        """
        unchanged = {name async for name, one in in_slices(settings.items()) if self._is_unchanged(name, one)}
        changed = {name: one for name, one in settings.items() if name not in unchanged}
        # In a thread: with a thousand operators that have files of their own, this takes seconds.
        contexts = await asyncio.to_thread(_load_tls, changed)
        built: dict[str, Operator] = {}
        problems = []
        async for name, one in in_slices(settings.items()):
            try:
                built[name] = self.operators[name] if name in unchanged else self._build(name, one, contexts[name])
            except (LookupError, ValidationError, OSError) as error:
                problems.append(f"operators.{name}: {error_text(error)}")
        if problems:
            await self.discard(built)
            raise ConfigurationUnusable(problems)
        return built

    def _build(self, name: str, settings: OperatorSettings, tls: _TlsContexts | OSError) -> Operator:
        if isinstance(tls, OSError):
            raise tls
        metrics, clock = self._context.metrics, self._context.clock
        game = build_game(name, settings, metrics, clock, self._tracing, tls.game)
        return build_operator(name, settings, metrics, clock, self._tracing, tls.operator, game)

    async def discard(self, built: Mapping[str, Operator]) -> None:
        """Closes operators that were built and will not be used; active ones stay open."""
        for operator in self._new_ones(built):
            await operator.close()

    async def introduce(self, operators: Mapping[str, Operator]) -> None:
        """Prepares metrics and delivery loops, so that `swap` may follow the routing table without a pause."""
        async for name, operator in in_slices(operators.items()):
            self._start_metrics(operator)
            # Kept by name, also while the operator is not configured: transfers wake a loop by its operator's name.
            for far_side in operator.far_sides:
                loop = name, far_side.recipient
                if loop not in self._delivery_loops:
                    self._delivery_loops[loop] = DeliveryLoop(
                        self._context, self._delivery_try, partial(self._far_side, *loop)
                    )

    async def swap(self, operators: dict[str, Operator]) -> None:
        """Makes these operators, which were introduced, the active ones. Former ones are closed once their calls have
        ended."""
        former, self.operators = self.operators, operators
        async for name in in_slices([name for name in former if name not in operators]):
            self._context.metrics.unwatch(_source(name))
        before, after = _deliveries(former), _deliveries(operators)
        async for loop in in_slices([loop for loop in before if loop not in after]):
            await self._supervisor.drop(_work_name(*loop))
        async for loop in in_slices([loop for loop in after if loop not in before]):
            self._supervisor.keep(_work_name(*loop), self._delivery_loops[loop].run)
        async for name, operator in in_slices(former.items()):
            if operators.get(name) is not operator:
                self._close_later(operator)
            else:
                # Whoever reloads since the operator has moved, or has another certificate, waits for no old connection.
                operator.renew_connections(tls_context(None, None, None))

    async def stop_deliveries(self) -> None:
        """Claims no more transfers; running tries go on."""
        for loop in _deliveries(self.operators):
            await self._supervisor.drop(_work_name(*loop))

    async def wait_deliveries_idle(self) -> None:
        """Returns once no try is running."""
        for loop in self._delivery_loops.values():
            await loop.wait_idle()

    async def close(self) -> None:
        """Closes all operators without waiting for their calls, which end as unknown or unsent."""
        for task in self.closing:
            task.cancel()
        await asyncio.gather(*self.closing, return_exceptions=True)
        for operator in self.operators.values():
            await operator.close()

    def _start_metrics(self, operator: Operator) -> None:
        metrics, categories = self._context.metrics, self._context.reasons.categories
        metrics.start_operator(
            operator.name,
            categories.names,
            objectives_of(operator.settings.objectives),
            payments=operator.game is not None,
        )
        metrics.watch(_source(operator.name), partial(self._readings, operator))

    def _readings(self, operator: Operator) -> Iterator[Reading]:
        yield from operator.readings()
        for far_side in operator.far_sides:
            loop = operator.name, far_side.recipient
            yield Reading("delivery_due_seconds", self._delivery_loops[loop].due_in_s(), loop)

    def _far_side(self, name: str, recipient: Recipient) -> FarSide:
        operator = self.operators[name]
        if recipient is Recipient.OPERATOR:
            return operator
        assert operator.game is not None
        return operator.game

    def _is_unchanged(self, name: str, settings: OperatorSettings) -> bool:
        """Whether these settings would build the active operator once more."""
        # Where files are named, it is always built again: their contents may have changed under the same names.
        operator = self.operators.get(name)
        if operator is None or operator.settings != settings:
            return False
        game = operator.game
        of_format = game.format.settings if isinstance(game, GameFarSide) else None
        return not any(map(_names_a_file, (settings, operator.adapter.settings, of_format)))

    def _new_ones(self, built: Mapping[str, Operator]) -> list[Operator]:
        return [operator for name, operator in built.items() if self.operators.get(name) is not operator]

    def _close_later(self, operator: Operator) -> None:
        task = asyncio.create_task(self._close_when_idle(operator))
        self.closing.add(task)
        task.add_done_callback(self.closing.discard)

    async def _close_when_idle(self, operator: Operator) -> None:
        try:
            await self._wait_idle(operator)
            # Deliveries too may still be calling; the bulkheads count every call.
            while not operator.is_idle():  # noqa: ASYNC110 - a bulkhead has no event for being empty
                await asyncio.sleep(IDLE_POLL_S)
        finally:
            await operator.close()
            log.info("operator closed after a reload", operator=operator.name)


class _TlsContexts(NamedTuple):
    """Towards an operator, and towards the game where it is told of that operator's payments."""

    operator: ssl.SSLContext
    game: ssl.SSLContext | None = None


def _load_tls(settings: Mapping[str, OperatorSettings]) -> dict[str, _TlsContexts | OSError]:
    """The TLS contexts of each operator, or why there are none."""
    contexts: dict[str, _TlsContexts | OSError] = {}
    for name, one in settings.items():
        try:
            game = None if one.payment is None else _context_of(one.payment.game.tls)
            contexts[name] = _TlsContexts(_context_of(one.tls), game)
        except OSError as error:
            contexts[name] = error
    return contexts


def _context_of(tls: OperatorTls) -> ssl.SSLContext:
    return tls_context(tls.ca_file, tls.cert_file, tls.key_file)


def _names_a_file(settings: object) -> bool:
    """Whether these settings name a file anywhere."""
    if isinstance(settings, BaseModel):
        return any(map(_names_a_file, settings.__dict__.values()))
    if isinstance(settings, Mapping):
        return any(map(_names_a_file, settings.values()))
    if isinstance(settings, list | tuple | set | frozenset):
        return any(map(_names_a_file, settings))
    return isinstance(settings, Path)


def _source(name: str) -> str:
    """The operator among the sources of metrics."""
    return f"operator {name}"


def _deliveries(operators: Mapping[str, Operator]) -> list[tuple[str, Recipient]]:
    return [(name, far_side.recipient) for name, operator in operators.items() for far_side in operator.far_sides]


def _work_name(name: str, recipient: Recipient) -> str:
    return f"delivery to {name}" if recipient is Recipient.OPERATOR else f"delivery of {name}'s payments"


def error_text(error: Exception) -> str:
    """Why an operator cannot be built, without values."""
    # A validation error's own text repeats values, and they may be secrets:
    # test_an_operator_that_cannot_be_built_is_told_without_secrets.
    return "its settings do not fit its adapter" if isinstance(error, ValidationError) else str(error)
