"""A transfer's memory in its row: plain JSON, nothing where it is empty, and no obstacle where it is damaged."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from gateway.journal.writes import Claim
from gateway.records import State
from tests.support.journals import ACME, KEY, NOW, Journals, a_change, a_transfer, key_of

MEMORY = {"transaction": "t-1"}


async def test_people_can_read_it_whatever_key_the_journal_has(journals: Journals) -> None:
    journal = await journals.open(encryption_key=KEY)
    await journal.insert(a_transfer(memory=MEMORY))
    assert await journals.shelf.query("SELECT memory FROM transfers") == [('{"transaction":"t-1"}',)]


async def test_an_empty_one_is_null(journals: Journals) -> None:
    journal = await journals.open()
    for id_, memory in (("never", {}), ("no more", MEMORY)):
        await journal.insert(a_transfer(id_, memory=memory))
        await journal.change(a_change(key_of(id_), State.HELD, memory={}))
    assert await journals.shelf.query("SELECT memory FROM transfers") == [(None,), (None,)]


async def test_a_damaged_one_keeps_no_transfer_from_being_delivered(journals: Journals) -> None:
    journal = await journals.open()
    for id_ in ("damaged", "whole"):
        await journal.insert(a_transfer(id_, state=State.SENDING, due_at=NOW, memory=MEMORY))
    await journals.shelf.query("UPDATE transfers SET memory = '{' WHERE id = 'damaged'")
    with capture_logs() as logs:
        claimed = await journal.claim(Claim(operator=ACME, owner="me", now=NOW, lease_until=NOW + 30, limit=9))
    assert {transfer.id: transfer.memory for transfer in claimed} == {"damaged": {}, "whole": MEMORY}
    assert [log["id"] for log in logs] == ["damaged"]
    for transfer in claimed:
        assert (await journal.change(a_change(transfer.key, State.ROLLING_BACK, found=transfer))).moved
    kept = await journals.shelf.query("SELECT memory FROM transfers ORDER BY id")
    assert kept == [("{",), ('{"transaction":"t-1"}',)]


@pytest.mark.parametrize("known", [True, False], ids=["the row was found", "the row is read"])
async def test_a_new_one_takes_the_place_of_a_damaged_one(journals: Journals, known: bool) -> None:
    journal = await journals.open()
    transfer = a_transfer(memory=MEMORY)
    await journal.insert(transfer)
    await journals.shelf.query("UPDATE transfers SET memory = '{'")
    found = transfer if known else None
    await journal.change(a_change(transfer.key, State.HELD, found=found, memory={"transaction": "t-2"}))
    moved = await journal.find(transfer.key)
    assert moved is not None
    assert moved.memory == {"transaction": "t-2"}
