from __future__ import annotations

import pytest

from gateway.journal.interface import SchemaMismatch
from gateway.journal.migrations import Migration, migrations_of, require_schema

KNOWN = [Migration(1, "0001_a.sql", ""), Migration(2, "0002_b.sql", "")]


@pytest.mark.parametrize("package", ["gateway.journal.sqlite", "gateway.journal.postgres"])
def test_migrations_are_numbered_from_one_without_a_gap(package: str) -> None:
    found = migrations_of(package)
    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    assert found[0].name == "0001_journal.sql"
    assert "CREATE TABLE" in found[0].sql


def test_the_newest_schema_is_accepted() -> None:
    assert require_schema("main", 2, KNOWN) is None  # type: ignore[func-returns-value]  # that it returns is the point


def test_an_older_schema_is_refused_with_what_to_do() -> None:
    with pytest.raises(
        SchemaMismatch, match=r"main is version 1, older than this gateway's 2: run `mm-gateway migrate`"
    ):
        require_schema("main", 1, KNOWN)


def test_a_newer_schema_is_refused_with_what_to_do() -> None:
    with pytest.raises(SchemaMismatch, match=r"main is version 3, newer than this gateway's 2: upgrade this gateway"):
        require_schema("main", 3, KNOWN)
