"""Everything that is written to a journal, as data, and the rule by which a change applies to a row.

A store turns each write into its own SQL, and applies a batch of them in order, in one transaction. A write that does
not find what it names says so in its answer; it never fails the others. A store that cannot make a batch durable raises
`JournalUnavailable` for every write in it. A write that the table of transitions does not have cannot be made: that
raises `IllegalTransition`.

`apply_change` is the rule of `Change` for SQLite and the simulator, the SQL function `journal_write` for PostgreSQL:
one table of cases is played through both (tests/integration/journal/test_change_cases.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from gateway.money import Money
from gateway.records import (
    FINAL,
    Attempt,
    Decision,
    Fate,
    Instance,
    Key,
    Reason,
    Recipient,
    Session,
    State,
    Timeline,
    Transfer,
)
from gateway.transitions import FIRST_STATES, PREDECESSORS


class IllegalTransition(AssertionError):
    """A write would bring a transfer to a state in which it cannot begin, or to which no transition leads: our own bug.

    Raised when the write is made, so nothing of it is written, and no other write of a batch fails with it.
    """


class Insert(msgspec.Struct, frozen=True, kw_only=True):
    """Insert `transfer` unless its key is taken. `reason` is kept only if it was inserted. Answers `Inserted`.

    Making one raises `IllegalTransition` for a state in which no transfer begins.
    """

    transfer: Transfer
    reason: Reason | None = None

    def __post_init__(self) -> None:
        if self.transfer.state not in FIRST_STATES:
            raise IllegalTransition(f"{self.transfer.id}: a transfer does not begin as {self.transfer.state}")


class Inserted(msgspec.Struct, frozen=True):
    """The row under the key now, and whether this write created it."""

    transfer: Transfer
    created: bool


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Compare-and-set: move a transfer from one of the states `allowed` to the state `to`. Answers `Changed`.

    It moves if the row is in an allowed state, has the revision of `found` where that is given, and has this `amount`
    where that is given. Then, in the row:

    - `state` is `to`, `changed_at` is `at`, and `revision` grows by one.
    - `due_at`, `owner`, `tries` and `wants` are set as given; None clears them.
    - `decided_at`, `fate`, `missing_at` and the balances are set where given; None keeps the row's.
    - `rollback_reason` is set to the text of `reason` if `to` is rolling back, unless the row has one: the first stays.
    - `session` and `spare_session` are written together: where `session` is None both stay, and where it is given, a
      `spare_session` of None means that there is none. Replacing `found.session` writes nothing; set `session`.
    - The player is that of `session`, if it has one: a player that is known stays.
    - `memory` is replaced whole where given, an empty one included; None keeps the row's. Merge before.
    - `reason` is kept.
    - `first_ended_at` is set to when the row had ended, if it had; the first time stays.

    `attempt` is kept whether the row moved or not, if there is such a row: the attempt was made.

    Times (`at`, `due_at`, `decided_at`, `missing_at`) are Unix seconds. Making one raises `IllegalTransition` where
    `to` may not follow each of `allowed`.
    """

    key: Key
    allowed: tuple[State, ...]
    to: State
    at: float
    found: Transfer | None = None
    amount: Money | None = None
    due_at: float | None = None
    owner: str | None = None
    tries: int = 0
    wants: Decision | None = None
    decided_at: float | None = None
    fate: Fate | None = None
    missing_at: float | None = None
    hold_balance: Money | None = None
    end_balance: Money | None = None
    session: Session | None = None
    spare_session: Session | None = None
    memory: Mapping[str, str] | None = None
    reason: Reason | None = None
    attempt: Attempt | None = None

    def __post_init__(self) -> None:
        # Every allowed state, not only the one that is found: a wrong rule is found where it is tried first, in
        # whatever state the row is (tests/unit/journal/test_writes.py).
        if not PREDECESSORS[self.to].issuperset(self.allowed):
            before = ", ".join(state for state in self.allowed if state not in PREDECESSORS[self.to])
            raise IllegalTransition(f"{self.key.id}: no transition leads from {before} to {self.to}")

    @property
    def fence(self) -> int | None:
        """The revision that the row must have, None for any: a writer that saw an older one is refused."""
        return None if self.found is None else self.found.revision

    @property
    def rollback_reason(self) -> str | None:
        """The text of `reason` if it is one to roll back, None otherwise."""
        return self.reason.text if self.reason is not None and self.to is State.ROLLING_BACK else None


class Changed(msgspec.Struct, frozen=True):
    """The row as it is now (None: no such transfer), and whether this write moved it."""

    transfer: Transfer | None
    moved: bool


class AddReason(msgspec.Struct, frozen=True, kw_only=True):
    """Keep one more reason for a transfer whose end is already decided, if there is such a transfer. Answers None.

    If the transfer has the same reason (text, source and person), that one is counted instead: `times` grows by one,
    and `last_at` is the new time. A game repeats its calls for days.

    Of the transfer's reasons of this source the first `FIRST_KEPT` and the last `LAST_KEPT` are kept. Where there is
    more than one between them, the first of these becomes the row of all: its text is `LEFT_OUT`, its category `OTHER`,
    and `times` is the sum of theirs.
    """

    key: Key
    reason: Reason


class SaveSession(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a verified session, in place of what was known under its token. `at` is when it was verified (Unix seconds).
    Answers None."""

    session: Session
    at: float


class NamePlayer(msgspec.Struct, frozen=True, kw_only=True):
    """Fill in the player of a transfer whose player is not known, if there is such a transfer. Answers None.

    Its revision stays: nobody who is at work on it needs to know.
    """

    key: Key
    player_id: str


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Take at most `limit` due transfers of an operator that this recipient has to acknowledge, for the instance
    `owner`, until `lease_until` (Unix seconds). Answers a list of them.

    Due: in one of the states `CLAIMABLE`, and `due_at` is not after `now`. The smallest `due_at` comes first. Each row
    gets the owner, `due_at = lease_until` and the next revision. No row is taken by two claims.
    """

    operator: str
    owner: str
    now: float
    lease_until: float
    limit: int
    recipient: Recipient = Recipient.OPERATOR


class RenewLease(msgspec.Struct, frozen=True, kw_only=True):
    """Make an instance count as alive until its `lease_until`. Answers None."""

    instance: Instance


class ReleaseOrphans(msgspec.Struct, frozen=True, kw_only=True):
    """Release the claimable rows of instances whose lease ended before `now` (Unix seconds; infinity: of all
    instances): `owner` becomes None, and `due_at` becomes `changed_at` if that is earlier. Delete those instances.
    Answers the number of rows.

    Revisions stay: the next claim raises them, and so fences an owner that is still alive.
    """

    now: float


class Prune(msgspec.Struct, frozen=True, kw_only=True):
    """Delete at most `limit` transfers in a final state that were last changed before `before` (Unix seconds), with
    their attempts and reasons, and at most as many sessions last seen before then; the oldest first. Answers how many
    transfers and sessions together."""

    before: float
    limit: int


class Import(msgspec.Struct, frozen=True):
    """Insert a transfer of another journal, in whatever state it is, with its attempts and reasons, unless its key is
    taken. Answers `Inserted`."""

    timeline: Timeline


class CheckWritable(msgspec.Struct, frozen=True):
    """Write something without meaning, to see whether a write would be durable now. Answers None."""


Write = (
    Insert
    | Change
    | AddReason
    | SaveSession
    | NamePlayer
    | Claim
    | RenewLease
    | ReleaseOrphans
    | Prune
    | Import
    | CheckWritable
)


def apply_change(transfer: Transfer, change: Change) -> Transfer | None:
    """The transfer after the change; None if the change does not apply to the transfer as it is."""
    if transfer.state not in change.allowed or change.fence not in {None, transfer.revision}:
        return None
    if change.amount is not None and change.amount != transfer.amount:
        return None
    return msgspec.structs.replace(
        transfer,
        state=change.to,
        changed_at=change.at,
        due_at=change.due_at,
        owner=change.owner,
        tries=change.tries,
        wants=change.wants,
        revision=transfer.revision + 1,
        decided_at=transfer.decided_at if change.decided_at is None else change.decided_at,
        fate=change.fate or transfer.fate,
        missing_at=transfer.missing_at if change.missing_at is None else change.missing_at,
        hold_balance=change.hold_balance or transfer.hold_balance,
        end_balance=change.end_balance or transfer.end_balance,
        rollback_reason=change.rollback_reason if transfer.rollback_reason is None else transfer.rollback_reason,
        session=_session_after(transfer, change),
        spare_session=transfer.spare_session if change.session is None else change.spare_session,
        memory=transfer.memory if change.memory is None else change.memory,
        first_ended_at=_first_ended_at(transfer),
    )


def _session_after(transfer: Transfer, change: Change) -> Session:
    session = change.session
    if session is None:
        return transfer.session
    if session.player_id or not transfer.session.player_id:
        return session
    return msgspec.structs.replace(session, player_id=transfer.session.player_id)


def _first_ended_at(transfer: Transfer) -> float | None:
    if transfer.first_ended_at is not None or transfer.state not in FINAL:
        return transfer.first_ended_at
    return transfer.changed_at
