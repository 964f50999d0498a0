"""Connections to PostgreSQL: opened when needed, checked once, dropped when in doubt, and never more than allowed.

Nothing that runs on a connection leaves a trace in its session, so that a pooler such as PgBouncer may give every
transaction another server connection. Statements are sent unnamed; only the one that writes is prepared, and only
where no pooler stands in between: that saves it a round trip.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import msgspec
import structlog

from gateway.clock import Clock
from gateway.journal.interface import JournalError, JournalMisconfigured, JournalUnavailable
from gateway.journal.postgres.errors import named_errors, named_refusals
from gateway.journal.postgres.schema import require_journal

IDLE_S: Final = 60.0
"""A connection that was idle for longer may have been cut by a firewall that told nobody: a new one is opened."""

PAUSE_S: Final = 0.1
"""After a failure to connect nobody tries for this long: a database that comes back is not stormed."""

WRITE: Final = "SELECT * FROM journal_write($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"

SKEW_S: Final = 2.0
"""By how much this machine's clock may differ from the database's before it is said: leases are made with a margin of
several times that, but two machines that are apart by a lease take each other's work."""

_GUARANTEES: Final = """
SELECT pg_backend_pid(), current_setting('fsync'), current_setting('transaction_isolation'),
    extract(epoch FROM clock_timestamp())::double precision"""

log = structlog.get_logger(__name__)


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where the database is and how long it may take. `name` is the journal's, for errors: the URL holds a password."""

    name: str
    url: str
    connect_timeout_s: float
    statement_timeout_s: float


class PooledConnection:
    """One open connection. `writing` is the prepared statement that writes, None where there must be none."""

    def __init__(self, connection: asyncpg.Connection, writing: Any) -> None:
        self.connection = connection
        self.idle_since = 0.0
        self._writing = writing

    async def write(self, *arguments: str | None, timeout_s: float) -> list[Any]:
        """What `journal_write` answers."""
        if self._writing is None:
            return list(await self.connection.fetch(WRITE, *arguments, timeout=timeout_s))
        return list(await self._writing.fetch(*arguments, timeout=timeout_s))


class PostgresPool:
    """At most `limit` connections, each lent to one user at a time."""

    def __init__(self, server: Server, limit: int, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._idle: list[PooledConnection] = []
        self._places = asyncio.Semaphore(limit)
        self._failure = ""
        self._failed_at = float("-inf")

    @asynccontextmanager
    async def one(self) -> AsyncIterator[PooledConnection]:
        """A connection of one's own until the block is left; an error in the block drops it.

        Raises `JournalUnavailable` when there is none to be had, and in place of what a statement fails with.
        """
        async with self._place():
            line = self._kept() or await self._connect()
            try:
                with named_errors("the statement"):
                    yield line
            except BaseException:
                line.connection.terminate()
                raise
            self.keep(line)

    def keep(self, line: PooledConnection) -> None:
        """Takes an idle connection to be lent later."""
        line.idle_since = self._clock.monotonic()
        self._idle.append(line)

    async def close(self) -> None:
        """Lets go of the idle connections. Those still lent are not waited for."""
        while self._idle:
            await close(self._idle.pop().connection, self._server)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        with named_errors("waiting for a connection"):
            async with asyncio.timeout(self._server.statement_timeout_s):
                await self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    def _kept(self) -> PooledConnection | None:
        """The connection that was used last, if it is still good."""
        while self._idle:
            line = self._idle.pop()
            if not line.connection.is_closed() and self._clock.monotonic() - line.idle_since < IDLE_S:
                return line
            line.connection.terminate()
        return None

    async def _connect(self) -> PooledConnection:
        if self._clock.monotonic() - self._failed_at < PAUSE_S:
            raise JournalUnavailable(self._failure)
        try:
            return await connect(self._server, self._clock)
        except JournalError as error:
            self._failure, self._failed_at = str(error), self._clock.monotonic()
            raise JournalUnavailable(self._failure) from error


async def connect(server: Server, clock: Clock) -> PooledConnection:
    """A connection to a server that keeps what it commits and has this program's tables. The caller closes it.

    Raises `JournalUnavailable`, `JournalMisconfigured` or `SchemaMismatch`.
    """
    connection = await connect_unchecked(server)
    try:
        with named_refusals():
            async with asyncio.timeout(server.connect_timeout_s):
                process, fsync, isolation, now = await connection.fetchrow(_GUARANTEES)
                _require_guarantees(fsync, isolation)
                if abs(now - clock.now()) > SKEW_S:
                    log.warning("clock differs from the database's", journal=server.name, by_s=clock.now() - now)
                await require_journal(connection, server.name)
                pooled = process != connection.get_server_pid()
                return PooledConnection(connection, None if pooled else await connection.prepare(WRITE))
    except BaseException:
        connection.terminate()
        raise


async def connect_unchecked(server: Server) -> asyncpg.Connection:
    """A connection to whatever is there, so long as it takes writes."""
    with named_refusals():
        return await asyncpg.connect(
            server.url,
            timeout=server.connect_timeout_s,
            statement_cache_size=0,
            target_session_attrs=None if "target_session_attrs" in server.url else "read-write",
        )


async def close(connection: asyncpg.Connection, server: Server) -> None:
    """Says goodbye, if the server still listens."""
    try:
        await connection.close(timeout=server.connect_timeout_s)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection.terminate()


def _require_guarantees(fsync: str, isolation: str) -> None:
    if fsync != "on":
        raise JournalMisconfigured(
            "the PostgreSQL server runs with fsync off: a power cut takes back what it calls committed, and money that "
            "moved would be forgotten; set fsync = on"
        )
    if isolation != "read committed":
        raise JournalMisconfigured(
            f"the database's default transaction isolation is {isolation}: set default_transaction_isolation to "
            "'read committed' for the gateway's user"
        )
