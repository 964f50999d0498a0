"""The nouns of the gateway: a `Transfer`, and what belongs to it. They do nothing; every layer may use them.

Times (`…_at`) are Unix seconds, durations (`…_s`) seconds; money is exact (`gateway.money`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from gateway.money import Money
from gateway.reasons import Source


class Direction(StrEnum):
    """Which way the money goes, seen from the player's wallet at the operator. A payment has already been made there:
    the game is told of it, and nothing is left to ask the operator for."""

    WITHDRAW = "withdraw"
    DEPOSIT = "deposit"
    PAYMENT = "payment"


WALLET_DIRECTIONS: Final = (Direction.WITHDRAW, Direction.DEPOSIT)
"""Directions of the wallet's transfers: the operator holds them, and has to acknowledge their ends."""


class Recipient(StrEnum):
    """Who has to acknowledge that a transfer has ended: for a payment the game, for all others the operator."""

    OPERATOR = "operator"
    GAME = "game"


class State(StrEnum):
    """How far a transfer is. What may follow what: `gateway.transitions`."""

    SENDING = "sending"
    HELD = "held"
    CONFIRMING = "confirming"
    CONFIRMED = "confirmed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    PARKED = "parked"


class Decision(StrEnum):
    """How a transfer is to end."""

    CONFIRM = "confirm"
    ROLLBACK = "rollback"


class Fate(StrEnum):
    """What is known of the hold (the withdraw or deposit itself) at the operator."""

    UNKNOWN = "unknown"
    TAKEN = "taken"
    REFUSED = "refused"


class Verdict(StrEnum):
    """What one try at the operator came to."""

    SUCCESS = "success"
    DECLINED = "declined"
    NOT_FOUND = "not_found"
    UNSENT = "unsent"
    UNKNOWN = "unknown"


FINAL: Final = (State.CONFIRMED, State.ROLLED_BACK)
"""States in which a transfer has ended. Only a late arrival leaves one of them (see `gateway.transitions`)."""

CLAIMABLE: Final = (State.SENDING, State.CONFIRMING, State.ROLLING_BACK)
"""States in which some instance must act once `due_at` has come."""


class Key(NamedTuple):
    """What identifies a transfer: one `mmTransactionId` of one operator in one direction."""

    operator: str
    direction: Direction
    id: str


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A player's session at an operator, as far as it is known here.

    `token` is a secret. `memory` is what the adapter asked to be remembered when it verified the session.
    `verified_at` is when the operator last verified it (Unix seconds), 0 where that is not known: a transfer's session
    does not tell it, the journal's own list of sessions does.
    """

    operator: str
    token: str
    player_id: str = ""
    memory: Mapping[str, str] = {}
    verified_at: float = 0.0

    @property
    def logged_player(self) -> str:
        """The player's id for a log: empty where it is not known, or where the contract names the player by the token
        itself, which is a secret."""
        return "" if self.player_id == self.token else self.player_id

    def __repr__(self) -> str:
        # Secrets must not reach a log.
        return f"Session(operator={self.operator!r}, player_id={self.logged_player!r})"


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A withdrawal, a deposit or a payment: one row of the journal.

    `amount` is None only where the gateway never saw the hold and was first told of the rollback (`adopted`).
    `session` is the one that the next try to deliver is made with, `spare_session` another one of the same player that
    may still work: tries alternate between the two.
    `fingerprint` tells whether a repeated hold has the same content. `revision` grows with every change and is
    the fence for whoever holds a claim. `due_at` is when somebody must act next, None when nobody must;
    `owner` is the instance that acts until then, None when nobody does.
    `missing_at` is when the operator first answered the rollback with "never heard of it", None if it never did.
    `window_over` is for one try and is not kept: whether the window for late arrivals is over since then.
    `first_ended_at` is when it had first ended, if it was opened again since (see `gateway.transitions`).
    `hold_balance` and `end_balance` are the operator's recorded answers to the hold and to its end.
    `rollback_reason` is the first reason to roll it back: what every try tells the operator, where it wants one.
    `memory` is what the operator gave with its receipts and the adapter needs again, such as its own transaction id.
    """

    operator: str
    direction: Direction
    id: str
    state: State
    amount: Money | None
    description: str = ""
    session: Session
    fingerprint: str = ""
    adopted: bool = False
    fate: Fate = Fate.UNKNOWN
    wants: Decision | None = None
    tries: int = 0
    missing_at: float | None = None
    revision: int = 0
    owner: str | None = None
    due_at: float | None = None
    opened_at: float
    decided_at: float | None = None
    changed_at: float
    hold_balance: Money | None = None
    end_balance: Money | None = None
    rollback_reason: str | None = None
    spare_session: Session | None = None
    memory: Mapping[str, str] = {}
    first_ended_at: float | None = None
    window_over: bool = False

    @property
    def key(self) -> Key:
        return Key(self.operator, self.direction, self.id)


class QueriedState(StrEnum):
    """What an operator is told that asks what became of a transfer. The first two are never taken back."""

    CONFIRMED = "CONFIRMED"
    ROLLED_BACK = "ROLLED_BACK"
    PENDING = "PENDING"
    NOT_FOUND = "NOT_FOUND"


class FinalState(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a transfer (`gateway.transfers.final_state`). None where it is not known, or where there is none.

    `wants` is how a pending transfer is to end, None while nobody has decided that. `since` is since when it has been
    pending like that: the decision (also a person's, to have it tried again), or its begin.
    """

    state: QueriedState
    wants: Decision | None = None
    since: float | None = None
    amount: Money | None = None
    opened_at: float | None = None
    ended_at: float | None = None
    rollback_reason: str | None = None


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try at the operator: of `call` ("withdraw", "confirmDeposit", …), begun at `at`, `took_s` long.

    `kind` says why the operator declined (a value of `gateway.operators.errors.Kind`), empty where it did not.
    `player` is the id of the player whose session the try was made with, as far as it was known; `session` says which
    session that was: "own" is the one of the hold, "later" one that a later call of the same player named, and empty
    for adopted transfers, and for tries made before this was written down.
    """

    call: str
    at: float
    took_s: float
    verdict: Verdict
    kind: str = ""
    detail: str = ""
    instance: str = ""
    player: str = ""
    session: str = ""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a transfer is rolled back, or was parked, retried or resolved by a person (`who`).

    `times` is how often it was given, first `at` and, where that is more than once, last at `last_at`.
    """

    text: str
    source: Source
    category: str
    at: float
    who: str = ""
    times: int = 1
    last_at: float | None = None


class KeyedReason(msgspec.Struct, frozen=True, kw_only=True):
    """A reason beside the transfer it belongs to. `number` grows with every reason that its journal keeps; another
    journal counts for itself."""

    key: Key
    reason: Reason
    number: int


class ReasonTotal(msgspec.Struct, frozen=True, kw_only=True):
    """How often reasons of one kind were given."""

    operator: str
    source: Source
    category: str
    count: int


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one transfer, oldest first."""

    transfer: Transfer
    attempts: list[Attempt]
    reasons: list[Reason]


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """A remembered session, when it was last seen, and the digest of its token that the journal keeps it under."""

    session: Session
    seen_at: float
    digest: bytes


class RowCounts(msgspec.Struct, frozen=True):
    """How many rows of each kind a journal holds."""

    transfers: int
    sessions: int


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A running gateway: alive until `lease_until` unless it says so again. `version` of the program and
    `configuration`, the hash of what it runs with, are for people; None where nobody has said."""

    id: str
    started_at: float
    lease_until: float
    version: str | None = None
    configuration: str | None = None


class MovedOperator(msgspec.Struct, frozen=True, kw_only=True):
    """The mark that an operator's transfers in a journal are not the true ones, though its rows are still there.

    They have moved to the journal that the configuration called `journal`, or, where it is `arriving`, they are still
    in that one, and the copy of them into this one has not finished. The two marks of one move have the same `at` (Unix
    seconds).
    """

    operator: str
    journal: str
    at: float
    arriving: bool = False


class Leases(msgspec.Struct, frozen=True, kw_only=True):
    """The instances that a journal knows, at the time `now` by the clock of its store (Unix seconds)."""

    instances: tuple[Instance, ...]
    now: float

    @property
    def live(self) -> list[Instance]:
        """Those whose lease has not ended: they serve, or have died within the last seconds."""
        return [instance for instance in self.instances if instance.lease_until > self.now]


class UnfinishedCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many unfinished transfers of one kind there are, and since when (`opened_at`) the oldest waits.

    `abandoned` counts those opened before the time that was asked about.
    """

    operator: str
    direction: Direction
    state: State
    count: int
    oldest_at: float
    abandoned: int = 0
