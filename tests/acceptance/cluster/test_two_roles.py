"""The two roles of docs/deploy/several.md on a real PostgreSQL: one migrates, one serves and can do no more."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from gateway.records import State
from gateway.wire.calls import WalletCall
from tests.support.deploy_pages import page
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, configuration, journal_at, key, operator, until_state
from tests.support.postgres import PostgresServer, binaries
from tests.support.runtimes import FarOperator

ROOT = Path(__file__).parents[3]
ROLES = ROOT / "config" / "postgres" / "roles.sql"
PASSWORDS = ROOT / "config" / "compose" / "passwords.sql"
MORE = "the journal's role may do more than serve"


def run_program(name: str, *arguments: str) -> None:
    environ = {**os.environ, "LC_ALL": "C"}
    command = [str(binaries() / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
    assert done.returncode == 0, done.stderr


def run_sql(server: PostgresServer, file: Path) -> None:
    run_program("psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", f"--file={file}", server.url)


def url_of(server: PostgresServer, role: str) -> str:
    return server.url_of("gateway").replace("postgres@", f"{role}@")


@pytest.fixture(params=[16, 18])
def prepared(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    """A server where the page was followed: database and roles are there, and no tables."""
    server = PostgresServer.start(tmp_path, version=request.param)
    try:
        run_sql(server, ROLES)
        yield server
    finally:
        server.remove()


def gateway_as(role: str, server: PostgresServer, far: FarOperator, folder: Path) -> GatewayProcess:
    folder.mkdir(exist_ok=True)
    return GatewayProcess(configuration(url_of(server, role), {"acme": operator(far)}), folder)


async def migrated(server: PostgresServer, far: FarOperator, folder: Path) -> None:
    status, said = await gateway_as("gateway_owner", server, far, folder).command("migrate")
    assert status == 0, said


async def refused(server: PostgresServer, statement: str, role: str = "gateway", database: str = "gateway") -> bool:
    """Whether the server does not let this role do it."""
    connection = None
    try:
        connection = await asyncpg.connect(url_of(server, role).replace("/gateway", f"/{database}"))
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    finally:
        if connection is not None:
            await connection.close()
    return False


def test_the_page_prints_what_the_file_does() -> None:
    (printed,) = re.findall(r"^```sql\n(.*?)^```$", page("several"), re.MULTILINE | re.DOTALL)
    lines = [line for line in ROLES.read_text(encoding="utf-8").splitlines() if not line.startswith("--")]
    assert printed.strip() == "\n".join(lines).strip()


async def test_the_owner_migrates_and_the_other_role_serves_a_purchase(
    prepared: PostgresServer, far: FarOperator, tmp_path: Path
) -> None:
    await migrated(prepared, far, tmp_path / "owner")
    await migrated(prepared, far, tmp_path / "owner")
    async with gateway_as("gateway", prepared, far, tmp_path / "serving") as gateway:
        for id in ("bought", "undone"):
            assert (await call(gateway, WalletCall.WITHDRAW, id)).status == 200
        assert (await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, "bought")).status == 200
        undo = await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, "undone", rollbackReason="Sold out.")
        assert undo.status == 200
        async with journal_at(url_of(prepared, "gateway")) as journal:
            await until_state(journal, key("bought"), State.CONFIRMED)
            timeline = await until_state(journal, key("undone"), State.ROLLED_BACK)
            assert [reason.text for reason in timeline.reasons] == ["Sold out."]
            assert await journal.prune(before=2e10, limit=100) == 2
            assert (await journal.measure()).data_bytes > 0
        assert await gateway.stop() == 0
    assert MORE not in gateway.log


FORBIDDEN = (
    "CREATE TABLE mine (a text)",
    "CREATE TEMP TABLE transfers (a text)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "CREATE FUNCTION mine() RETURNS text LANGUAGE sql AS 'SELECT current_user'",
    "ALTER TABLE transfers ADD COLUMN mine text",
    "DROP TABLE transfers",
    "TRUNCATE transfers",
    "DROP FUNCTION journal_write",
    "DELETE FROM journal_migrations",
    "INSERT INTO journal_migrations (number, name) VALUES (99, 'mine')",
    "UPDATE journal_migrations SET number = 99",
    "COPY transfers TO PROGRAM 'cat > /tmp/stolen'",
    "SET ROLE gateway_owner",
    "SET ROLE postgres",
    "ALTER SYSTEM SET fsync = off",
)


async def test_the_serving_role_can_do_nothing_else(prepared: PostgresServer, far: FarOperator, tmp_path: Path) -> None:
    await migrated(prepared, far, tmp_path / "owner")
    assert [statement for statement in FORBIDDEN if not await refused(prepared, statement)] == []
    assert not await refused(prepared, "SELECT count(*) FROM transfers")
    connection = await asyncpg.connect(prepared.url)
    await connection.execute("CREATE ROLE stranger LOGIN")
    await connection.close()
    assert await refused(prepared, "SELECT 1", role="stranger")
    assert await refused(prepared, "CREATE TABLE transfers (a text)", role="gateway")
    status, said = await gateway_as("gateway", prepared, far, tmp_path / "serving").command("migrate")
    assert status != 0
    assert "migrating failed: permission denied" in said
    assert "run migrate with the URL of the role that owns the tables" in said


@pytest.mark.parametrize("owner", ["gateway_owner", "former"])
async def test_a_restored_journal_gives_the_serving_role_no_more_once_it_is_migrated(
    server: PostgresServer, far: FarOperator, tmp_path: Path, owner: str
) -> None:
    """Also of one that was served by its owner before, who was a superuser."""
    await asyncio.to_thread(run_sql, server, ROLES)
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE ROLE former LOGIN SUPERUSER")
    await connection.execute(f"ALTER DATABASE gateway OWNER TO {owner}")
    await connection.close()
    status, said = await gateway_as(owner, server, far, tmp_path / "before").command("migrate")
    assert status == 0, said
    dump = tmp_path / "journal.dump"
    await asyncio.to_thread(run_program, "pg_dump", "--format=custom", f"--file={dump}", url_of(server, owner))
    connection = await asyncpg.connect(server.url)
    for statement in ("DROP DATABASE gateway", "DROP ROLE gateway", "DROP ROLE gateway_owner"):
        await connection.execute(statement)
    await connection.close()
    await asyncio.to_thread(run_sql, server, ROLES)
    target = f"--dbname={url_of(server, 'gateway_owner')}"
    await asyncio.to_thread(run_program, "pg_restore", "--exit-on-error", "--no-owner", target, str(dump))
    await migrated(server, far, tmp_path / "owner")
    assert [statement for statement in FORBIDDEN if not await refused(server, statement)] == []
    async with gateway_as("gateway", server, far, tmp_path / "serving") as gateway:
        assert (await call(gateway, WalletCall.WITHDRAW, "bought")).status == 200
    assert MORE not in gateway.log


async def test_the_function_runs_as_its_caller_and_finds_the_journals_tables_alone(
    prepared: PostgresServer, far: FarOperator, tmp_path: Path
) -> None:
    await migrated(prepared, far, tmp_path / "owner")
    connection = await asyncpg.connect(url_of(prepared, "gateway"))
    found = await connection.fetch(
        "SELECT proname, prosecdef, proconfig FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    )
    await connection.close()
    assert [(row["proname"], row["prosecdef"]) for row in found] == [("journal_write", False)]
    assert "search_path=public, pg_temp" in found[0]["proconfig"]


@pytest.mark.parametrize(
    "role, rights", [("postgres", "is a superuser"), ("gateway_owner", "owns the tables"), ("maker", "may make roles")]
)
async def test_a_role_that_could_do_more_is_advised_against(
    server: PostgresServer, far: FarOperator, tmp_path: Path, role: str, rights: str
) -> None:
    await asyncio.to_thread(run_sql, server, ROLES)
    await migrated(server, far, tmp_path / "owner")
    connection = await asyncpg.connect(server.url)
    await connection.execute("CREATE ROLE maker LOGIN CREATEROLE IN ROLE gateway")
    await connection.close()
    async with gateway_as(role, server, far, tmp_path / "serving") as gateway:
        (said,) = gateway.logged(MORE)
        assert said["rights"].startswith(rights)
        status, printed = await gateway.command("check", "--probe")
    assert f"writes are durable; its role may do more than serve: it {rights}" in " ".join(printed.split())
    assert status in {0, 1}


async def test_the_compose_files_passwords_are_those_of_the_secrets_and_the_superuser_has_none(
    server: PostgresServer, tmp_path: Path
) -> None:
    for name in ("journal_password", "journal_owner_password"):
        (tmp_path / name).write_text(f"{name}'s secret\n")
    script = tmp_path / "passwords.sql"
    script.write_text(PASSWORDS.read_text(encoding="utf-8").replace("/run/secrets", str(tmp_path)))
    await asyncio.to_thread(run_sql, server, ROLES)
    await asyncio.to_thread(run_sql, server, script)
    settings = server.home / "data" / "pg_hba.conf"
    settings.write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    await asyncio.to_thread(server.restart)
    for role, password in (("gateway", "journal_password"), ("gateway_owner", "journal_owner_password")):
        connection = await asyncpg.connect(url_of(server, role), password=f"{password}'s secret")
        assert await connection.fetchval("SELECT current_user") == role
        await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url, password="journal_owner_password's secret")
