"""Connections to PostgreSQL: opened when needed, checked once, dropped after any error, and never more than allowed.

Nothing that runs on a connection changes its session, so a pooler such as PgBouncer may give every transaction another
server connection (docs/decisions/022-postgres-poolers.md). Statements are sent unnamed. Only the one that writes is
prepared, which saves it a round trip, and only where there is no pooler in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from gateway.clock import Clock
from gateway.journal.interface import JournalError, JournalMisconfigured, JournalUnavailable
from gateway.journal.postgres.errors import translate_connect_errors, translate_errors
from gateway.journal.postgres.hosts import Host, hosts_of
from gateway.journal.postgres.schema import require_journal
from gateway.racing import first_to_succeed

IDLE_S: Final = 60.0
"""A connection that was idle for more seconds is replaced: a firewall may have dropped it without closing it."""

MAX_AGE_S: Final = 300.0
"""A connection that was opened more seconds ago is replaced, however busy it is: a database whose name has moved to
another address is followed, and changed certificates and server settings are met."""

PAUSE_S: Final = 0.1
"""Seconds without a try after one that failed, so that a database which comes back is not overloaded with tries."""

WRITE: Final = "SELECT * FROM journal_write($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"

SKEW_S: Final = 2.0
"""Seconds by which this machine's clock may differ from the database's before a warning is logged. Leases have a margin
of 10 s; two machines whose clocks differ by more than that take each other's work
(docs/decisions/023-postgres-durability-and-clocks.md)."""

_GUARANTEES: Final = """
SELECT pg_backend_pid(), current_setting('fsync'), current_setting('transaction_isolation'),
    extract(epoch FROM clock_timestamp())::double precision"""

OLDEST_MAJOR: Final = 16
NEWEST_MAJOR: Final = 18
"""Major versions of PostgreSQL that the tests run on, and those in between."""

_WHAT_IT_IS: Final = """
SELECT current_setting('server_version_num')::integer, current_setting('server_version'), CASE
    WHEN pg_is_in_recovery() THEN 'is a standby, which takes no writes'
    WHEN current_setting('transaction_read_only')::boolean THEN 'takes no writes: default_transaction_read_only is on'
END"""

log = structlog.get_logger(__name__)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is, and its time limits. `name` is the journal's, for error texts: the URL holds a
    password."""

    name: str
    url: str
    connect_timeout_s: float
    statement_timeout_s: float


class PooledConnection:
    """One open connection. `write_statement` is `WRITE` prepared, None behind a pooler: the name of a prepared
    statement could be that of another gateway's there."""

    def __init__(self, connection: asyncpg.Connection, write_statement: Any, opened_at: float) -> None:
        self.connection = connection
        self.opened_at = opened_at
        self.idle_since = 0.0
        self._write_statement = write_statement

    async def write(self, *arguments: str | None, timeout_s: float) -> list[Any]:
        """Calls the function `journal_write`. Returns its records."""
        if self._write_statement is None:
            return list(await self.connection.fetch(WRITE, *arguments, timeout=timeout_s))
        return list(await self._write_statement.fetch(*arguments, timeout=timeout_s))


class PostgresPool:
    """At most `limit` connections, each used by one task at a time."""

    def __init__(self, server: Server, limit: int, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._idle: list[PooledConnection] = []
        self._slots = asyncio.Semaphore(limit)
        self.limit = limit
        self.in_use = 0
        self._failure = ""
        self._failed_at = float("-inf")

    @property
    def idle(self) -> int:
        """Open connections that nobody uses."""
        return len(self._idle)

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[PooledConnection]:
        """A connection for the length of the block; an error in the block closes it.

        Raises `JournalUnavailable` when none can be had in time, and in place of what a statement raises.
        """
        async with self._slot():
            pooled = self._take_idle() or await self._connect()
            try:
                with translate_errors("the statement"):
                    yield pooled
            except BaseException:
                # After any error, also a cancellation: a server that turned read-only, lost its disk or shuts down
                # keeps the connection open, and a statement that nobody waits for may still be running on it
                # (tests/integration/journal/postgres/test_outages.py).
                pooled.connection.terminate()
                raise
            self.put_back(pooled)

    def put_back(self, pooled: PooledConnection) -> None:
        """Adds an idle connection, for `acquire` to give out."""
        pooled.idle_since = self._clock.monotonic()
        self._idle.append(pooled)

    async def close(self) -> None:
        """Closes the idle connections. It does not wait for those in use."""
        while self._idle:
            await close(self._idle.pop().connection, self._server)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        with translate_errors("waiting for a connection"):
            async with asyncio.timeout(self._server.statement_timeout_s):
                await self._slots.acquire()
        self.in_use += 1
        try:
            yield
        finally:
            self.in_use -= 1
            self._slots.release()

    def _take_idle(self) -> PooledConnection | None:
        """The connection that was used last, if it is still usable."""
        # Last in, first out: connections that the load no longer needs grow old at the other end.
        while self._idle:
            pooled = self._idle.pop()
            now = self._clock.monotonic()
            is_fresh = now - pooled.idle_since < IDLE_S and now - pooled.opened_at < MAX_AGE_S
            if is_fresh and not pooled.connection.is_closed():
                return pooled
            pooled.connection.terminate()
        return None

    async def _connect(self) -> PooledConnection:
        if self._clock.monotonic() - self._failed_at < PAUSE_S:
            raise JournalUnavailable(self._failure)
        try:
            return await connect(self._server, self._clock)
        except JournalError as error:
            # Whatever it is: an open journal raises nothing but JournalUnavailable, and its callers rely on that.
            self._failure, self._failed_at = str(error), self._clock.monotonic()
            raise JournalUnavailable(self._failure) from error


async def connect(server: Server, clock: Clock) -> PooledConnection:
    """A connection to a server that makes commits durable and has this program's tables. The caller closes it.

    Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """
    connection = await connect_unchecked(server)
    try:
        with translate_connect_errors():
            async with asyncio.timeout(server.connect_timeout_s):
                process, fsync, isolation, now = await connection.fetchrow(_GUARANTEES)
                _require_guarantees(fsync, isolation)
                if abs(now - clock.now()) > SKEW_S:
                    log.warning("clock differs from the database's", journal=server.name, by_s=clock.now() - now)
                await require_journal(connection, server.name)
                # A pooler greets with a process id of its own (tests/integration/journal/postgres/test_pooling.py).
                behind_pooler = process != connection.get_server_pid()
                if behind_pooler:
                    await _require_transactions(connection)
                statement = None if behind_pooler else await connection.prepare(WRITE)
                return PooledConnection(connection, statement, opened_at=clock.monotonic())
    except BaseException:
        connection.terminate()
        raise


async def connect_unchecked(server: Server) -> asyncpg.Connection:
    """A connection to a server that takes writes, whatever it holds: of several hosts, the first that does.

    Raises `JournalUnavailable` or `JournalMisconfigured`.
    """
    # Beside each other, since each host has to have the whole time: one that is gone without a word would use it up
    # (test_a_host_that_does_not_answer_keeps_nobody_from_the_next).
    attempts = [partial(_connect_to, server, host) for host in hosts_of(server.url)]
    with translate_connect_errors():
        async with asyncio.timeout(server.connect_timeout_s):
            return await first_to_succeed(attempts, server.connect_timeout_s, asyncpg.Connection.terminate)


async def _connect_to(server: Server, host: Host | None) -> asyncpg.Connection:
    """Raises what asyncpg raises, or `JournalUnavailable` for a server that takes no writes."""
    place = {} if host is None else {"host": [host.name], "port": [host.port]}
    connection = await asyncpg.connect(
        server.url,
        timeout=server.connect_timeout_s,
        statement_cache_size=0,  # no named statements: see PooledConnection
        target_session_attrs="any",
        **place,
    )
    try:
        # Asked of the server, and not taken from the greeting, as asyncpg does: behind a pooler that is a memory of the
        # first server that the pooler met (test_a_pooler_that_met_a_standby_first_is_believed_once_it_is_promoted).
        number, version, why_read_only = await connection.fetchrow(_WHAT_IT_IS)
        _require_writable(why_read_only, host)
        _require_version(number, version)
    except BaseException:
        connection.terminate()
        raise
    return connection


async def close(connection: asyncpg.Connection, server: Server) -> None:
    """Closes the connection in order if the server still answers, and otherwise at once."""
    try:
        await connection.close(timeout=server.connect_timeout_s)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection.terminate()


def _require_writable(why_not: str | None, host: Host | None) -> None:
    """Raises `JournalUnavailable` where the server says why it takes no writes."""
    if why_not is not None:
        raise JournalUnavailable(f"connecting failed: {'the server' if host is None else host} {why_not}")


async def _require_transactions(connection: asyncpg.Connection) -> None:
    """Raises `JournalMisconfigured` behind a pooler that gives each statement another connection."""
    try:
        async with connection.transaction():
            await connection.execute("SELECT 1")
    except (asyncpg.ProtocolViolationError, asyncpg.PostgresConnectionError) as error:
        # PgBouncer says so, and cuts the connection.
        if "statement pooling mode" not in str(error):
            raise
        raise JournalMisconfigured(
            "the pooler before the database is in statement mode and takes no transactions; set pool_mode = transaction"
        ) from None


def _require_version(number: int, version: str) -> None:
    """Raises `JournalMisconfigured` for a server that is older than any that the journal was tested with."""
    # A server reads the body of a function only where that is called: what an untried one lacks would be found with
    # money under way.
    if number < OLDEST_MAJOR * 10_000:
        raise JournalMisconfigured(
            f"the server is PostgreSQL {version}: tested are {OLDEST_MAJOR} to {NEWEST_MAJOR}; upgrade the server"
        )


def _require_guarantees(fsync: str, isolation: str) -> None:
    """Raises `JournalMisconfigured` where a commit would not be durable, or a transaction would not see what others
    have just committed."""
    if fsync != "on":
        raise JournalMisconfigured(
            "the PostgreSQL server runs with fsync off: at a power cut it loses commits that it has acknowledged, and "
            "the journal forgets money that has moved; set fsync = on"
        )
    if isolation != "read committed":
        raise JournalMisconfigured(
            f"the database's default transaction isolation is {isolation}: set default_transaction_isolation to "
            "'read committed' for the gateway's user"
        )
