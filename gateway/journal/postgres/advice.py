"""What of the server's settings keeps a gateway from what its own settings count on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import asyncpg

from gateway.journal.postgres.pool import NEWEST_MAJOR
from gateway.settings import JournalSettings
from gateway.settings.values import duration_text

# What is reserved for superusers, or for roles with pg_use_reserved_connections, no gateway gets. A limit of -1 is
# none, and so is a timeout of 0.
_LIMITS: Final = """
SELECT current_setting('server_version_num')::integer / 10000 AS major,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
        - current_setting('reserved_connections')::integer AS server,
    nullif(rolconnlimit, -1) AS role, nullif(datconnlimit, -1) AS database,
    extract(epoch FROM current_setting('statement_timeout')::interval)::double precision AS statement_timeout,
    extract(epoch FROM current_setting('transaction_timeout', true)::interval)::double precision AS transaction_timeout,
    pg_backend_pid() AS process
FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"""


async def advice_of(connection: asyncpg.Connection, settings: JournalSettings) -> list[str]:
    """What looks like a mistake there, each as a sentence without its end; empty if nothing does."""
    limits = await connection.fetchrow(_LIMITS)
    behind_pooler = limits["process"] != connection.get_server_pid()
    return [*_version(limits), *_timeouts(limits, settings), *(() if behind_pooler else _connections(limits, settings))]


def _version(limits: asyncpg.Record) -> Iterator[str]:
    if limits["major"] > NEWEST_MAJOR:
        yield f"PostgreSQL {limits['major']} is newer than {NEWEST_MAJOR}, the newest that is tested"


def _timeouts(limits: asyncpg.Record, settings: JournalSettings) -> Iterator[str]:
    for name in ("statement_timeout", "transaction_timeout"):
        # transaction_timeout is there from PostgreSQL 17 on.
        if 0 < (limits[name] or 0) < settings.statement_timeout:
            yield (
                f"its {name} of {duration_text(limits[name])} ends writes before the gateway's own statement_timeout "
                f"({duration_text(settings.statement_timeout)}); set it to 0 for the gateway's role"
            )


def _connections(limits: asyncpg.Record, settings: JournalSettings) -> Iterator[str]:
    for name, whose in (("server", "the server"), ("database", "its database"), ("role", "its role")):
        if limits[name] is not None and limits[name] < settings.connections:
            yield (
                f"{whose} allows {limits[name]} connections, and each gateway opens up to {settings.connections}; "
                "allow more, or lower `connections`"
            )
