"""Everything that is written to a journal, as data: a store turns each of these into its own SQL.

A batch of writes is applied in order, in one transaction; what one write does not find it answers, it never
fails the others. A store that cannot make the batch durable raises `JournalUnavailable` for all of it.
"""

from __future__ import annotations

import msgspec

from gateway.money import Money
from gateway.records import (
    Attempt,
    Decision,
    Fate,
    Instance,
    Key,
    Reason,
    Session,
    State,
    Timeline,
    Transfer,
)


class Insert(msgspec.Struct, frozen=True, kw_only=True):
    """Insert `transfer` unless its key is taken; `reason` is kept only if it was inserted. Answers `Inserted`."""

    transfer: Transfer
    reason: Reason | None = None


class Inserted(msgspec.Struct, frozen=True):
    """The row under the key now, and whether this write made it."""

    transfer: Transfer
    created: bool


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Compare-and-set: move a transfer from one of `allowed` to `to`. Answers `Changed`.

    Moves only if the row is in an allowed state and, where given, still is what the writer `found` and has this
    `amount`; then `revision` grows by one. `due_at`, `owner`, `tries` and `wants` are set as given; `decided_at`,
    `fate`, `missing_at`, balances and session keep the row's value where None. The first `rollback_reason` stays.
    `spare_session` is written together with `session`: where that is given, None means that there is no spare one;
    where it is not, both stay. A session with which the writer has replaced that of `found` is not written thereby.
    `reason` is kept only if the row moved; `attempt` is kept in any case, since it happened.
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
    reason: Reason | None = None
    attempt: Attempt | None = None

    @property
    def fence(self) -> int | None:
        """The revision that the row must have."""
        return None if self.found is None else self.found.revision

    @property
    def rollback_reason(self) -> str | None:
        """The reason's text where it is one to roll back."""
        return self.reason.text if self.reason is not None and self.to is State.ROLLING_BACK else None


class Changed(msgspec.Struct, frozen=True):
    """The row as it stands now (None: no such transfer), and whether this write moved it."""

    transfer: Transfer | None
    moved: bool


class AddReason(msgspec.Struct, frozen=True, kw_only=True):
    """Keep one more reason for a transfer whose end is already decided (none if there is no such transfer). Answers
    None.

    Where the same was given before (text, source and person), it is counted there: the game repeats its calls for days.
    """

    key: Key
    reason: Reason


class SaveSession(msgspec.Struct, frozen=True, kw_only=True):
    """Keep a verified session, replacing what was known under its token. Answers None."""

    session: Session
    at: float


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Take up to `limit` due transfers of an operator for `owner` until `lease_until`. Answers a list of them.

    Due: in one of `CLAIMABLE`, `due_at` not after `now`. Each taken row gets the owner, `due_at = lease_until` and
    the next revision; no row is taken by two. Oldest `due_at` first.
    """

    operator: str
    owner: str
    now: float
    lease_until: float
    limit: int


class RenewLease(msgspec.Struct, frozen=True, kw_only=True):
    """This instance lives until its `lease_until`. Answers None."""

    instance: Instance


class ReleaseOrphans(msgspec.Struct, frozen=True, kw_only=True):
    """Make due at once, and nobody's, the claimable rows of instances whose lease ended before `now` (infinity: of
    all), and forget those instances: the rows are due since they last changed. Revisions stay, the next claim moves
    the fence. Answers how many rows."""

    now: float


class Prune(msgspec.Struct, frozen=True, kw_only=True):
    """Delete up to `limit` final transfers last changed before `before`, with all that belongs to them, and as many
    sessions last seen before then. Answers how many transfers and sessions."""

    before: float
    limit: int


class Import(msgspec.Struct, frozen=True):
    """Insert a transfer of another journal, with its tries and reasons, unless its key is taken. Answers `Inserted`."""

    timeline: Timeline


class CheckWritable(msgspec.Struct, frozen=True):
    """Write what means nothing, to see whether a write would be durable now. Answers None."""


Write = Insert | Change | AddReason | SaveSession | Claim | RenewLease | ReleaseOrphans | Prune | Import | CheckWritable


def apply_change(transfer: Transfer, change: Change) -> Transfer | None:
    """The transfer after the change; None where it does not apply to the transfer as it stands."""
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
        session=change.session or transfer.session,
        spare_session=transfer.spare_session if change.session is None else change.spare_session,
    )
