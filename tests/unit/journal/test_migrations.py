from __future__ import annotations

import pytest

from gateway.journal.interface import SchemaMismatch
from gateway.journal.migrations import Migration, Schema, migrations_of, require_schema

KNOWN = [Migration(1, "0001_a.sql", ""), Migration(2, "0002_b.sql", "")]
PACKAGES = ["gateway.journal.sqlite", "gateway.journal.postgres"]

EXPANDING = """\
-- What it is for.
-- readable from: 5

-- transaction: none
ALTER TABLE transfers ADD COLUMN note text;
"""

CONCURRENT = """\
-- transaction: none
DROP INDEX CONCURRENTLY IF EXISTS by_player;
-- For lists.
CREATE INDEX CONCURRENTLY by_player
    ON transfers (player_id);
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_migrations_are_numbered_from_one_without_a_gap(package: str) -> None:
    found = migrations_of(package)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    assert found[0].name == "0001_journal.sql"
    assert "CREATE TABLE" in found[0].sql


@pytest.mark.parametrize("package", PACKAGES)
def test_every_migration_says_what_it_can_mean(package: str) -> None:
    for migration in migrations_of(package):
        assert 1 <= migration.readable_from <= migration.number
        if not migration.in_transaction:
            assert package == "gateway.journal.postgres"
            # Stopped anywhere and run again, it must not find an index that is there and was never finished.
            names = [statement.split()[:3] for statement in migration.statements]
            assert names == [["DROP", "INDEX", "CONCURRENTLY"], ["CREATE", "INDEX", "CONCURRENTLY"]] * (len(names) // 2)


def test_a_migration_says_in_its_head_which_gateways_may_serve_on_it() -> None:
    migration = Migration(7, "0007_note.sql", EXPANDING)
    assert (migration.readable_from, migration.expands, migration.in_transaction) == (5, True, True)
    migration = Migration(7, "0007_note.sql", EXPANDING.replace("-- readable from: 5\n", ""))
    assert (migration.readable_from, migration.expands) == (7, False)


def test_what_runs_outside_of_a_transaction_is_taken_apart_into_statements() -> None:
    migration = Migration(7, "0007_by_player.sql", CONCURRENT)
    assert not migration.in_transaction
    assert migration.statements == [
        "DROP INDEX CONCURRENTLY IF EXISTS by_player",
        "CREATE INDEX CONCURRENTLY by_player\n    ON transfers (player_id)",
    ]


@pytest.mark.parametrize("found", [Schema(2, 2), Schema(3, 2), Schema(9, 1)])
def test_the_newest_schema_and_newer_ones_that_say_so_are_accepted(found: Schema) -> None:
    assert require_schema("main", found, KNOWN) is None  # type: ignore[func-returns-value]  # that it returns is the point


def test_an_older_schema_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        SchemaMismatch, match=r"main is version 1, older than this gateway's 2: run `mm-gateway migrate`"
    ):
        require_schema("main", Schema(1, 1), KNOWN)


def test_a_newer_schema_is_refused_with_what_to_do() -> None:
    with pytest.raises(SchemaMismatch, match=r"main is version 4, newer than this gateway's 2: upgrade this gateway"):
        require_schema("main", Schema(4, 3), KNOWN)
