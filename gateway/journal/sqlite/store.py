"""The writing side of a SQLite journal as a synchronous object: one connection, one batch at a time, without threads.

`SqliteJournal` calls it in a thread. The simulator calls the same object directly, on a virtual disk that loses what is
not synced (tests/simulation/disk.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw
import msgspec

from gateway.bounded import BoundedMap
from gateway.crashpoints import crash_point
from gateway.journal.rows import Rows, of_attempt, of_key, of_memory, of_money, of_reason, of_text
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import (
    SqliteFile,
    connect,
    is_empty,
    migrate,
    require_journal,
    transaction,
    translate_errors,
)
from gateway.journal.sqlite.reads import SqliteReads
from gateway.journal.sqlite.statements import SQL
from gateway.journal.text_escaping import escape
from gateway.journal.writes import (
    AddReason,
    Change,
    Changed,
    CheckWritable,
    Claim,
    Import,
    Insert,
    Inserted,
    NamePlayer,
    Prune,
    ReleaseOrphans,
    RenewLease,
    SaveSession,
    Write,
    apply_change,
)
from gateway.reasons import Source
from gateway.records import Attempt, Key, Reason, Session, Transfer

CHECKPOINT_PAGES: Final = 1000
"""Pages in the write-ahead log from which a checkpoint is worth its syncs (docs/decisions/014-checkpoints.md)."""

ROW_IDS: Final = 16_384
"""Row ids that are remembered, of the transfers last written: their next write need not search the index of keys. A
remembered row id may be wrong (its transaction failed, or another process pruned the row and the id was used again), so
every statement that uses one compares the key as well (tests/integration/journal/sqlite/test_row_ids.py)."""


class SqliteStore:
    """Writes to one file, and reads from it through `reads`. An empty file becomes a journal; any other must be one.

    Opening raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """

    def __init__(self, file: SqliteFile, sealer: Sealer) -> None:
        self._connection = connect(file)
        try:
            if is_empty(self._connection):
                migrate(self._connection, file.path)
            require_journal(self._connection, file.path)
            self._rows = Rows(sealer)
            self._row_ids: BoundedMap[Key, int] = BoundedMap(ROW_IDS)
            self.reads = SqliteReads(self._connection, self._rows)
            self.reads.require_key()
        except BaseException:
            self._connection.close()
            raise
        self._wal_pages = 0
        self._checkpoint_pages = CHECKPOINT_PAGES
        self._checkpoint_on_open()
        self._connection.set_wal_hook(self._count_wal_pages)
        self._appliers: dict[type[Write], Callable[[Any], Any]] = {
            Insert: self._insert,
            Change: self._change,
            AddReason: self._add_reason,
            SaveSession: self._save_session,
            NamePlayer: self._name_player,
            Claim: self._claim,
            RenewLease: self._renew_lease,
            ReleaseOrphans: self._release_orphans,
            Prune: self._prune,
            Import: self._import,
            CheckWritable: self._check_writable,
        }

    def apply(self, writes: Sequence[Write]) -> list[Any]:
        """Makes all of them durable, in order, in one transaction. Returns the answer to each (see `writes`).

        Raises `JournalUnavailable`: then none of them is known to be durable, and the next batch may be tried. After a
        sync that failed they may be durable all the same.
        """
        appliers = self._appliers
        with translate_errors("writing"), transaction(self._connection):
            answers = [appliers[type(write)](write) for write in writes]
            crash_point("sqlite.uncommitted")
            return answers

    @property
    def checkpoint_due(self) -> bool:
        """Whether the write-ahead log is long enough for a `checkpoint` to be worth its syncs."""
        return self._wal_pages >= self._checkpoint_pages

    def checkpoint(self) -> None:
        """Moves pages from the write-ahead log into the file, durably. If all were moved, the next commit starts the
        log from its beginning.

        Raises `JournalUnavailable`: nothing is lost then, only the log stays long.
        """
        # A long read prevents the pages that are newer than it from being moved. The next try comes after as many
        # pages again, not at every commit until the read has ended. It stands first, since a checkpoint that fails
        # must wait too.
        self._checkpoint_pages = self._wal_pages + CHECKPOINT_PAGES
        crash_point("sqlite.checkpointing")
        with translate_errors("checkpointing"):
            pages, moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        crash_point("sqlite.checkpointed")
        if pages == moved:
            self._wal_pages = 0
            self._checkpoint_pages = CHECKPOINT_PAGES

    def close(self) -> None:
        self._connection.close()

    def _checkpoint_on_open(self) -> None:
        """Moves the log into the file, then starts a new log with a commit that changes nothing."""
        # After a sync that failed, the system may show pages that are not on the disk and never will be. Commits that
        # are appended behind such pages are lost with them at a power cut. And the old log, its end missing, would
        # overwrite newer pages of the file if the power went before the next commit: so a new log is started at once
        # (tests/simulation/test_disk.py; simulator seed 869).
        try:
            self.checkpoint()
            with translate_errors("writing"), transaction(self._connection):
                self._check_writable(CheckWritable())
        except BaseException:
            self._connection.close()
            raise

    def _count_wal_pages(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _insert(self, write: Insert) -> Inserted:
        row_id = self._insert_transfer(write.transfer)
        if row_id is None:
            return Inserted(self._find_existing(write.transfer.key), created=False)
        if write.reason is not None:
            self._insert_reason(row_id, write.reason)
        return Inserted(write.transfer, created=True)

    def _insert_transfer(self, transfer: Transfer) -> int | None:
        """The row id; None if the key is taken."""
        self._connection.execute(SQL["insert_transfer"], self._rows.of_transfer(transfer))
        if not self._connection.changes():
            return None
        row_id = self._connection.last_insert_rowid()
        self._row_ids.put(transfer.key, row_id)
        return row_id

    def _find_existing(self, key: Key) -> Transfer:
        found = self.reads.find(key)
        assert found is not None
        return found

    def _change(self, write: Change) -> Changed:
        # Without a read where the row still is what the writer found, which its revision tells. Otherwise read, decide,
        # write: within the transaction nobody else can write. An UPDATE that returns its row costs twice as much, since
        # SQLite builds a table for what it returns (docs/decisions/082-read-decide-write.md).
        row_id, found = self._row_ids.get(write.key), write.found
        moved = None if row_id is None or found is None else self._update(row_id, found, write)
        if moved is None:
            row = self.reads.find_with_row_id(write.key)
            if row is None:
                return Changed(None, moved=False)
            row_id, found = row
            moved = self._update(row_id, found, write)
        assert row_id is not None
        if write.attempt is not None:
            self._insert_attempt(row_id, write.attempt)
        if moved is not None and write.reason is not None:
            self._insert_reason(row_id, write.reason)
        return Changed(moved or found, moved=moved is not None)

    def _update(self, row_id: int, found: Transfer, write: Change) -> Transfer | None:
        """Writes the change. Returns the transfer as it is now; None if the change does not apply to `found`, or the
        row is not `found` any more."""
        moved = apply_change(found, write)
        if moved is None:
            return None
        statement, columns = SQL["change"], self._changed_columns(moved, write)
        if write.session is not None:
            statement, columns = SQL["change_with_session"], (*columns, *self._session_columns(write, write.session))
        self._connection.execute(statement, (*columns, row_id, found.revision, *of_key(write.key)))
        return moved if self._connection.changes() else None

    def _insert_attempt(self, row_id: int, attempt: Attempt) -> None:
        self._connection.execute(SQL["insert_attempt"], (row_id, *of_attempt(attempt)))

    def _insert_reason(self, row_id: int, reason: Reason) -> None:
        self._connection.execute(SQL["insert_reason"], (row_id, *of_reason(reason)))

    def _changed_columns(self, moved: Transfer, write: Change) -> tuple[Any, ...]:
        """The values of the columns that every change writes; NULL for a memory that stays."""
        return (
            moved.state,
            moved.changed_at,
            moved.due_at,
            moved.owner,
            moved.tries,
            moved.wants,
            moved.revision,
            moved.decided_at,
            moved.fate,
            moved.missing_at,
            *of_money(moved.hold_balance),
            *of_money(moved.end_balance),
            of_text(moved.rollback_reason),
            None if write.memory is None else of_memory(write.memory),
        )

    def _session_columns(self, write: Change, session: Session) -> tuple[Any, ...]:
        """The values of those that one with a session writes besides; NULL for a player who is not known."""
        player_id = escape(session.player_id) or None
        return player_id, self._rows.of_session(session), self._rows.of_spare(write.spare_session)

    def _add_reason(self, write: AddReason) -> None:
        row_id = self._connection.execute(SQL["find_row_id"], of_key(write.key)).get
        if row_id is None:
            return
        reason = write.reason
        again = (reason.at, row_id, escape(reason.text), reason.source, escape(reason.who))
        self._connection.execute(SQL["count_reason"], again)
        if not self._connection.changes():
            self._insert_reason(row_id, reason)
            self._limit_reasons(row_id, reason.source)

    def _limit_reasons(self, row_id: Any, source: Source) -> None:
        """Folds what stands between the first and the last reasons of a source into one row."""
        for first, last in self._connection.execute(SQL["reasons_between"], (row_id, source)).fetchall():
            for statement in (SQL["fold_reasons"], SQL["delete_folded"]):
                self._connection.execute(statement, (row_id, source, first, last))

    def _save_session(self, write: SaveSession) -> None:
        session = write.session
        self._connection.execute(
            SQL["save_session"],
            (
                self._rows.digest(session),
                session.operator,
                escape(session.player_id),
                self._rows.of_session(session),
                write.at,
            ),
        )

    def _name_player(self, write: NamePlayer) -> None:
        self._connection.execute(SQL["name_player"], (escape(write.player_id), *of_key(write.key)))

    def _claim(self, write: Claim) -> list[Transfer]:
        due = self._connection.execute(SQL["due"], (write.operator, write.now, write.limit, write.recipient)).fetchall()
        claims = [(write.owner, write.lease_until, row_id) for row_id, *_ in due]
        self._connection.executemany(SQL["claim"], claims)
        return [self._claimed_transfer(write, row_id, row) for row_id, *row in due]

    def _claimed_transfer(self, write: Claim, row_id: Any, row: Sequence[Any]) -> Transfer:
        found = self._rows.transfer(row)
        self._row_ids.put(found.key, row_id)
        return msgspec.structs.replace(found, owner=write.owner, due_at=write.lease_until, revision=found.revision + 1)

    def _renew_lease(self, write: RenewLease) -> None:
        instance = write.instance
        self._connection.execute(SQL["renew_lease"], msgspec.structs.astuple(instance))

    def _release_orphans(self, write: ReleaseOrphans) -> int:
        released = 0
        for (owner,) in self._connection.execute(SQL["ended_leases"], (write.now,)).fetchall():
            self._connection.execute(SQL["release_orphans"], (owner,))
            released += self._connection.changes()
            self._connection.execute(SQL["delete_instance"], (owner,))
        return released

    def _prune(self, write: Prune) -> int:
        bounds = (write.before, write.limit)
        row_ids = self._connection.execute(SQL["prunable"], bounds).fetchall()
        for statement in (SQL["prune_attempts"], SQL["prune_reasons"], SQL["prune_transfer"]):
            self._connection.executemany(statement, row_ids)
        sessions = self._connection.execute(SQL["prunable_sessions"], bounds).fetchall()
        self._connection.executemany(SQL["prune_session"], sessions)
        return len(row_ids) + len(sessions)

    def _import(self, write: Import) -> Inserted:
        timeline = write.timeline
        row_id = self._insert_transfer(timeline.transfer)
        if row_id is None:
            return Inserted(self._find_existing(timeline.transfer.key), created=False)
        for attempt in timeline.attempts:
            self._insert_attempt(row_id, attempt)
        for reason in timeline.reasons:
            self._insert_reason(row_id, reason)
        return Inserted(timeline.transfer, created=True)

    def _check_writable(self, _write: CheckWritable) -> None:
        # A page is written and synced, and its content stays: the version is set to what it is.
        version = self._connection.pragma("user_version")
        self._connection.execute(f"PRAGMA user_version = {version}")
