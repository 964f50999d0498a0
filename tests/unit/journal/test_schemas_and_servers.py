from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import apsw
import asyncpg
import pytest

from gateway.journal.interface import JournalMisconfigured
from gateway.journal.migrations import Schema
from gateway.journal.postgres.advice import _version
from gateway.journal.postgres.pool import NEWEST_MAJOR, _require_transactions
from gateway.journal.sqlite.connection import APPLICATION_ID, _find_schema


class Cut:
    """A connection to a server that cuts it with this text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def transaction(self) -> AbstractAsyncContextManager[None]:
        return nullcontext()

    async def execute(self, _: str) -> None:
        raise asyncpg.PostgresConnectionError(self._text)


def journal_of(*, version: int, recorded: int) -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.execute("CREATE TABLE journal_migrations (number INTEGER, readable_from INTEGER)")
    connection.execute("INSERT INTO journal_migrations VALUES (?, 3)", (recorded,))
    return connection


def test_a_record_of_another_version_says_nothing_about_this_one() -> None:
    assert _find_schema(journal_of(version=6, recorded=6), "journal.db") == Schema(6, 3)
    assert _find_schema(journal_of(version=5, recorded=6), "journal.db") == Schema(5, 5)
    before_there_were_records = journal_of(version=4, recorded=4)
    before_there_were_records.execute("DROP TABLE journal_migrations")
    assert _find_schema(before_there_were_records, "journal.db") == Schema(4, 4)


def test_a_server_that_is_newer_than_any_that_was_tried_is_told() -> None:
    limits: Any = {"major": NEWEST_MAJOR + 1}
    assert len(list(_version(limits))) == 1
    limits["major"] = NEWEST_MAJOR
    assert list(_version(limits)) == []


async def test_a_server_that_is_gone_is_not_taken_for_a_pooler_in_statement_mode() -> None:
    gone: Any = Cut("the server is going down")
    with pytest.raises(asyncpg.PostgresConnectionError, match="going down"):
        await _require_transactions(gone)
    pooler: Any = Cut("transaction blocks not allowed in statement pooling mode")
    with pytest.raises(JournalMisconfigured, match="statement mode"):
        await _require_transactions(pooler)
