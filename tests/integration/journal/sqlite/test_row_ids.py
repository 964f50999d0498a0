"""Rows are found again by their numbers, as long as those still lead to them."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile
from gateway.journal.sqlite.store import SqliteStore
from gateway.journal.writes import Change, Changed, Insert
from gateway.records import State, Transfer
from tests.support.journals import NOW, a_transfer, key_of


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(SqliteFile(str(tmp_path / "journal.db")), Sealer())


def held(transfer: Transfer) -> Change:
    return Change(key=transfer.key, allowed=(State.SENDING,), to=State.HELD, at=NOW, found=transfer)


def elsewhere(tmp_path: Path, statement: str) -> None:
    """As another process does it."""
    apsw.Connection(str(tmp_path / "journal.db")).execute(statement)


def test_a_row_that_was_written_is_changed_without_a_look_at_its_key(store: SqliteStore) -> None:
    transfer = a_transfer()
    store.apply([Insert(transfer=transfer)])
    store._connection.execute("DROP INDEX transfers_key")
    (answer,) = store.apply([held(transfer)])
    assert answer.moved


def test_a_number_that_another_row_has_now_leads_nowhere(store: SqliteStore, tmp_path: Path) -> None:
    transfer = a_transfer()
    store.apply([Insert(transfer=transfer)])
    elsewhere(tmp_path, "DELETE FROM transfers")
    elsewhere(tmp_path, "VACUUM")
    other = SqliteStore(SqliteFile(str(tmp_path / "journal.db")), Sealer())
    other.apply([Insert(transfer=a_transfer("other"))])
    assert store.apply([held(transfer)]) == [Changed(None, moved=False)]
    assert store.reads.find(key_of("other")) == a_transfer("other")


def test_a_number_of_a_batch_that_failed_leads_nowhere(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = a_transfer()
    with monkeypatch.context() as broken:
        broken.setattr("gateway.journal.sqlite.store.crash_point", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            store.apply([Insert(transfer=transfer)])
    store.apply([Insert(transfer=a_transfer("other")), Insert(transfer=transfer)])
    store.apply([Insert(transfer=a_transfer("third"))])
    store._row_ids.put(transfer.key, 1)  # as if it had been opened by another process meanwhile
    (answer,) = store.apply([held(transfer)])
    assert answer.moved
    assert store.reads.find(key_of("other")) == a_transfer("other")
