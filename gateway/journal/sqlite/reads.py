"""The reading side of a SQLite journal as a synchronous object, on one connection."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw

from gateway.journal.interface import JournalMeasures, Position, ReasonFilter, TransferFilter
from gateway.journal.rows import Rows, as_instance, attempt, of_key, reason
from gateway.journal.sqlite import filters
from gateway.journal.sqlite.connection import translate_errors
from gateway.journal.sqlite.statements import SQL
from gateway.journal.text_escaping import unescape
from gateway.reasons import Source
from gateway.records import (
    Direction,
    Instance,
    Key,
    KeyedReason,
    MovedOperator,
    ReasonTotal,
    Recipient,
    RowCounts,
    Session,
    State,
    StoredSession,
    Timeline,
    Transfer,
    UnfinishedCount,
)


class SqliteReads:
    """The reads of `Journal`, synchronously. Every method raises `JournalUnavailable` when the file cannot be read."""

    def __init__(self, connection: apsw.Connection, rows: Rows) -> None:
        self._connection = connection
        self._rows = rows
        connection.create_scalar_function("contains_text", _contains_text, 2, deterministic=True)

    def require_key(self) -> None:
        """Raises `JournalMisconfigured` if a session in the journal cannot be opened: the newest one, or one
        that a transfer may still need and that was never sealed."""
        for operator, sealed in self._fetch(SQL["sessions_to_open"], ()):
            self._rows.require_key(operator, sealed)

    def find(self, key: Key) -> Transfer | None:
        rows = self._fetch(SQL["find"], of_key(key))
        return self._rows.transfer(rows[0]) if rows else None

    def find_with_row_id(self, key: Key) -> tuple[int, Transfer] | None:
        """As `find`, with the row id before the transfer."""
        for row_id, *row in self._fetch(SQL["find_with_row_id"], of_key(key)):
            return row_id, self._rows.transfer(row)
        return None

    def find_session(self, operator: str, token: str) -> Session | None:
        # Several digests only after a change of the encryption key: the likeliest comes first.
        for digest in self._rows.digests(token):
            for player_id, sealed, seen_at in self._fetch(SQL["find_session"], (digest, operator)):
                return self._rows.session(operator, player_id, sealed, seen_at)
        return None

    def next_due(self, operator: str, recipient: Recipient = Recipient.OPERATOR) -> float | None:
        due_at: float | None = self._fetch(SQL["next_due"], (operator, recipient))[0][0]
        return due_at

    def timeline(self, key: Key) -> Timeline | None:
        for row in self._fetch(SQL["find_with_row_id"], of_key(key)):
            return self._timeline(row)
        return None

    def list_transfers(self, where: TransferFilter, limit: int, after: Position | None) -> list[Transfer]:
        return [self._rows.transfer(row) for row in self._fetch(*filters.transfers(where, limit, after))]

    def list_reasons(self, where: ReasonFilter, limit: int, after: Position | None) -> list[KeyedReason]:
        return [
            KeyedReason(key=Key(operator, Direction(direction), unescape(id_)), reason=reason(row), number=number)
            for id_, operator, direction, number, *row in self._fetch(*filters.reasons(where, limit, after))
        ]

    def count_transfers(self, where: TransferFilter) -> int:
        return self._count(*filters.transfer_count(where))

    def count_listed_reasons(self, where: ReasonFilter) -> int:
        return self._count(*filters.reason_count(where))

    def count_reasons(self, where: ReasonFilter) -> list[ReasonTotal]:
        return [
            ReasonTotal(operator=operator, source=Source(source), category=category, count=count)
            for operator, source, category, count in self._fetch(*filters.reason_totals(where))
        ]

    def count_unfinished(self, abandoned_before: float) -> list[UnfinishedCount]:
        rows = self._fetch(SQL["count_unfinished"], (abandoned_before,))
        return [
            UnfinishedCount(
                operator=operator,
                direction=direction,
                state=State(state),
                count=count,
                oldest_at=oldest_at,
                abandoned=abandoned,
            )
            for operator, state, *counts in rows
            for direction, (count, oldest_at, abandoned) in zip(
                Direction, (counts[:3], counts[3:6], counts[6:]), strict=True
            )
            if count
        ]

    def last_lease(self) -> float | None:
        ends_at: float | None = self._fetch(SQL["last_lease"], ())[0][0]
        return ends_at

    def moved_operators(self) -> list[MovedOperator]:
        return [
            MovedOperator(operator=operator, journal=journal, at=at, arriving=bool(arriving))
            for operator, journal, at, arriving in self._fetch(SQL["moved_operators"], ())
        ]

    def instances(self) -> list[Instance]:
        return [as_instance(row) for row in self._fetch(SQL["instances"], ())]

    def measure(self) -> JournalMeasures:
        transfers, sessions = self._fetch(SQL["estimate_rows"], ())[0]
        path = Path(self._connection.filename)
        return JournalMeasures(
            schema=self._connection.pragma("user_version"),
            transfers=transfers,
            sessions=sessions,
            data_bytes=_size_of(path),
            log_bytes=_size_of(path.with_name(f"{path.name}-wal")),
            free_bytes=_free_beside(path),
        )

    def count_rows(self, operator: str | None) -> RowCounts:
        return RowCounts(*self._fetch(SQL["count_rows"], (operator,))[0])

    def export_timelines(self, after: Key | None, limit: int, operator: str | None) -> list[Timeline]:
        if after is None:
            rows = self._fetch(SQL["first_transfers"], (operator, limit))
        else:
            rows = self._fetch(SQL["next_transfers"], (operator, *of_key(after), limit))
        return [self._timeline(row) for row in rows]

    def export_sessions(self, after: StoredSession | None, limit: int, operator: str | None) -> list[StoredSession]:
        if after is None:
            rows = self._fetch(SQL["first_sessions"], (operator, limit))
        else:
            rows = self._fetch(SQL["next_sessions"], (operator, after.digest, after.session.operator, limit))
        return [
            StoredSession(
                session=self._rows.session(operator, player_id, sealed, seen_at), seen_at=seen_at, digest=digest
            )
            for digest, operator, player_id, sealed, seen_at in rows
        ]

    def close(self) -> None:
        self._connection.close()

    def _timeline(self, row_with_id: Sequence[Any]) -> Timeline:
        row_id, *row = row_with_id
        return Timeline(
            transfer=self._rows.transfer(row),
            attempts=[attempt(row) for row in self._fetch(SQL["attempts"], (row_id,))],
            reasons=[reason(row) for row in self._fetch(SQL["reasons"], (row_id,))],
        )

    def _count(self, statement: str, values: tuple[Any, ...]) -> int:
        count: int = self._fetch(statement, values)[0][0]
        return count

    def _fetch(self, statement: str, values: tuple[Any, ...]) -> list[Any]:
        # fetchall, not fetchone: a statement left open has to be prepared again at its next use (decision 082).
        with translate_errors("reading"):
            return self._connection.execute(statement, values).fetchall()


def _contains_text(*texts: Any) -> bool:
    """The SQL function `contains_text`: SQLite's own LIKE ignores the case of ASCII letters only."""
    text, folded = texts
    return unescape(folded) in unescape(text).casefold()


def _free_beside(path: Path) -> int | None:
    """What this user may still write to the file's disk, in bytes; None if nobody can say."""
    with suppress(OSError):
        disk = os.statvfs(path.parent)
        return disk.f_bavail * disk.f_frsize
    return None


def _size_of(path: Path) -> int:
    """Bytes; 0 where there is no such file: SQLite removes an empty log."""
    with suppress(OSError):
        return path.stat().st_size
    return 0
