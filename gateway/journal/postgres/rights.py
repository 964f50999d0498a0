"""What the role that serves may do in the database beyond what serving needs: whoever gets its password could, too."""

from __future__ import annotations

from typing import Final

import asyncpg

# All that it may become counts: SET ROLE needs no password.
_EXCESS: Final = """
WITH mine AS (
    SELECT bool_or(rolsuper) AS super, bool_or(rolcreaterole) AS roles, bool_or(rolcreatedb) AS databases,
        bool_or(rolreplication) AS replication,
        bool_or(rolname IN ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')) AS server
    FROM pg_roles WHERE pg_has_role(oid, 'MEMBER')
)
SELECT CASE WHEN super THEN ARRAY['is a superuser'] ELSE array_remove(ARRAY[
    CASE WHEN roles THEN 'may make roles' END,
    CASE WHEN databases THEN 'may make databases' END,
    CASE WHEN replication THEN 'may copy the whole server (replication)' END,
    CASE WHEN server THEN 'may reach the server''s files' END,
    CASE WHEN pg_has_role(relowner, 'MEMBER') THEN 'owns the tables'
        WHEN has_schema_privilege(relnamespace, 'CREATE') THEN 'may make tables and functions'
        WHEN has_table_privilege(oid, 'TRUNCATE') THEN 'may empty the tables' END
], NULL) END
FROM mine, pg_class WHERE oid = 'transfers'::regclass"""


async def excess_of(connection: asyncpg.Connection) -> list[str]:
    """What the role of this connection may do beyond serving, each as "may …"; empty if it is as it should be."""
    return list(await connection.fetchval(_EXCESS) or ())
