"""Opening a SQLite file so that commits are durable, migrating it, and SQLite's errors as the journal's."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import apsw
import msgspec

from gateway.journal.interface import JournalMisconfigured, JournalUnavailable
from gateway.journal.migrations import Migration, Schema, migrations_of, require_schema

APPLICATION_ID: Final = 0x6D6D6777
"""Marks the file as a journal ("mmgw" in ASCII), see sqlite.org/pragma.html#pragma_application_id."""

CACHE_KIB: Final = 16 * 1024
WAL_KEPT_BYTES: Final = 16 * 1024 * 1024

MIGRATIONS: Final = migrations_of("gateway.journal.sqlite")

_PRAGMAS: Final = (
    # In WAL mode NORMAL does not sync at a commit: a power cut could take acknowledged ones
    # (sqlite.org/pragma.html#pragma_synchronous; the canary "synchronous is NORMAL").
    "PRAGMA synchronous = FULL",
    # macOS: fsync alone does not reach the platter there.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
    # The callers of a commit must not wait for a checkpoint: `threads` makes them between two commits.
    "PRAGMA wal_autocheckpoint = 0",
    f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}",
    f"PRAGMA cache_size = -{CACHE_KIB}",
    "PRAGMA temp_store = MEMORY",
)

_CREATE_RECORD: Final = """
CREATE TABLE IF NOT EXISTS journal_migrations (
    number        INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,
    readable_from INTEGER NOT NULL
) STRICT"""
_RECORD: Final = "INSERT INTO journal_migrations (number, name, readable_from) VALUES (?, ?, ?)"
_FIND_SCHEMA: Final = "SELECT coalesce(max(number), 0), coalesce(max(readable_from), 0) FROM journal_migrations"


class SqliteFile(msgspec.Struct, frozen=True):
    """A file that holds a journal, or will: `path`, read and written through the VFS named `vfs` ("": the system's
    own).

    `exclusive` locks the file for one connection, which then needs no shared memory: the simulator's VFS has none.
    `wait_limit_s` is how many seconds to wait for a lock that another connection holds.
    """

    path: str
    vfs: str = ""
    exclusive: bool = False
    wait_limit_s: float = 5.0


def connect(file: SqliteFile) -> apsw.Connection:
    """Opens a connection whose commits are durable. Raises `JournalUnavailable` or `JournalMisconfigured`."""
    with translate_errors("opening"):
        connection = apsw.Connection(file.path, vfs=file.vfs or None)
        try:
            _make_durable(connection, file)
        except BaseException:
            connection.close()
            raise
    return connection


def _make_durable(connection: apsw.Connection, file: SqliteFile) -> None:
    connection.set_busy_timeout(round(file.wait_limit_s * 1000))
    if file.exclusive:
        connection.pragma("locking_mode", "EXCLUSIVE")
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise JournalMisconfigured(
            f"SQLite cannot keep a write-ahead log at {file.path}: choose a path on a local file system"
        )
    for pragma in _PRAGMAS:
        connection.execute(pragma)


def require_journal(connection: apsw.Connection, path: str) -> None:
    """Raises `SchemaMismatch` or `JournalMisconfigured` unless this is a journal that this program may serve on."""
    with translate_errors("reading the schema"):
        schema = _find_schema(connection, path)
    require_schema(path, schema, MIGRATIONS)


def is_empty(connection: apsw.Connection) -> bool:
    """Whether nothing has been written to the file yet."""
    with translate_errors("reading the schema"):
        return not connection.execute("SELECT count(*) FROM sqlite_schema").get


def migrate(connection: apsw.Connection, path: str) -> list[Migration]:
    """Applies the missing migrations in one transaction. Returns them."""
    with translate_errors("migrating"), transaction(connection):
        version = 0 if is_empty(connection) else _journal_version(connection, path)
        missing = MIGRATIONS[version:]
        connection.execute(_CREATE_RECORD)
        for migration in missing:
            connection.execute(migration.sql)
            connection.execute(_RECORD, (migration.number, migration.name, migration.readable_from))
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
    require_journal(connection, path)
    return missing


class transaction:  # noqa: N801 - used as a function; as a generator it would take three times the bytecodes
    """A context that commits at its end. After an error it rolls back, and lets the error pass."""

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        # IMMEDIATE takes the write lock now: a transaction that first reads and then writes could find that somebody
        # has written in between, which no waiting repairs (sqlite.org/lang_transaction.html).
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            # Also after a COMMIT that failed: SQLite keeps some of those transactions open.
            if self._connection.in_transaction:
                with suppress(apsw.Error):
                    self._connection.execute("ROLLBACK")


class translate_errors:  # noqa: N801 - see `transaction`
    """A context that raises `JournalUnavailable` or `JournalMisconfigured` in place of SQLite's errors. `doing` is what
    failed, for the text."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, apsw.NotADBError):
            raise JournalMisconfigured("the file is not a SQLite database") from None
        if isinstance(error, apsw.Error):
            raise JournalUnavailable(f"{self._doing} failed: {error}") from error


def _find_schema(connection: apsw.Connection, path: str) -> Schema:
    version = _journal_version(connection, path)
    if connection.table_exists(None, "journal_migrations"):
        recorded, readable_from = connection.execute(_FIND_SCHEMA).get
        if recorded == version:
            return Schema(version, readable_from)
    # Migrated last by a version that recorded nothing.
    return Schema(version, version)


def _journal_version(connection: apsw.Connection, path: str) -> int:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise JournalMisconfigured(f"{path} is a SQLite database, but not a journal of this gateway")
    version: int = connection.pragma("user_version")
    return version
