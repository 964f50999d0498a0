"""What the gateway asks of a journal. `sqlite` and `postgres` are the two that answer."""

from __future__ import annotations

from typing import Protocol

import msgspec

from gateway.journal.writes import Change, Changed, Claim, Inserted
from gateway.reasons import Source
from gateway.records import (
    Decision,
    Direction,
    Instance,
    Key,
    KeyedReason,
    Reason,
    ReasonTotal,
    Session,
    State,
    Timeline,
    Transfer,
    UnfinishedCount,
)


class JournalError(Exception):
    """
    JournalError
    ├── JournalUnavailable   nothing was made durable (or it is not known to be); may pass by itself
    ├── JournalMisconfigured the journal cannot be opened as configured; somebody must act, waiting does not help
    └── SchemaMismatch       the tables are older or newer than this program; `mm-gateway migrate` or an upgrade
    """


class JournalUnavailable(JournalError):
    """The write is not known to be durable: disk full, database away, connection lost. Try again later."""


class JournalMisconfigured(JournalError):
    """The URL names no journal, another process holds it, or its key is missing; the text says what to do."""


class SchemaMismatch(JournalError):
    """The journal's schema is not this program's; the text says which of the two is older and what to do."""


class TransferFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which transfers to list; what is None or empty does not narrow. Times are Unix seconds, `until` excluded.

    `changed_before`: last changed before this time; `due_after`: due later than this; `owned`: whether an instance has
    claimed it.
    """

    operator: str | None = None
    direction: Direction | None = None
    id: str | None = None
    player_id: str | None = None
    states: tuple[State, ...] = ()
    wants: Decision | None = None
    since: float | None = None
    until: float | None = None
    changed_before: float | None = None
    due_after: float | None = None
    owned: bool | None = None


class ReasonFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rollback reasons to list; `text` is found anywhere in the reason, whatever its case."""

    operator: str | None = None
    source: Source | None = None
    category: str | None = None
    text: str | None = None
    since: float | None = None
    until: float | None = None


class Journal(Protocol):
    """The memory of the gateway. Every method may raise `JournalUnavailable`; a write that returned is durable.

    `exclusive`: no other process can have this journal open, so whatever others left behind is orphaned.
    """

    exclusive: bool

    async def insert(self, transfer: Transfer, reason: Reason | None = None) -> Inserted: ...
    async def change(self, change: Change) -> Changed: ...
    async def add_reason(self, key: Key, reason: Reason) -> None: ...
    async def save_session(self, session: Session, at: float) -> None: ...
    async def claim(self, claim: Claim) -> list[Transfer]: ...
    async def renew_lease(self, instance: Instance) -> None: ...
    async def release_orphans(self, now: float) -> int: ...
    async def prune(self, before: float, limit: int) -> int: ...

    async def find(self, key: Key) -> Transfer | None: ...
    async def find_session(self, operator: str, token: str) -> Session | None: ...
    async def next_due(self, operator: str) -> float | None:
        """When the operator's earliest claimable transfer is due, None if there is none."""

    async def timeline(self, key: Key) -> Timeline | None: ...
    async def list_transfers(self, where: TransferFilter, *, limit: int, offset: int = 0) -> list[Transfer]:
        """Newest first."""

    async def list_reasons(self, where: ReasonFilter, *, limit: int, offset: int = 0) -> list[KeyedReason]:
        """Newest first."""

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        """How often reasons were given, by operator, source and category, in that order. A reason that was given again
        counts to the time when it was given first."""

    async def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        """Of every unfinished state; finished transfers are not counted here, there may be very many."""

    async def check_writable(self) -> None:
        """Returns if a write would be durable now."""

    async def close(self) -> None:
        """Commits what waits, then lets go of the store."""
