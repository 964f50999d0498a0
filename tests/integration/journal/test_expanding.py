"""A journal on the schema of the next version, as gateways of this one find it."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.journal import migrate_journal
from gateway.journal.interface import SchemaMismatch
from gateway.journal.migrations import Migration
from gateway.journal.postgres import schema as postgres
from gateway.journal.sqlite import connection as sqlite
from tests.support.journals import Journals, a_transfer
from tests.support.versions import following_postgres, following_sqlite

STORES: dict[str, tuple[Any, Any]] = {"sqlite": (sqlite, following_sqlite), "postgres": (postgres, following_postgres)}


@pytest.fixture
def store(journals: Journals) -> str:
    return "sqlite" if journals.shelf.url.startswith("sqlite") else "postgres"


@pytest.fixture
def expanded(store: str) -> list[Migration]:
    """What the next version has."""
    _, following = STORES[store]
    migrations: list[Migration] = following()
    return migrations


async def migrate_as(store: str, known: list[Migration], journals: Journals, patch: pytest.MonkeyPatch) -> list[str]:
    module, _ = STORES[store]
    with patch.context() as patched:
        patched.setattr(module, "MIGRATIONS", known)
        return await migrate_journal(journals.settings())


async def test_a_gateway_serves_on_a_newer_schema_that_says_it_may(
    store: str, expanded: list[Migration], journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _ = STORES[store]
    added = [migration.name for migration in expanded[len(module.MIGRATIONS) :]]
    assert added
    assert await migrate_as(store, expanded, journals, monkeypatch) == added
    journal = await journals.open()
    transfer = a_transfer()
    assert (await journal.insert(transfer)).created
    assert await journal.find(transfer.key) == transfer


async def test_the_older_migrate_leaves_a_newer_schema_that_it_may_serve_on(
    store: str, expanded: list[Migration], journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrate_as(store, expanded, journals, monkeypatch)
    assert await migrate_journal(journals.settings()) == []
    assert await migrate_as(store, expanded, journals, monkeypatch) == []


async def test_a_contraction_after_it_is_refused_by_the_gateways_from_before(
    store: str, expanded: list[Migration], journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = len(expanded) + 1
    contraction = Migration(number, f"{number:04}_end.sql", f"-- readable from: {len(expanded)}\nDROP TABLE sessions;")
    await migrate_as(store, [*expanded, contraction], journals, monkeypatch)
    with pytest.raises(SchemaMismatch, match="newer"):
        await journals.open()
    # That a later one may be read again does not make up for it.
    later = Migration(number + 1, f"{number + 1:04}_later.sql", "-- readable from: 1\nCREATE TABLE later (a integer);")
    await migrate_as(store, [*expanded, contraction, later], journals, monkeypatch)
    with pytest.raises(SchemaMismatch, match="newer"):
        await journals.open()
