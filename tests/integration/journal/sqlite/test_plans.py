"""What each hot statement costs does not grow with the finished transfers: SQLite's own plan says so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import apsw
import pytest

from gateway.journal.interface import Position, ReasonFilter, TransferFilter
from gateway.journal.sealing import Sealer
from gateway.journal.sqlite import filters
from gateway.journal.sqlite.connection import SqliteFile
from gateway.journal.sqlite.statements import SQL
from gateway.journal.sqlite.store import SqliteStore
from gateway.reasons import Source
from gateway.records import Decision, Direction, Key, State

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
    "change_with_session": [BY_ROW_ID],
    "name_player": [BY_KEY],
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


@pytest.mark.parametrize(
    "name", ["insert_transfer", "change", "change_with_session", "insert_attempt", "insert_reason"]
)
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


AFTER = Position(at=5.0, key=Key("acme", Direction.WITHDRAW, "1234abcd"))
TIES_SORTED = "USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY"


@pytest.mark.parametrize(
    "where, after, index",
    [
        ({}, None, "SCAN transfers USING INDEX transfers_opened"),
        ({"operator": "acme"}, None, "SCAN transfers USING INDEX transfers_opened"),
        ({"since": 1.0}, None, "SEARCH transfers USING INDEX transfers_opened (opened_at>?)"),
        ({"operator": "acme"}, AFTER, "SEARCH transfers USING INDEX transfers_opened (opened_at<?)"),
        ({"player_id": "p"}, None, "SEARCH transfers USING INDEX transfers_by_player (player_id=?)"),
        ({"player_id": ""}, AFTER, "SEARCH transfers USING INDEX transfers_by_player (player_id=? AND opened_at<?)"),
        (
            {"player_id": "p", "operator": "acme", "states": (State.CONFIRMED,), "wants": Decision.ROLLBACK},
            AFTER,
            "SEARCH transfers USING INDEX transfers_by_player (player_id=? AND opened_at<?)",
        ),
        (
            {"player_id": "p", "since": 1.0},
            AFTER,
            "SEARCH transfers USING INDEX transfers_by_player (player_id=? AND opened_at>? AND opened_at<?)",
        ),
    ],
)
def test_a_page_of_transfers_begins_in_the_index_and_ends_with_its_last_row(
    connection: apsw.Connection, where: dict[str, Any], after: Position | None, index: str
) -> None:
    plan = explained(connection, filters.transfers(TransferFilter(**where), 10, after))
    assert plan[0] == index
    assert plan[-1] == TIES_SORTED


def test_a_transfer_is_found_by_its_id(connection: apsw.Connection) -> None:
    for where in (TransferFilter(id="a", player_id="p"), TransferFilter(id="a", states=(State.PARKED,))):
        plan = explained(connection, filters.transfers(where, 10, None))
        assert plan[0] == "SEARCH transfers USING INDEX transfers_key (id=?)"


@pytest.mark.parametrize(
    "where, after, steps",
    [
        ({"source": Source.GAME}, None, ["SCAN rollback_reasons USING INDEX rollback_reasons_at"]),
        ({"since": 1.0}, None, ["SEARCH rollback_reasons USING INDEX rollback_reasons_at (at>?)"]),
        ({}, AFTER, ["SEARCH rollback_reasons USING INDEX rollback_reasons_at (at<?)"]),
        (
            {"player_id": "p", "source": Source.GAME},
            None,
            [
                "SEARCH transfers USING INDEX transfers_by_player (player_id=?)",
                "SEARCH rollback_reasons USING INDEX rollback_reasons_transfer (transfer=?)",
            ],
        ),
    ],
)
def test_a_page_of_reasons_begins_with_the_newest_or_with_the_player(
    connection: apsw.Connection, where: dict[str, Any], after: Position | None, steps: list[str]
) -> None:
    plan = explained(connection, filters.reasons(ReasonFilter(**where), 10, after))
    assert [step for step in plan if "moved_operators" not in step][: len(steps)] == steps


def explained(connection: apsw.Connection, query: filters.Query) -> list[str]:
    return [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query[0]}", query[1])]


def test_a_change_of_a_call_leaves_the_index_by_player_alone(connection: apsw.Connection) -> None:
    """SQLite writes an index for every column that a statement names, whatever its value."""

    def written(name: str) -> int:
        values = (None,) * SQL[name].count("?")
        steps = [row[1] for row in connection.execute(f"EXPLAIN {SQL[name]}", values)]
        return steps.count("IdxInsert")

    assert written("change_with_session") == written("change") + 1
