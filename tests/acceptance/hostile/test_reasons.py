"""The same rollback over and over with ever new reasons: the journal, which all operators share, does not grow."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.reasons import FIRST_KEPT, LAST_KEPT, LEFT_OUT, TEXT_LIMIT
from gateway.records import State
from gateway.wire.calls import WalletCall
from tests.acceptance.hostile.floods import flood_with_reasons
from tests.support.instances import call, gateways, journal_at, key, operator, until_state
from tests.support.journal_places import PostgresSchema, SqliteFile
from tests.support.runtimes import FarOperator, far_operator

REPEATS = 400
LARGEST_FILE = 256 * 1024
"""Bytes of a SQLite journal with one transfer; its empty tables take a good third of that."""
PLACES = {"sqlite": SqliteFile, "postgres": PostgresSchema}


@pytest.fixture
async def far() -> AsyncIterator[FarOperator]:
    async with far_operator() as far:
        yield far


@pytest.fixture(params=sorted(PLACES))
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteFile | PostgresSchema]:
    place = PLACES[request.param](tmp_path)
    await place.prepare()
    yield place
    await place.discard()


def size_of_file(folder: Path) -> int:
    """Of a SQLite journal; 0 for the other store."""
    return sum(file.stat().st_size for file in folder.glob("journal.db"))


async def test_a_rollback_repeated_with_ever_new_reasons_does_not_fill_the_journal(
    far: FarOperator, place: SqliteFile | PostgresSchema, tmp_path: Path
) -> None:
    content = {"journal": {"url": place.url}, "operators": {"acme": operator(far)}}
    async with gateways(tmp_path, content, count=1) as (gateway,), journal_at(place.url) as journal:
        assert (await call(gateway, WalletCall.WITHDRAW)).status == 200
        assert (await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, rollbackReason="Sold out.")).status == 200
        assert await flood_with_reasons(gateway.wallet_url, "1", REPEATS) == [200] * REPEATS
        assert (await call(gateway, WalletCall.ROLLBACK_WITHDRAWAL, rollbackReason="the last")).status == 200
        reasons = (await until_state(journal, key("1"), State.ROLLED_BACK)).reasons
    assert reasons[0].text == "Sold out."
    assert reasons[-1].text == "the last"
    assert len(reasons) == FIRST_KEPT + 1 + LAST_KEPT
    assert reasons[FIRST_KEPT].text == LEFT_OUT
    assert sum(reason.times for reason in reasons) == REPEATS + 2
    assert max(len(reason.text) for reason in reasons) == TEXT_LIMIT
    assert size_of_file(tmp_path) < LARGEST_FILE
