"""What each hot statement costs does not grow with the finished transfers: SQLite's own plan says so."""

from __future__ import annotations

import re
from pathlib import Path

import apsw
import pytest

from gateway.journal.sealing import Sealer
from gateway.journal.sqlite.connection import SqliteFile
from gateway.journal.sqlite.statements import SQL
from gateway.journal.sqlite.store import SqliteStore

UNFINISHED = "transfers_unfinished (operator=? AND state=? AND due_at<?)"
BY_KEY = "SEARCH transfers USING INDEX transfers_key (id=? AND operator=? AND direction=?)"
BY_ROW_ID = "SEARCH transfers USING INTEGER PRIMARY KEY (rowid=?)"

PLANS = {
    "find": [BY_KEY],
    "find_with_row_id": [BY_KEY],
    "find_row_id": [BY_KEY.replace("INDEX", "COVERING INDEX")],
    "find_session": ["SEARCH sessions USING PRIMARY KEY (digest=? AND operator=?)"],
    "due": ["MERGE (UNION ALL)", "LEFT", "MERGE (UNION ALL)", "LEFT", f"SEARCH transfers USING INDEX {UNFINISHED}"]
    + ["RIGHT", f"SEARCH transfers USING INDEX {UNFINISHED}"] * 2,
    "claim": [BY_ROW_ID],
    "change": [BY_ROW_ID],
    "count_reason": [
        "SEARCH rollback_reasons USING INTEGER PRIMARY KEY (rowid=?)",
        "SCALAR SUBQUERY 1",
        "SEARCH rollback_reasons USING INDEX rollback_reasons_transfer (transfer=?)",
    ],
    "delete_instance": ["SEARCH instances USING PRIMARY KEY (id=?)"],
    "prunable": ["SEARCH transfers USING INDEX transfers_finished (changed_at<?)"],
    "prune_attempts": ["SEARCH attempts USING INDEX attempts_transfer (transfer=?)"],
    "prune_reasons": ["SEARCH rollback_reasons USING INDEX rollback_reasons_transfer (transfer=?)"],
    "prune_transfer": [BY_ROW_ID],
    "prunable_sessions": ["SEARCH sessions USING COVERING INDEX sessions_seen (seen_at<?)"],
    "prune_session": ["SEARCH sessions USING PRIMARY KEY (digest=? AND operator=?)"],
    "attempts": ["SEARCH attempts USING INDEX attempts_transfer (transfer=?)"],
    "reasons": ["SEARCH rollback_reasons USING INDEX rollback_reasons_transfer (transfer=?)"],
    "count_unfinished": [
        "SCAN transfers USING COVERING INDEX transfers_unfinished",
        "USING INDEX sqlite_autoindex_moved_operators_1 FOR IN-OPERATOR",
    ],
}


@pytest.fixture
def connection(tmp_path: Path) -> apsw.Connection:
    return SqliteStore(SqliteFile(str(tmp_path / "journal.db")), Sealer())._connection


def plan_of(connection: apsw.Connection, statement: str) -> list[str]:
    numbered = len(set(re.findall(r"\?\d", statement)))
    values = (None,) * (numbered or statement.count("?"))
    return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize("name", PLANS)
def test_a_hot_statement_goes_straight_to_its_rows(connection: apsw.Connection, name: str) -> None:
    assert plan_of(connection, SQL[name]) == PLANS[name]


@pytest.mark.parametrize("name", ["insert_transfer", "change", "insert_attempt", "insert_reason"])
def test_a_write_of_a_call_needs_no_table_of_its_own(connection: apsw.Connection, name: str) -> None:
    values = (None,) * SQL[name].count("?")
    steps = [row[1] for row in connection.execute(f"EXPLAIN {SQL[name]}", values)]
    assert "OpenWrite" in steps
    assert "OpenEphemeral" not in steps


def test_next_due_looks_at_the_first_entry_of_each_state(connection: apsw.Connection) -> None:
    plan = plan_of(connection, SQL["next_due"])
    searches = [step for step in plan if "transfers" in step]
    assert searches == ["SEARCH transfers USING COVERING INDEX transfers_unfinished (operator=? AND state=?)"] * 3


def test_releasing_orphans_looks_at_unfinished_transfers_alone(connection: apsw.Connection) -> None:
    assert "SCAN transfers USING COVERING INDEX transfers_unfinished" in plan_of(connection, SQL["release_orphans"])


def test_a_list_of_unfinished_transfers_looks_at_no_other(connection: apsw.Connection) -> None:
    (scan, *_) = plan_of(connection, SQL["list_unfinished"].format(where="player_id = ?"))
    assert scan == "SCAN transfers USING INDEX transfers_unfinished"


@pytest.mark.parametrize(
    "name, where, index",
    [
        ("list_transfers", "operator = ?", "SCAN transfers USING INDEX transfers_opened"),
        ("list_transfers", "opened_at >= ?", "SEARCH transfers USING INDEX transfers_opened (opened_at>?)"),
        ("list_transfers", "id = ?", "SEARCH transfers USING INDEX transfers_key (id=?)"),
        ("list_reasons", "source = ?", "SCAN rollback_reasons USING INDEX rollback_reasons_at"),
        ("list_reasons", "at >= ?", "SEARCH rollback_reasons USING INDEX rollback_reasons_at (at>?)"),
    ],
)
def test_a_list_reads_newest_first_without_sorting_everything(
    connection: apsw.Connection, name: str, where: str, index: str
) -> None:
    assert plan_of(connection, SQL[name].format(where=where))[0] == index
