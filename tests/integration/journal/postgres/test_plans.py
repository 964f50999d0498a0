"""Every hot statement is an index lookup, whatever the statistics, so that its cost does not grow with the table."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import msgspec
import pytest

from gateway.journal.interface import Position, ReasonFilter, TransferFilter
from gateway.journal.postgres import filters
from gateway.journal.postgres.schema import MIGRATIONS
from gateway.journal.postgres.statements import SQL
from gateway.journal.writes import Claim
from gateway.records import Decision, Direction, Instance, Key, State
from tests.support.journals import ACME, NOW, Journals, a_change, a_reason, a_session, a_transfer, an_attempt

FINISHED = 5000

VARIABLES = {
    "dead": "text[]",
    "one.operator": "text",
    "one.owner": "text",
    "one.now": "double precision",
    "one.lease_until": "double precision",
    "one.before": "double precision",
    'one."limit"': "integer",
    "one.place": "integer",
    "one.recipient": "text",
    "one.id": "text",
    "one.direction": "text",
    "one.text": "text",
    "one.folded": "text",
    "one.source": "text",
    "one.category": "text",
    "one.at": "double precision",
    "one.who": "text",
    "first_n": "bigint",
    "last_n": "bigint",
}

# Within a function, since asyncpg would want values for the parameters.
EXPLAINED = """
CREATE FUNCTION pg_temp.explained(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (GENERIC_PLAN) ' || statement;
END $$"""

FILL = f"""
INSERT INTO transfers (
    id, operator, direction, state, description, player_id, session, fingerprint, adopted, fate, tries, revision,
    opened_at, changed_at
)
SELECT
    number::text, 'acme', 'withdraw', CASE WHEN number % 50 = 0 THEN 'held' ELSE 'confirmed' END, '',
    CASE WHEN number % 5 = 0 THEN 'player-of-many' WHEN number % 50 = 1 THEN '' ELSE 'player-' || number % 500 END,
    '\\x005b2274222c7b7d5d', '', false, 'taken', 1, 3, number, number
FROM generate_series(1, {FINISHED}) AS number;
INSERT INTO attempts (transfer, call, at, took_s, verdict, kind, detail, instance)
SELECT number, 'withdraw', 0, 0, 'success', '', '', '' FROM generate_series(1, {FINISHED}) AS number;
INSERT INTO rollback_reasons (id, operator, direction, text, folded, source, category, at, who)
SELECT number::text, 'acme', 'withdraw', '', '', 'game', '', 0, '' FROM generate_series(1, {FINISHED}) AS number;
INSERT INTO sessions (digest, operator, player_id, session, seen_at)
SELECT number::text::bytea, 'acme', '', '', 0 FROM generate_series(1, {FINISHED}) AS number;
ANALYZE"""


def hot_statements() -> dict[str, str]:
    """What `journal_write` runs, by the name that stands above each, with parameters in place of its variables."""
    newest = next(one.sql for one in reversed(MIGRATIONS) if "FUNCTION journal_write" in one.sql)
    body = newest.partition("AS $$")[2]
    named = re.findall(r"-- statement: ([a-z ]+)\n(.*?);\n", body, re.DOTALL)
    variables = re.compile("RETURN QUERY|INTO first_n, last_n")
    return {name: with_parameters(variables.sub("", statement)) for name, statement in named}


def with_parameters(statement: str) -> str:
    text = re.sub(r"json_to_recordset\(\w+\)", "json_to_recordset($1::json)", statement)
    number = 1 if text != statement else 0
    for variable, kind in VARIABLES.items():
        if variable in text:
            number += 1
            text = re.sub(rf"(?<!\w){re.escape(variable)}(?!\w)", f"${number}::{kind}", text)
    return text


@pytest.fixture
async def filled(journals: Journals) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(journals.shelf.url, statement_cache_size=0)
    await connection.execute(FILL)
    await connection.execute(EXPLAINED)
    yield connection
    await connection.close()


async def plan(connection: asyncpg.Connection, statement: str) -> str:
    return "\n".join(line for (line,) in await connection.fetch("SELECT pg_temp.explained($1)", statement))


@pytest.mark.parametrize("name", sorted(hot_statements()))
async def test_a_statement_that_writes_reaches_every_row_by_an_index(name: str, filled: asyncpg.Connection) -> None:
    async with filled.transaction():
        settings = await filled.fetchval("SELECT proconfig FROM pg_proc WHERE oid = 'journal_write'::regproc")
        for setting in settings:
            await filled.execute("SELECT set_config($1, $2, true)", *setting.split("="))
        explained = await plan(filled, hot_statements()[name])
    assert "Seq Scan" not in explained, explained
    assert "Sort" not in explained, explained


COLD = {
    "count_rows",
    "operators",
    "count_unfinished",
    "list_transfers",
    "list_unfinished",
    "count_transfers",
    "count_those_unfinished",
    "list_reasons",
    "count_listed_reasons",
    "count_reasons",
}


@pytest.mark.parametrize("name", sorted(set(SQL) - COLD))
async def test_a_statement_that_reads_for_a_call_reaches_every_row_by_an_index(
    name: str, filled: asyncpg.Connection
) -> None:
    explained = await plan(filled, SQL[name])
    assert "Seq Scan on transfers" not in explained, explained


async def test_a_tally_and_a_list_of_what_waits_pass_over_the_finished(filled: asyncpg.Connection) -> None:
    listed = SQL["list_unfinished"].format(where="state = 'parked'", player="", limit=10)
    counted = SQL["count_those_unfinished"].format(where="state = 'parked'")
    for statement in (SQL["count_unfinished"], listed, counted):
        explained = await plan(filled, statement)
        assert "transfers_unfinished" in explained, explained


async def test_the_newest_of_all_transfers_are_found_without_sorting_them_all(filled: asyncpg.Connection) -> None:
    explained = await plan(filled, SQL["list_transfers"].format(where="true", player="", limit=10))
    assert "transfers_opened" in explained, explained


AFTER = Position(at=4000.0, key=Key(ACME, Direction.WITHDRAW, "4000"))


@pytest.mark.parametrize("after", [None, AFTER], ids=["first page", "next page"])
async def test_a_page_of_all_transfers_begins_in_the_index(filled: asyncpg.Connection, after: Position | None) -> None:
    explained = await explain(filled, filters.transfers(TransferFilter(), 10, after))
    assert "Index Scan Backward using transfers_opened" in explained, explained
    assert ("opened_at <= " in explained) == (after is not None), explained


@pytest.mark.parametrize("after", [None, AFTER], ids=["first page", "next page"])
@pytest.mark.parametrize(
    "where",
    [
        {},
        {"operator": ACME},
        {"states": (State.CONFIRMED,)},
        {"direction": Direction.DEPOSIT, "wants": Decision.ROLLBACK},
        {"since": 10.0, "until": 4500.0},
        {"operator": ACME, "states": (State.CONFIRMED, State.PARKED), "since": 10.0},
    ],
    ids=str,
)
async def test_a_players_newest_transfers_are_found_by_the_player_and_in_their_order(
    filled: asyncpg.Connection, where: dict[str, Any], after: Position | None
) -> None:
    for player in ("player-7", "", "player-of-many"):
        explained = await explain(filled, filters.transfers(TransferFilter(player_id=player, **where), 10, after))
        assert re.search(r"transfers_by_player.*\n +Index Cond: \(\(?player_id >= ", explained), explained


async def test_a_page_of_a_player_with_many_transfers_ends_with_its_last_row(filled: asyncpg.Connection) -> None:
    """Also where every fifth transfer is that player's: all of them may be old."""
    for after in (None, AFTER):
        explained = await explain(filled, filters.transfers(TransferFilter(player_id="player-of-many"), 10, after))
        assert "Index Scan Backward using transfers_by_player" in explained, explained
        assert "Presorted Key: player_id, opened_at" in explained.replace("transfers.", ""), explained


async def test_a_players_reasons_are_found_by_the_players_transfers(filled: asyncpg.Connection) -> None:
    query = filters.reasons(ReasonFilter(player_id="player-7"), 10, None)
    explained = await explain(filled, query)
    assert "transfers_by_player" in explained, explained
    assert "rollback_reasons_pkey" in explained, explained


async def explain(connection: asyncpg.Connection, query: filters.Query) -> str:
    """The plan for these values: no statement of a list is prepared, so that each is planned for its own."""
    statement, values = query
    return "\n".join(line for (line,) in await connection.fetch(f"EXPLAIN {statement}", *values))


async def scans(connection: asyncpg.Connection) -> dict[str, int]:
    await connection.execute("SELECT pg_stat_force_next_flush()")
    rows = await connection.fetch(
        "SELECT relname, seq_scan FROM pg_stat_user_tables "
        "WHERE schemaname = current_schema() AND relname NOT IN ('instances', 'moved_operators', 'journal_migrations')"
    )
    return {row["relname"]: row["seq_scan"] for row in rows}


async def test_no_call_has_ever_read_a_table_from_end_to_end(journals: Journals, filled: asyncpg.Connection) -> None:
    before = await scans(filled)
    journal = await journals.open()

    async def life(number: int) -> None:
        transfer = a_transfer(f"id-{number}", due_at=NOW, owner="dead", session=a_session(str(number)))
        await journal.save_session(transfer.session, NOW)
        await journal.insert(transfer, a_reason())
        await journal.insert(transfer)
        stale = msgspec.structs.replace(transfer, revision=99)
        await journal.change(
            a_change(transfer.key, State.ROLLING_BACK, due_at=NOW, attempt=an_attempt(), reason=a_reason())
        )
        await journal.change(a_change(transfer.key, State.ROLLING_BACK, due_at=NOW, found=stale))
        await journal.add_reason(transfer.key, a_reason())
        await journal.find(transfer.key)
        await journal.timeline(transfer.key)
        await journal.find_session(ACME, str(number))

    await asyncio.gather(*(life(number) for number in range(64)))
    await journal.renew_lease(Instance(id="dead", started_at=NOW, lease_until=NOW))
    await journal.release_orphans(NOW + 1)
    await journal.claim(Claim(operator=ACME, owner="a", now=NOW, lease_until=NOW + 9, limit=32))
    await journal.next_due(ACME)
    await journal.prune(NOW, 100)
    await journals.close()
    assert await scans(filled) == before
