"""A journal of an earlier schema, with rows of the first one in it, as this program finds it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import msgspec
import pytest

from gateway.journal import migrate_journal
from gateway.journal.copy import CopyableJournal, copy_journal
from gateway.journal.interface import SchemaMismatch
from gateway.journal.postgres import schema as postgres
from gateway.journal.rows import Rows
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite import connection as sqlite
from gateway.records import Fate, RowCounts, State, Timeline, Verdict
from gateway.settings import JournalSettings
from tests.support.journals import (
    ACME,
    NOW,
    SHELVES,
    Journals,
    Shelf,
    a_change,
    a_reason,
    a_session,
    a_transfer,
    an_attempt,
    verified,
)
from tests.support.postgres import create_schema
from tests.support.postgres_shelf import PostgresShelf, server_url

SEALED = b'\x00["token",{}]'.hex()
SESSION = a_session("token")
DIGEST = Rows(Sealer()).digest(SESSION).hex()

TRANSFER = """
INSERT INTO transfers (
    id, operator, direction, state, amount, currency, description, player_id, session, fingerprint, adopted, fate,
    tries, revision, due_at, opened_at, decided_at, changed_at, rollback_reason
) VALUES (
    'old', 'acme', 'withdraw', 'rolling_back', '230', 'XAG', 'A sword', 'player-1', {session}, 'f', {false}, 'unknown',
    3, 5, {now}, {now}, {now}, {now}, 'No stock.'
);
INSERT INTO sessions (digest, operator, player_id, session, seen_at)
VALUES ({digest}, 'acme', 'player-1', {session}, {now});"""

OF_SQLITE = """
INSERT INTO attempts (transfer, call, at, took_s, verdict, kind, detail, instance)
VALUES (1, 'withdraw', {now}, 0.25, 'unknown', '', 'timed out', 'a');
INSERT INTO rollback_reasons (transfer, text, source, category, at, who)
VALUES (1, 'No stock.', 'game', 'other', {now}, '');"""

OF_POSTGRES = """
INSERT INTO attempts (transfer, call, at, took_s, verdict, kind, detail, instance)
SELECT number, 'withdraw', {now}, 0.25, 'unknown', '', 'timed out', 'a' FROM transfers;
INSERT INTO rollback_reasons (id, operator, direction, text, folded, source, category, at, who)
VALUES ('old', 'acme', 'withdraw', 'No stock.', 'no stock.', 'game', 'other', {now}, '');"""

EXPECTED = Timeline(
    transfer=a_transfer(
        "old",
        state=State.ROLLING_BACK,
        session=SESSION,
        fingerprint="f",
        fate=Fate.UNKNOWN,
        tries=3,
        revision=5,
        due_at=NOW,
        decided_at=NOW,
        rollback_reason="No stock.",
    ),
    attempts=[an_attempt(verdict=Verdict.UNKNOWN, detail="timed out", instance="a")],
    reasons=[a_reason("No stock.", category="other")],
)


async def fill_sqlite(shelf: Shelf, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sqlite, "MIGRATIONS", sqlite.MIGRATIONS[:version])
        await migrate_journal(JournalSettings(url=shelf.url))
    connection = sqlite.connect(sqlite.SqliteFile(shelf.url.removeprefix("sqlite:///")))
    literals = {"session": f"x'{SEALED}'", "digest": f"x'{DIGEST}'", "false": "0", "now": NOW}
    connection.execute((TRANSFER + OF_SQLITE).format(**literals))
    connection.close()


async def fill_postgres(shelf: Shelf, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(shelf, PostgresShelf)
    shelf.url = await create_schema(server_url())
    with monkeypatch.context() as patched:
        patched.setattr(postgres, "MIGRATIONS", postgres.MIGRATIONS[:version])
        await migrate_journal(JournalSettings(url=shelf.url))
    connection = await asyncpg.connect(shelf.url)
    literals = {"session": f"'\\x{SEALED}'", "digest": f"'\\x{DIGEST}'", "false": "false", "now": NOW}
    await connection.execute((TRANSFER + OF_POSTGRES).format(**literals))
    await connection.close()


FILLED: dict[str, Callable[[Shelf, int, pytest.MonkeyPatch], Awaitable[None]]] = {
    "sqlite": fill_sqlite,
    "postgres": fill_postgres,
}


NAMES = {
    store: [migration.name for migration in module.MIGRATIONS]
    for store, module in (("sqlite", sqlite), ("postgres", postgres))
}
EARLIER = [(store, version) for store in sorted(NAMES) for version in range(1, len(NAMES[store]))]


@pytest.fixture(params=EARLIER, ids="{0[0]} {0[1]}".format)
def schema(request: pytest.FixtureRequest) -> tuple[str, int]:
    """A store and an earlier schema of it."""
    chosen: tuple[str, int] = request.param
    return chosen


@pytest.fixture
async def old(schema: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journals]:
    """A journal of that schema."""
    store, version = schema
    shelf = SHELVES[store](tmp_path)
    await FILLED[store](shelf, version, monkeypatch)
    try:
        async with AsyncExitStack() as stack:
            yield Journals(shelf, stack)
    finally:
        await shelf.discard()


async def migrated(old: Journals) -> CopyableJournal:
    await migrate_journal(old.settings())
    return await old.open()


async def test_an_old_journal_is_refused_with_what_to_do(old: Journals, schema: tuple[str, int]) -> None:
    store, version = schema
    newest = {"sqlite": 7, "postgres": 8}[store]
    with pytest.raises(
        SchemaMismatch, match=rf"version {version}, older than this gateway's {newest}: run `mm-gateway migrate`"
    ):
        await old.open()


async def test_the_missing_migrations_are_applied_in_order(old: Journals, schema: tuple[str, int]) -> None:
    store, version = schema
    names = ["0001_journal.sql", "0002_sessions_and_repeats.sql", "0003_transfer_memory.sql", "0004_payments.sql"]
    names += ["0005_limited_reasons.sql"] if store == "postgres" else []
    names += [f"{len(names) + 1:04}_moved_operators.sql"]
    names += [f"{len(names) + 1:04}_instance_facts.sql"]
    names += [f"{len(names) + 1:04}_by_player.sql"]
    assert await migrate_journal(old.settings()) == names[version:]
    assert await migrate_journal(old.settings()) == []


async def test_after_the_migration_everything_is_there_as_it_was(old: Journals) -> None:
    journal = await migrated(old)
    assert await journal.timeline(EXPECTED.transfer.key) == EXPECTED
    assert await journal.find_session(ACME, "token") == verified(SESSION)


async def test_an_old_row_takes_what_the_new_schema_adds(old: Journals) -> None:
    journal = await migrated(old)
    transfer = EXPECTED.transfer
    spare, attempt = a_session("spare"), an_attempt(player="player-1", session="own")
    memory = {"transaction": "t-1"}
    change = a_change(
        transfer.key,
        State.ROLLING_BACK,
        found=transfer,
        session=SESSION,
        spare_session=spare,
        memory=memory,
        attempt=attempt,
    )
    assert (await journal.change(change)).moved
    await journal.add_reason(transfer.key, a_reason("No stock.", category="other", at=NOW + 1))
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert timeline.transfer.spare_session == spare
    assert timeline.transfer.memory == memory
    assert timeline.attempts == [*EXPECTED.attempts, attempt]
    assert timeline.reasons == [msgspec.structs.replace(EXPECTED.reasons[0], times=2, last_at=NOW + 1)]


@pytest.mark.parametrize("store", sorted(SHELVES))
async def test_a_migrated_journal_is_copied_whole(old: Journals, store: str, tmp_path: Path) -> None:
    folder = tmp_path / "target"
    folder.mkdir()
    shelf = SHELVES[store](folder)
    await shelf.prepare()
    source = await migrated(old)
    async with AsyncExitStack() as stack:
        target = await Journals(shelf, stack).open()
        assert await copy_journal(source, target, lambda _: None) == RowCounts(1, 1)
        assert await target.timeline(EXPECTED.transfer.key) == EXPECTED
    await shelf.discard()
