"""A journal whose log cannot be moved into the file at the opening is not opened: nothing may be added behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.journal.interface import JournalUnavailable
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile
from gateway.journal.sqlite.store import SqliteStore


def test_a_journal_whose_log_cannot_be_moved_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = SqliteFile(str(tmp_path / "journal.db"))
    SqliteStore(place, Sealer([])).close()

    def fails(store: SqliteStore) -> None:
        raise JournalUnavailable("checkpointing failed: disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(SqliteStore, "checkpoint", fails)
        with pytest.raises(JournalUnavailable, match="disk I/O error"):
            SqliteStore(place, Sealer([]))
    SqliteStore(place, Sealer([])).close()
