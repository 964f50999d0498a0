"""What every part of the heart works with, gathered in one place."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import msgspec

from gateway.bounded import BoundedMap
from gateway.clock import Clock
from gateway.journal.interface import Journal, JournalUnavailable
from gateway.operators.operator import Operator
from gateway.records import Key, Session
from gateway.telemetry.metrics import Metrics
from gateway.transfers import refusals
from gateway.transfers.rollback_reasons import RollbackReasons
from gateway.transfers.rules import Lease
from gateway.transfers.single_flight import SingleFlight

LEASE_MARGIN_S: Final = 10.0
REMEMBERED: Final = 100_000

Remembered = BoundedMap[Key, Session]

T = TypeVar("T")


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """`journals` are by name; `instance` is the id under which this process owns rows; `wake` tells an operator's
    delivery, by name, when something falls due; `chance` gives random numbers from 0 to 1; `wait_limit_s` is how
    long a call waits for another one's end. `unsent` are holds that this process did not send, since it
    could not write a row for them."""

    journals: Mapping[str, Journal]
    reasoning: RollbackReasons
    metrics: Metrics
    clock: Clock
    instance: str
    wake: Callable[[str, float], None]
    wait_limit_s: float = 10.0
    chance: Callable[[], float] = random.random
    flights: SingleFlight = msgspec.field(default_factory=SingleFlight)
    opened_here: Remembered = msgspec.field(default_factory=lambda: BoundedMap(REMEMBERED))
    unsent: Remembered = msgspec.field(default_factory=lambda: BoundedMap(REMEMBERED))

    def journal(self, operator: Operator) -> Journal:
        """The journal that this operator's transfers live in."""
        return self.journals[operator.settings.journal]

    def lease(self, operator: Operator) -> Lease:
        """A claim long enough to wait for a place, look the player up, make one try and write it down."""
        steps = 3 if operator.adapter.needs_player else 2
        return Lease(self.instance, self.clock.now() + steps * operator.settings.timeout + LEASE_MARGIN_S)


async def await_journal(write: Awaitable[T], consequence: str) -> T:
    """What the journal answers; when it does not, the game is told so with what that means for its call."""
    try:
        return await write
    except JournalUnavailable as error:
        raise refusals.journal_unavailable(consequence) from error
