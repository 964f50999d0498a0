"""What a journal offers, and which errors it raises. The stores `sqlite` and `postgres` are its two forms."""

from __future__ import annotations

from typing import Final, Protocol

import msgspec

from gateway.journal.writes import Change, Changed, Claim, Inserted
from gateway.reasons import Source
from gateway.records import (
    Decision,
    Direction,
    Instance,
    Key,
    KeyedReason,
    MovedOperator,
    Reason,
    ReasonTotal,
    Recipient,
    Session,
    State,
    Timeline,
    Transfer,
    UnfinishedCount,
)


class JournalError(Exception):
    """
    JournalError
    ├── JournalUnavailable    the write is not known to be durable; may pass by itself
    ├── JournalMisconfigured  the journal cannot be opened as configured; a person must act, waiting does not help
    ├── JournalInUse          gateways serve from it, and the command needs them stopped
    ├── SchemaMismatch        the tables are older or newer than this program: `mm-gateway migrate`, or an upgrade
    └── CopyError             a record, or an operator, cannot be copied to another journal (see `copy`, `moving`)
    """


class JournalUnavailable(JournalError):
    """The write is not known to be durable: disk full, database unreachable, connection lost. Try again later.

    It may be durable all the same, where the connection was lost before the answer: read before you conclude anything.
    """


class JournalMisconfigured(JournalError):
    """The URL does not name a journal, another process has it open, or its key is missing; the text says what to do."""


class JournalInUse(JournalError):
    """Gateways serve from the journal; the text says which, until when they count as alive, and what to do."""


class SchemaMismatch(JournalError):
    """The journal's schema has another version than this program's; the text says which is older and what to do."""


PAST_NONE: Final = 2**63 - 1
"""As the `number` of a position: what has this time and key still comes."""


class Position(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A place in a list, which goes from the newest to the oldest: behind the record of this time (Unix seconds) and
    key. A page goes on from there, whatever has been added at the list's beginning meanwhile.

    Of the records with the same time and key, those are behind it whose number in the journal is smaller. Transfers
    have each their own key, so that 0 leaves out the one with this key, and `PAST_NONE` does not.
    """

    at: float
    key: Key
    number: int = 0


def position_of(transfer: Transfer) -> Position:
    """Where the list goes on behind this transfer."""
    return Position(at=transfer.opened_at, key=transfer.key)


class TransferFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which transfers to list. All conditions must hold; a field that is None, or no states, is not a condition.

    `player_id`: of this player; empty for those whose player is not known. `states`: in one of these. `since` and
    `until`: opened then or later, and before then. `changed_before`: last changed before this time. `due_after`: due
    later than this. `owned`: whether an instance has claimed it. Times are Unix seconds.
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
    """Which rollback reasons to list. All conditions must hold; a field that is None is not a condition.

    `player_id`: of this player's transfers. `text`: the reason contains it, in upper or lower case. `since` and
    `until`: first given then or later, and before then (Unix seconds).
    """

    operator: str | None = None
    source: Source | None = None
    category: str | None = None
    text: str | None = None
    player_id: str | None = None
    since: float | None = None
    until: float | None = None


class JournalUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of its limits a journal uses: writes that wait to be committed, and database connections (zero where
    the store has none)."""

    writes_waiting: int
    writes_limit: int
    connections_in_use: int = 0
    connections_idle: int = 0
    connections_limit: int = 0


class JournalMeasures(msgspec.Struct, frozen=True, kw_only=True):
    """How large a journal is, and the version of its tables (`schema`), which may be newer than this program's. Rows
    may be the store's estimate. `log_bytes`: its write-ahead log; `free_bytes`:
    what may still be written to its disk; both None where that is the server's affair. `clock_offset_s`: this
    machine's clock minus the store's, None where both are the same."""

    schema: int
    transfers: int
    sessions: int
    data_bytes: int
    log_bytes: int | None = None
    free_bytes: int | None = None
    clock_offset_s: float | None = None


class Journal(Protocol):
    """The memory of the gateway.

    A write that has returned is durable. Every method may raise `JournalUnavailable`: a write is then not known to be
    durable, a read has no answer. Writes about one transfer are applied in the order in which they were asked for. Each
    method that writes stands for one of the writes in `gateway.journal.writes`, which says precisely what is written.

    `exclusive`: no other process can have this journal open, so all rows that others own are orphans.
    """

    exclusive: bool

    async def insert(self, transfer: Transfer, reason: Reason | None = None) -> Inserted:
        """Writes a new transfer, with the reason to roll it back if there is one (`writes.Insert`).

        Returns the row under the key, and whether this call created it. Raises `IllegalTransition` for a state in which
        no transfer begins.
        """

    async def change(self, change: Change) -> Changed:
        """Moves a transfer to another state, if it still is what the writer found: compare-and-set (`writes.Change`).

        Returns the row as it is then, and whether this call moved it; no row if there is no such transfer.
        """

    async def add_reason(self, key: Key, reason: Reason) -> None:
        """Keeps one more reason for a transfer; one that it has already is counted (`writes.AddReason`). Does nothing
        if there is no such transfer."""

    async def save_session(self, session: Session, at: float) -> None:
        """Keeps a session that was verified `at` (Unix seconds), in place of an earlier one with its token
        (`writes.SaveSession`)."""

    async def name_player(self, key: Key, player_id: str) -> None:
        """Fills in a transfer's player where it is not known (`writes.NamePlayer`)."""

    async def claim(self, claim: Claim) -> list[Transfer]:
        """Takes due transfers of one operator for one instance, with a lease (`writes.Claim`).

        Returns them as they are then. No other claim gets them until the lease has ended.
        """

    async def renew_lease(self, instance: Instance) -> None:
        """Makes the instance count as alive until its `lease_until` (`writes.RenewLease`)."""

    async def release_orphans(self, now: float) -> int:
        """Makes due at once what instances own whose lease ended before `now` (Unix seconds; infinity: what any
        instance owns), and deletes those instances (`writes.ReleaseOrphans`). Returns how many transfers."""

    async def prune(self, before: float, limit: int) -> int:
        """Deletes at most `limit` ended transfers that were last changed `before` (Unix seconds), and at most as many
        sessions that were last seen before then (`writes.Prune`). Returns how many of both together."""

    async def find(self, key: Key) -> Transfer | None:
        """The transfer, None if there is none."""

    async def find_session(self, operator: str, token: str) -> Session | None:
        """The operator's session that was saved last under this token, None if there is none."""

    async def next_due(self, operator: str, recipient: Recipient = Recipient.OPERATOR) -> float | None:
        """When the operator's earliest claimable transfer that this recipient has to acknowledge is due (Unix seconds),
        None if there is none."""

    async def timeline(self, key: Key) -> Timeline | None:
        """The transfer with its attempts and reasons, each in the order in which they were written; None if there is
        none."""

    async def list_transfers(
        self, where: TransferFilter, *, limit: int, after: Position | None = None
    ) -> list[Transfer]:
        """The transfers that were opened last, newest first: at most `limit`, of those that come after a position."""

    async def list_reasons(
        self, where: ReasonFilter, *, limit: int, after: Position | None = None
    ) -> list[KeyedReason]:
        """The reasons that were first given last, newest first: at most `limit`, of those that come after a
        position."""

    async def count_transfers(self, where: TransferFilter) -> int:
        """How many transfers there are to list: reads them all, which may take seconds where there are millions."""

    async def count_listed_reasons(self, where: ReasonFilter) -> int:
        """How many reasons there are to list, one that was given several times once."""

    async def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        """How often reasons were given, by operator, source and category, in that order. A reason that was given
        several times counts as often, at the time when it was given first."""

    async def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        """How many transfers are in each unfinished state, by operator and direction, and how many of them were opened
        before `abandoned_before` (Unix seconds). Ended transfers are not counted: there may be very many."""

    async def last_lease(self) -> float | None:
        """When the last lease of any instance ends or has ended (Unix seconds): nobody has been alive since. None if no
        instance is known."""

    async def moved_operators(self) -> list[MovedOperator]:
        """The operators whose transfers here are not the true ones. All that is listed or counted leaves them out; what
        is found by its key is not looked up here, so nobody may serve such an operator from this journal."""

    async def instances(self) -> list[Instance]:
        """The instances that are known, the oldest first: those alive, and those whose lease has ended and that nobody
        has taken over from yet."""

    async def measure(self) -> JournalMeasures:
        """How large the journal is, and how far its clock is from ours: cheap enough for every few seconds."""

    def usage(self) -> JournalUsage:
        """How much of its limits the journal uses now."""

    async def check_writable(self) -> None:
        """Writes something without meaning (`writes.CheckWritable`). Returns if a write would be durable now."""

    async def close(self) -> None:
        """Refuses further writes, commits those that wait, and closes the store."""
