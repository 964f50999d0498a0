"""The journal leaves nothing in a session: it works behind a pooler that gives each transaction another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.journal import migrate_journal
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import ReasonFilter, TransferFilter
from gateway.journal.writes import Claim
from gateway.records import Instance, State
from tests.support.journals import NOW, Journals, a_change, a_reason, a_session, a_transfer, an_attempt, verified
from tests.support.postgres import PostgresServer
from tests.support.postgres_pooler import Pooler, pooler


@pytest.fixture
async def pool(server: PostgresServer) -> AsyncIterator[Pooler]:
    async with pooler(server.port, user="postgres", database="postgres") as pool:
        yield pool


@pytest.fixture
async def pooled(pool: Pooler, server: PostgresServer, journals: Journals) -> AsyncIterator[CopyableJournal]:
    """A journal in the server's own database, since a schema would be a setting of the session."""
    journals.shelf.url, prepared = server.url_of("postgres", pool.port), journals.shelf.url
    await migrate_journal(journals.settings())
    yield await journals.open()
    await journals.close()
    journals.shelf.url = prepared


async def life(journal: CopyableJournal, id_: str) -> None:
    """Every kind of write and of read, once."""
    transfer = a_transfer(id_, session=a_session(id_, id_), due_at=NOW, owner=id_, operator=id_)
    assert (await journal.insert(transfer, a_reason(id_))).created
    await journal.renew_lease(Instance(id=id_, started_at=NOW, lease_until=NOW + 1000))
    await journal.save_session(transfer.session, NOW)
    assert await journal.find_session(id_, id_) == verified(transfer.session)
    assert await journal.next_due(id_) == NOW
    (claimed,) = await journal.claim(Claim(operator=id_, owner=id_, now=NOW, lease_until=NOW + 9, limit=9))
    change = a_change(
        transfer.key,
        State.ROLLED_BACK,
        found=claimed,
        attempt=an_attempt(),
        reason=a_reason(),
    )
    changed = await journal.change(change)
    assert changed.moved
    assert claimed.revision == 1
    await journal.add_reason(transfer.key, a_reason("again"))
    assert await journal.find(transfer.key) == changed.transfer
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert [reason.text for reason in timeline.reasons] == [id_, "Withdraw request failed.", "again"]
    assert await journal.list_transfers(TransferFilter(operator=id_), limit=9) == [changed.transfer]
    assert len(await journal.list_reasons(ReasonFilter(operator=id_), limit=9)) == 3
    assert len(await journal.count_reasons(ReasonFilter(operator=id_))) == 1
    await journal.count_unfinished(NOW)
    await journal.check_writable()


async def test_everything_works_though_no_two_transactions_share_a_session(
    pooled: CopyableJournal, pool: Pooler
) -> None:
    await asyncio.gather(*(life(pooled, f"operator-{number}") for number in range(20)))
    assert await pooled.release_orphans(NOW + 2000) == 0
    assert await pooled.prune(NOW + 1, 100) == 40
    assert pool.transactions > 100
