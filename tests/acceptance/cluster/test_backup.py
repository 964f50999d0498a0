"""A restored backup loses no decided transfer that it held, and the game's retries repair what was decided since."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from gateway.records import State
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.wire.calls import WalletCall
from tests.support.commands import PROGRAM
from tests.support.deploy_pages import page, shell_blocks
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call, configuration, journal_at, key, migrated, operator, until_state
from tests.support.postgres import PostgresServer, binaries
from tests.support.runtimes import FarOperator

ENDED = {
    "confirmed before": HoldState.CONFIRMED,
    "undelivered": HoldState.UNDONE,
    "held": HoldState.CONFIRMED,
    "begun since": HoldState.CONFIRMED,
    "undone since": HoldState.UNDONE,
}


def id_of(name: str) -> str:
    return name.replace(" ", "-")


async def withdraw(gateway: GatewayProcess, name: str) -> None:
    assert (await call(gateway, WalletCall.WITHDRAW, id_of(name))).status == 200


async def confirm(gateway: GatewayProcess, name: str) -> None:
    assert (await call(gateway, WalletCall.CONFIRM_WITHDRAWAL, id_of(name))).status == 200


async def roll_back(gateway: GatewayProcess, name: str) -> None:
    answered = await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, id_of(name), rollbackReason="Sold out.")
    assert answered.status == 200


async def life_before(gateway: GatewayProcess, far: FarOperator) -> None:
    """What the backup will hold: an end that was delivered, one that was not, and a transfer without an end."""
    for name in ("confirmed before", "undelivered", "held"):
        await withdraw(gateway, name)
    await confirm(gateway, "confirmed before")
    far.go_wrong(Fault.ERROR_BEFORE, WalletCall.ROLLBACK_WITHDRAWAL)
    answered = await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, id_of("undelivered"), rollbackReason="Sold out.")
    assert answered.status == 500


async def life_since(gateway: GatewayProcess, far: FarOperator) -> None:
    """What only the game remembers, once the journal is lost."""
    for name in ("begun since", "undone since"):
        await withdraw(gateway, name)
    await confirm(gateway, "begun since")
    await confirm(gateway, "held")
    await gateway.kill()
    far.behave()


async def expect_repaired(gateway: GatewayProcess, far: FarOperator, journal: str) -> None:
    """The gateway delivers what the backup held as decided; the rest comes back with the game's repeats."""
    async with journal_at(journal) as copy:
        timeline = await until_state(copy, key(id_of("undelivered")), State.ROLLED_BACK)
        assert [reason.text for reason in timeline.reasons] == ["Sold out."]
        assert (await until_state(copy, key(id_of("confirmed before")), State.CONFIRMED)).attempts
        assert await copy.find(key(id_of("begun since"))) is None
        await confirm(gateway, "begun since")
        await confirm(gateway, "held")
        await confirm(gateway, "confirmed before")
        await roll_back(gateway, "undone since")
        for name in ENDED:
            await until_state(copy, key(id_of(name)), State.CONFIRMED, State.ROLLED_BACK)
    assert {name: far.state_of(id_of(name)) for name in ENDED} == ENDED
    assert far.seen(WalletCall.WITHDRAW) == len(ENDED)


def block(program: str) -> str:
    """The page's whole block of commands with this program in it."""
    (found,) = (text for text in shell_blocks(page("restore")) if f"\n{program} " in f"\n{text}")
    return str(found)


def sqlite_program(folder: Path) -> Path:
    """A folder with a program `sqlite3 FILE STATEMENT`: not every machine has the real one."""
    folder.mkdir(exist_ok=True)
    program = folder / "sqlite3"
    program.write_text(f"#!{sys.executable}\nimport sqlite3, sys\nsqlite3.connect(sys.argv[1]).execute(sys.argv[2])\n")
    program.chmod(0o755)
    return folder


def follow(program: str, folder: Path, journal: Path | None = None, change: Callable[[str], str] = str) -> None:
    """Runs a block as a shell does whose umask keeps nobody out; its paths are those of this test."""
    script = change(block(program).replace("/backup", str(folder)))
    if journal is not None:
        script = script.replace("/var/lib/mm-gateway/journal.db", str(journal))
    script = script.replace(" -o mm-gateway -g mm-gateway", "")  # which root alone could do, where there is such a user
    own = sqlite_program(folder.with_name("bin"))
    environ = {**os.environ, "LC_ALL": "C", "PATH": f"{own}:{binaries()}:{PROGRAM.parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-euc", f"umask 022\n{script}"], capture_output=True, text=True, check=False, env=environ
    )
    assert done.returncode == 0, done.stderr


def expect_private(*files: Path) -> None:
    assert [(str(file), oct(file.stat().st_mode)) for file in files if file.stat().st_mode & 0o077] == []


async def test_sqlite_is_copied_while_the_gateway_runs(tmp_path: Path, far: FarOperator) -> None:
    gateway = GatewayProcess({"operators": {"acme": operator(far)}}, tmp_path)
    await migrated(gateway)
    backups = tmp_path / "backups"
    async with gateway:
        await life_before(gateway, far)
        await asyncio.to_thread(follow, "sqlite3", backups, gateway.journal)
        expect_private(backups, backups / "journal.db")
        await life_since(gateway, far)
        await asyncio.to_thread(follow, "rm", backups, gateway.journal)
        expect_private(gateway.journal)
        await gateway.start()
        await expect_repaired(gateway, far, f"sqlite:///{gateway.journal}")


@pytest.fixture
async def lost(tmp_path: Path, far: FarOperator, server: PostgresServer) -> GatewayProcess:
    """A gateway whose PostgreSQL lost everything since the backup that it is restored from."""
    gateway = GatewayProcess(configuration(server.url, {"acme": operator(far)}), tmp_path)
    await migrated(gateway)

    def here(script: str) -> str:
        script = script.replace("/etc/mm-gateway/owner.yaml", str(gateway.config_file))
        return re.sub(r"postgresql://\S+", server.url, script)

    backups = tmp_path / "backups"

    async with gateway:
        await life_before(gateway, far)
        await asyncio.to_thread(follow, "pg_dump", backups, change=here)
        expect_private(backups, backups / "journal.dump")
        await life_since(gateway, far)
    connection = await asyncpg.connect(server.url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()
    await asyncio.to_thread(follow, "pg_restore", backups, change=here)
    return gateway


async def test_postgresql_is_dumped_while_the_gateway_runs(
    lost: GatewayProcess, far: FarOperator, server: PostgresServer
) -> None:
    async with lost:
        await expect_repaired(lost, far, server.url)
