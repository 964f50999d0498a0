"""The journal as a plain synchronous object: one connection, one batch at a time, no threads, no clock.

`SqliteJournal` runs it in a thread; a simulator runs the same object inline, on a VFS that loses what is not synced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import apsw
import msgspec

from gateway.bounded import BoundedMap
from gateway.crashpoints import crash_point
from gateway.journal.rows import Rows, of_attempt, of_key, of_money, of_reason, of_text
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import (
    SqliteFile,
    connect,
    is_empty,
    migrate,
    named_errors,
    require_journal,
    transaction,
)
from gateway.journal.sqlite.reads import SqliteReads
from gateway.journal.sqlite.statements import SQL
from gateway.journal.text_escaping import escaped
from gateway.journal.writes import (
    AddReason,
    Change,
    Changed,
    CheckWritable,
    Claim,
    Import,
    Insert,
    Inserted,
    Prune,
    ReleaseOrphans,
    RenewLease,
    SaveSession,
    Write,
    apply_change,
)
from gateway.records import Attempt, Key, Reason, Transfer

CHECKPOINT_PAGES: Final = 1000
"""Pages in the write-ahead log from which on a checkpoint is worth its syncs."""

ROW_IDS: Final = 16_384
"""Row ids that are remembered for the transfers last written, so that the next write need not search the key's index.
A remembered id may be stale (its transaction failed, or another process pruned the row): every statement that uses one
compares the key as well (tests/integration/journal/sqlite/test_row_ids.py)."""


class SqliteStore:
    """Writes to one file, and `reads` from it. An empty file becomes a journal; any other must be one already.

    Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch` when it cannot be opened.
    """

    def __init__(self, place: SqliteFile, sealer: Sealer) -> None:
        self._connection = connect(place)
        try:
            if is_empty(self._connection):
                migrate(self._connection, place.path)
            require_journal(self._connection, place.path)
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
        self._connection.set_wal_hook(self._note_wal)
        self._appliers: dict[type[Write], Callable[[Any], Any]] = {
            Insert: self._open,
            Change: self._change,
            AddReason: self._note,
            SaveSession: self._remember,
            Claim: self._claim,
            RenewLease: self._beat,
            ReleaseOrphans: self._inherit,
            Prune: self._prune,
            Import: self._import,
            CheckWritable: self._check,
        }

    def apply(self, writes: Sequence[Write]) -> list[Any]:
        """Makes all of it durable, in order, in one transaction; returns the answer to each.

        Raises `JournalUnavailable`: then nothing of it is known to be durable, and the next batch may be tried.
        """
        appliers = self._appliers
        with named_errors("writing"), transaction(self._connection):
            answers = [appliers[type(write)](write) for write in writes]
            crash_point("sqlite.uncommitted")
            return answers

    @property
    def checkpoint_due(self) -> bool:
        """Whether the write-ahead log is long enough for a `checkpoint` to be worth its syncs."""
        return self._wal_pages >= self._checkpoint_pages

    def checkpoint(self) -> None:
        """Moves what it can from the write-ahead log into the file, durably; the log begins anew if that was all.

        A long read keeps the rest from being moved: then it is tried again once the log has grown by as much.
        Raises `JournalUnavailable`; nothing is lost then, the log only stays long.
        """
        self._checkpoint_pages = self._wal_pages + CHECKPOINT_PAGES
        crash_point("sqlite.checkpointing")
        with named_errors("checkpointing"):
            pages, moved = self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        crash_point("sqlite.checkpointed")
        if pages == moved:
            self._wal_pages = 0
            self._checkpoint_pages = CHECKPOINT_PAGES

    def close(self) -> None:
        self._connection.close()

    def _checkpoint_on_open(self) -> None:
        """What the log holds goes into the file before anything is added to it, and a commit of nothing begins the log
        anew. After a sync that failed, the system may show what is on no disk and never will be: whatever was written
        behind that would be lost with it, and the old log, its end missing, would take the place of newer pages in the
        file if the power went before the next commit."""
        try:
            self.checkpoint()
            with named_errors("writing"), transaction(self._connection):
                self._check(CheckWritable())
        except BaseException:
            self._connection.close()
            raise

    def _note_wal(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _open(self, write: Insert) -> Inserted:
        transfer = write.transfer
        self._connection.execute(SQL["insert_transfer"], self._rows.of_transfer(transfer))
        if not self._connection.changes():
            return Inserted(self._found(transfer), created=False)
        number = self._connection.last_insert_rowid()
        self._row_ids.put(transfer.key, number)
        if write.reason is not None:
            self._add_reason(number, write.reason)
        return Inserted(transfer, created=True)

    def _found(self, transfer: Transfer) -> Transfer:
        found = self.reads.find(transfer.key)
        assert found is not None
        return found

    def _change(self, write: Change) -> Changed:
        """Writes if the row is what the writer found, which its revision tells; else reads it, decides, and writes:
        nobody else can write within the transaction. (An UPDATE that returns its row costs twice as much, since
        SQLite keeps a table of its own for what it returns.)"""
        number, found = self._row_ids.get(write.key), write.found
        moved = None if number is None or found is None else self._moved(number, found, write)
        if moved is None:
            numbered = self.reads.find_numbered(write.key)
            if numbered is None:
                return Changed(None, moved=False)
            number, found = numbered
            moved = self._moved(number, found, write)
        assert number is not None
        if write.attempt is not None:
            self._add_attempt(number, write.attempt)
        if moved is not None and write.reason is not None:
            self._add_reason(number, write.reason)
        return Changed(moved or found, moved=moved is not None)

    def _moved(self, number: int, found: Transfer, write: Change) -> Transfer | None:
        """The transfer as it is now written; None if the change does not apply to it, or it is not what was found."""
        moved = apply_change(found, write)
        if moved is None:
            return None
        row = (*self._changing(moved, write), number, found.revision, *of_key(write.key))
        self._connection.execute(SQL["change"], row)
        return moved if self._connection.changes() else None

    def _add_attempt(self, number: int, attempt: Attempt) -> None:
        self._connection.execute(SQL["add_attempt"], (number, *of_attempt(attempt)))

    def _add_reason(self, number: int, reason: Reason) -> None:
        self._connection.execute(SQL["add_reason"], (number, *of_reason(reason)))

    def _changing(self, moved: Transfer, write: Change) -> tuple[Any, ...]:
        """The values of the columns that a change may touch."""
        session = write.session
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
            None if session is None else escaped(session.player_id),
            None if session is None else self._rows.of_session(session),
            session is not None,
            None if session is None else self._rows.of_spare(write.spare_session),
        )

    def _note(self, write: AddReason) -> None:
        number = self._connection.execute(SQL["number"], of_key(write.key)).get
        if number is None:
            return
        reason = write.reason
        again = (reason.at, number, escaped(reason.text), reason.source, escaped(reason.who))
        self._connection.execute(SQL["count_reason"], again)
        if not self._connection.changes():
            self._add_reason(number, reason)

    def _remember(self, write: SaveSession) -> None:
        session = write.session
        self._connection.execute(
            SQL["remember"],
            (
                self._rows.digest(session),
                session.operator,
                escaped(session.player_id),
                self._rows.of_session(session),
                write.at,
            ),
        )

    def _claim(self, write: Claim) -> list[Transfer]:
        due = self._connection.execute(SQL["due"], (write.operator, write.now, write.limit)).fetchall()
        self._connection.executemany(SQL["take"], [(write.owner, write.lease_until, number) for number, *_ in due])
        return [self._taken(write, number, row) for number, *row in due]

    def _taken(self, write: Claim, number: Any, row: Sequence[Any]) -> Transfer:
        found = self._rows.transfer(row)
        self._row_ids.put(found.key, number)
        return msgspec.structs.replace(found, owner=write.owner, due_at=write.lease_until, revision=found.revision + 1)

    def _beat(self, write: RenewLease) -> None:
        instance = write.instance
        self._connection.execute(SQL["beat"], (instance.id, instance.started_at, instance.lease_until))

    def _inherit(self, write: ReleaseOrphans) -> int:
        inherited = 0
        for (owner,) in self._connection.execute(SQL["dead"], (write.now,)).fetchall():
            self._connection.execute(SQL["disown"], (owner,))
            inherited += self._connection.changes()
            self._connection.execute(SQL["forget"], (owner,))
        return inherited

    def _prune(self, write: Prune) -> int:
        bounds = (write.before, write.limit)
        numbers = self._connection.execute(SQL["prunable"], bounds).fetchall()
        for statement in (SQL["prune_attempts"], SQL["prune_reasons"], SQL["prune_transfer"]):
            self._connection.executemany(statement, numbers)
        sessions = self._connection.execute(SQL["prunable_sessions"], bounds).fetchall()
        self._connection.executemany(SQL["prune_session"], sessions)
        return len(numbers) + len(sessions)

    def _import(self, write: Import) -> Inserted:
        timeline = write.timeline
        opened = self._open(Insert(transfer=timeline.transfer))
        if opened.created:
            number = self._connection.last_insert_rowid()
            for attempt in timeline.attempts:
                self._add_attempt(number, attempt)
            for reason in timeline.reasons:
                self._add_reason(number, reason)
        return opened

    def _check(self, _write: CheckWritable) -> None:
        version = self._connection.pragma("user_version")
        self._connection.execute(f"PRAGMA user_version = {version}")
