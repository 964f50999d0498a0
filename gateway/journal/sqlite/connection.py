"""Opening a SQLite file so that what is committed is durable, and saying plainly what went wrong with it."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import apsw
import msgspec

from gateway.journal.interface import JournalMisconfigured, JournalUnavailable
from gateway.journal.migrations import Migration, migrations_of, require_schema

APPLICATION_ID: Final = 0x6D6D6777  # "mmgw": tells a journal from any other SQLite file
PAGE_BYTES: Final = 4096
CACHE_KIB: Final = 16 * 1024
WAL_KEPT_BYTES: Final = 16 * 1024 * 1024

MIGRATIONS: Final = migrations_of("gateway.journal.sqlite")

_DURABLE: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA fullfsync = ON",  # macOS: fsync alone does not reach the platter there
    "PRAGMA checkpoint_fullfsync = ON",
    "PRAGMA wal_autocheckpoint = 0",  # see `store`: a commit must not pay for a checkpoint
    f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}",
    f"PRAGMA cache_size = -{CACHE_KIB}",
    "PRAGMA temp_store = MEMORY",
)


class SqliteFile(msgspec.Struct, frozen=True):
    """Where a journal lies: `path`, reached through the VFS of that name ("" is the system's own).

    `exclusive` keeps the file locked for this one connection and needs no shared memory, which a VFS may not offer.
    `wait_limit_s` is how long to wait for a lock that another connection holds.
    """

    path: str
    vfs: str = ""
    exclusive: bool = False
    wait_limit_s: float = 5.0


def connect(place: SqliteFile) -> apsw.Connection:
    """A connection whose commits are durable. Raises `JournalUnavailable` or `JournalMisconfigured`."""
    with named_errors("opening"):
        connection = apsw.Connection(place.path, vfs=place.vfs or None)
        try:
            _make_durable(connection, place)
        except BaseException:
            connection.close()
            raise
    return connection


def _make_durable(connection: apsw.Connection, place: SqliteFile) -> None:
    connection.set_busy_timeout(round(place.wait_limit_s * 1000))
    if place.exclusive:
        connection.pragma("locking_mode", "EXCLUSIVE")
    if connection.pragma("journal_mode", "WAL") != "wal":
        raise JournalMisconfigured(f"{place.path} lies where SQLite cannot keep a write-ahead log")
    for pragma in _DURABLE:
        connection.execute(pragma)


def require_journal(connection: apsw.Connection, path: str) -> None:
    """Raises `SchemaMismatch` or `JournalMisconfigured` unless this is a journal of this program's version."""
    with named_errors("reading the schema"):
        version = _journal_version(connection, path)
    require_schema(path, version, MIGRATIONS)


def is_empty(connection: apsw.Connection) -> bool:
    """Whether nothing has been written to the file yet."""
    with named_errors("reading the schema"):
        return not connection.execute("SELECT count(*) FROM sqlite_schema").get


def migrate(connection: apsw.Connection, path: str) -> list[Migration]:
    """Applies the migrations that are missing, all in one transaction. Returns which those were."""
    with named_errors("migrating"), transaction(connection):
        version = 0 if is_empty(connection) else _journal_version(connection, path)
        missing = MIGRATIONS[version:]
        for migration in missing:
            connection.execute(migration.sql)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {max(version, len(MIGRATIONS))}")
    require_journal(connection, path)
    return missing


class transaction:  # noqa: N801 - reads as what it is; a generator takes three times the bytecodes of a batch
    """Commits at the end, or undoes all of it and raises."""

    __slots__ = ("_connection",)

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                with suppress(apsw.Error):
                    self._connection.execute("ROLLBACK")


class named_errors:  # noqa: N801 - see `transaction`
    """Turns SQLite's errors into the journal's."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, apsw.NotADBError):
            raise JournalMisconfigured("the file is no SQLite database") from None
        if isinstance(error, apsw.Error):
            raise JournalUnavailable(f"{self._doing} failed: {error}") from error


def _journal_version(connection: apsw.Connection, path: str) -> int:
    if connection.pragma("application_id") != APPLICATION_ID:
        raise JournalMisconfigured(f"{path} is a SQLite database, but not a journal of this gateway")
    version: int = connection.pragma("user_version")
    return version
