"""What every part of the heart works with, gathered in one place."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

import msgspec

from gateway.bounded import BoundedMap
from gateway.clock import Clock, no_doubt
from gateway.journal.interface import Journal, JournalUnavailable
from gateway.operators.far_side import FarSide
from gateway.records import Key, Recipient, Session
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
    """Shared by all parts of the heart, one for each process.

    `journals`: by name. `instance`: the id under which this process owns rows.
    `wake(operator, recipient, due_at)`: tells a delivery loop of that operator that something falls due (Unix
    seconds).
    `random_share()`: a random number from 0 to 1, for jitter.
    `doubt_s()`: by how many seconds the clock may be ahead; parking waits for so much longer.
    `holds_lease_since(journal, at)`: whether this instance has counted as alive there without a break since then (Unix
    seconds).
    `wait_limit_s`: how long a call waits for another one about the same transfer.
    `opened_here`: transfers whose holds or ends began in this process, each with the session of their row. A guess of
    which write to try first; it also spares an end with that very token the question whose session it is.
    `unsent`: holds that this process did not send because it could not write a row for them, each with its session.
    """

    journals: Mapping[str, Journal]
    reasons: RollbackReasons
    metrics: Metrics
    clock: Clock
    instance: str
    wake: Callable[[str, Recipient, float], None]
    doubt_s: Callable[[], float] = no_doubt
    holds_lease_since: Callable[[str, float], bool]
    wait_limit_s: float = 10.0
    random_share: Callable[[], float] = random.random
    single_flight: SingleFlight = msgspec.field(default_factory=SingleFlight)
    opened_here: Remembered = msgspec.field(default_factory=lambda: BoundedMap(REMEMBERED))
    unsent: Remembered = msgspec.field(default_factory=lambda: BoundedMap(REMEMBERED))

    def journal(self, far_side: FarSide) -> Journal:
        """The journal that keeps its transfers."""
        return self.journals[far_side.journal]

    def lease(self, far_side: FarSide) -> Lease:
        """A lease that is long enough for one try."""
        # The margin is for writing it down, and for clocks that differ.
        return Lease(self.instance, self.clock.now() + far_side.try_s + LEASE_MARGIN_S)


async def await_journal(answer: Awaitable[T], consequence: str) -> T:
    """What the journal answers. Raises `WalletError` if it is unavailable; `consequence` tells the game what that means
    for its call."""
    try:
        return await answer
    except JournalUnavailable as error:
        raise refusals.journal_unavailable(consequence) from error
