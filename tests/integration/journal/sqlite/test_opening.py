"""Opening a SQLite file: what it must be, who may have it, who may read it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from gateway.clock import SystemClock
from gateway.journal import excess_rights, migrate_journal, open_journal
from gateway.journal.interface import Journal, JournalMisconfigured, JournalUnavailable, SchemaMismatch
from gateway.journal.migrations import Migration
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite import connection as schema
from gateway.journal.sqlite.connection import MIGRATIONS, SqliteFile, connect
from gateway.journal.sqlite.lock import hold_lock
from gateway.journal.sqlite.reads import _free_beside, _size_of
from gateway.journal.sqlite.store import SqliteStore
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.support.journals import a_transfer, key_of

NOBODY = 65534


async def opened(url: str, *, beside: bool = False) -> Journal:
    return await open_journal("main", JournalSettings.model_construct(url=url), Metrics(), SystemClock(), beside=beside)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


async def test_an_empty_file_becomes_a_journal_that_is_kept(url: str) -> None:
    for created in (True, False):
        journal = await opened(url)
        assert journal.exclusive
        assert (await journal.insert(a_transfer())).created is created
        await journal.close()


async def test_a_relative_path_lies_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    await (await opened("sqlite:///here.db")).close()
    assert (tmp_path / "here.db").exists()


@pytest.mark.parametrize(
    "url, text",
    [
        ("sqlite:///", "names no file"),
        ("sqlite:journal.db", "no journal can have the URL sqlite"),
        ("mysql://root:geheim@db/journal", "no journal can have the URL mysql"),
        ("sqlite:////no/such/folder/journal.db", "No such file or directory"),
    ],
)
async def test_a_url_that_names_no_journal_is_refused_without_showing_a_password(url: str, text: str) -> None:
    for use in (opened(url), migrate_journal(JournalSettings.model_construct(url=url))):
        with pytest.raises(JournalMisconfigured, match=text) as caught:
            await use
        assert "geheim" not in str(caught.value)


async def test_a_second_process_is_told_who_has_the_journal(url: str) -> None:
    journal = await opened(url)
    program = (
        "import asyncio\n"
        "from gateway.journal import migrate_journal\n"
        "from gateway.settings import JournalSettings\n"
        f"asyncio.run(migrate_journal(JournalSettings(url={url!r})))\n"
    )
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
    _, told = await child.communicate()
    assert child.returncode == 1
    assert f"is in use by process {os.getpid()}" in told.decode()
    with pytest.raises(JournalMisconfigured, match="in use"):
        await opened(url)
    await journal.close()
    await (await opened(url)).close()


async def test_a_command_may_look_in_beside_the_gateway_and_act(url: str) -> None:
    gateway = await opened(url)
    await gateway.insert(a_transfer("1"))
    command = await opened(url, beside=True)
    assert not command.exclusive
    assert await command.find(key_of("1")) == a_transfer("1")
    await command.insert(a_transfer("2"))
    assert await gateway.find(key_of("2")) == a_transfer("2")
    await command.close()
    await gateway.close()


def test_there_is_nothing_to_look_into_beside_no_gateway(path: Path, url: str) -> None:
    with pytest.raises(JournalMisconfigured, match="there is no journal"):
        asyncio.run(opened(url, beside=True))
    assert not path.exists()


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path, url: str) -> None:
    path.write_text("not a database, but long enough to look at" * 100)
    with pytest.raises(JournalMisconfigured, match="not a SQLite database"):
        asyncio.run(opened(url))
    assert path.read_text().startswith("not a database")


async def test_another_programs_database_is_refused(path: Path, url: str) -> None:
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE theirs (a)")
    other.close()
    for use in (opened(url), migrate_journal(JournalSettings(url=url))):
        with pytest.raises(JournalMisconfigured, match="not a journal of this gateway"):
            await use


@pytest.mark.parametrize(
    "version, text", [(len(MIGRATIONS) - 1, "mm-gateway migrate"), (len(MIGRATIONS) + 1, "upgrade this gateway")]
)
async def test_another_schema_is_refused_with_what_to_do(path: Path, url: str, version: int, text: str) -> None:
    await migrate_journal(JournalSettings(url=url))
    connection = connect(SqliteFile(str(path)))
    connection.pragma("user_version", version)
    connection.close()
    with pytest.raises(SchemaMismatch, match=text):
        await opened(url)


async def test_a_newer_schema_is_not_migrated(path: Path, url: str) -> None:
    await migrate_journal(JournalSettings(url=url))
    connection = connect(SqliteFile(str(path)))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(SchemaMismatch, match="newer"):
        await migrate_journal(JournalSettings(url=url))


async def test_migrating_says_what_was_applied_and_may_be_repeated(url: str) -> None:
    settings = JournalSettings(url=url)
    assert await migrate_journal(settings) == [migration.name for migration in MIGRATIONS]
    assert await migrate_journal(settings) == []


def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        schema, "MIGRATIONS", [*MIGRATIONS, Migration(99, "0099_bad.sql", "CREATE TABLE transfers (a)")]
    )
    connection = connect(SqliteFile(str(path)))
    with pytest.raises(JournalUnavailable, match="migrating failed"):
        schema.migrate(connection, str(path))
    assert schema.is_empty(connection)
    connection.close()


async def test_only_its_owner_may_read_the_journal(path: Path, url: str) -> None:
    journal = await opened(url)
    await journal.insert(a_transfer())
    for file in path.parent.glob("journal.db*"):
        assert file.stat().st_mode & 0o077 == 0, file
    await journal.close()


async def test_a_file_has_no_roles(url: str) -> None:
    assert await excess_rights("main", JournalSettings(url=url)) == []


def test_every_connection_syncs_fully(path: Path) -> None:
    connection = connect(SqliteFile(str(path)))
    pragmas = {name: connection.pragma(name) for name in ("journal_mode", "synchronous", "checkpoint_fullfsync")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "checkpoint_fullfsync": 1}


def test_a_place_without_a_write_ahead_log_is_refused() -> None:
    with pytest.raises(JournalMisconfigured, match="write-ahead log"):
        connect(SqliteFile(":memory:"))


def test_an_exclusive_store_needs_no_shared_memory_and_lets_nobody_else_in(path: Path) -> None:
    store = SqliteStore(SqliteFile(str(path), exclusive=True), Sealer())
    assert sorted(file.name for file in path.parent.iterdir()) == ["journal.db", "journal.db-wal"]
    other = apsw.Connection(str(path))
    with pytest.raises(apsw.BusyError):
        other.execute("SELECT * FROM transfers").fetchall()
    other.close()
    store.close()


@pytest.mark.parametrize("user", [0, 1000])
def test_only_what_root_makes_is_given_to_the_owner_of_the_folder(
    path: Path, user: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(os, "fchown", lambda _handle, owner, group: given.append((owner, group)))
    folder = path.parent.stat()
    with hold_lock(str(path)):
        assert path.exists()
    assert given == ([(folder.st_uid, folder.st_gid)] * 2 if user == 0 else [])


def test_of_a_file_that_is_gone_nothing_is_claimed(tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "journal.db"
    assert _size_of(gone) == 0
    assert _free_beside(gone) is None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that every user can enter, unlike those that pytest makes."""
    folder = Path(tempfile.mkdtemp(prefix="mm-journal-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def test_a_log_of_another_user_is_refused_at_the_start(open_folder: Path) -> None:
    path, log = open_folder / "journal.db", open_folder / "journal.db-wal"
    path.touch()
    path.chmod(0o666)
    log.touch(mode=0o400)
    if is_root := os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(JournalMisconfigured, match=f"{log} is not writable by this user"), hold_lock(str(path)):
            pass
    finally:
        if is_root:
            os.seteuid(0)
