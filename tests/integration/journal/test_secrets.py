"""Session tokens at rest."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from gateway.journal.interface import JournalMisconfigured
from gateway.records import State
from tests.support.journals import ACME, KEY, NOW, Journals, a_change, a_session, a_transfer, put, verified

TOKEN = "very-secret-token-0001"
MEMORY = "very-secret-memory-0002"
NEW_TOKEN = "very-secret-token-0003"
SPARE_TOKEN = "very-secret-token-0004"
SECRETS = (TOKEN, MEMORY, NEW_TOKEN, SPARE_TOKEN)
OTHER_KEY = base64.b64encode(b"o" * 32).decode()


async def written(journals: Journals, **settings: Any) -> None:
    """A journal with secrets in every place, closed again."""
    journal = await journals.open(**settings)
    session = a_session(TOKEN, memory={"key": MEMORY})
    await journal.save_session(session, NOW)
    transfer = a_transfer(session=session, spare_session=a_session(SPARE_TOKEN))
    await journal.insert(transfer)
    renewed, spare = a_session(NEW_TOKEN), a_session(SPARE_TOKEN, memory={"key": MEMORY})
    await journal.change(a_change(transfer.key, State.HELD, session=renewed, spare_session=spare))
    assert await journal.find_session(ACME, TOKEN) == verified(session)
    found = await journal.find(transfer.key)
    assert found is not None
    assert (found.session, found.spare_session) == (renewed, spare)
    await journals.close()


async def test_with_a_key_no_secret_is_in_the_bytes_of_the_journal(journals: Journals) -> None:
    await written(journals, encryption_key=KEY)
    contents = await journals.shelf.contents()
    assert b"player-1" in contents
    assert [secret for secret in SECRETS if secret.encode() in contents] == []
    assert [secret for secret in SECRETS if secret.encode().hex().encode() in contents] == []


async def test_without_a_key_secrets_are_kept_as_they_are(journals: Journals) -> None:
    await written(journals)
    contents = await journals.shelf.contents()
    assert NEW_TOKEN.encode() in contents or NEW_TOKEN.encode().hex().encode() in contents


async def test_a_journal_without_a_key_may_get_one(journals: Journals) -> None:
    await written(journals)
    journal = await journals.open(encryption_key=KEY, read_unencrypted=True)
    assert await journal.find_session(ACME, TOKEN) == verified(a_session(TOKEN, memory={"key": MEMORY}))
    found = await journal.find(a_transfer().key)
    assert found is not None
    assert found.session.token == NEW_TOKEN


@pytest.mark.parametrize("newest", [False, True], ids=["a later one is encrypted", "the newest one"])
async def test_a_journal_with_a_key_is_not_opened_while_a_transfer_needs_a_session_without(
    journals: Journals, newest: bool
) -> None:
    await written(journals)
    if not newest:
        journal = await journals.open(encryption_key=KEY, read_unencrypted=True)
        await journal.insert(a_transfer(id="later", opened_at=NOW + 1))
        await journals.close()
    with pytest.raises(JournalMisconfigured, match=r"not encrypted.* set read_unencrypted"):
        await journals.open(encryption_key=KEY)


async def test_transfers_of_before_the_key_that_have_ended_keep_no_journal_from_opening(journals: Journals) -> None:
    journal = await journals.open()
    await journal.save_session(a_session(TOKEN), NOW)
    await put(journal, a_transfer(state=State.CONFIRMED, session=a_session(TOKEN)))
    await journals.close()
    journal = await journals.open(encryption_key=KEY, read_unencrypted=True)
    await journal.insert(a_transfer(id="later", opened_at=NOW + 1))
    await journals.close()
    journal = await journals.open(encryption_key=KEY)
    assert await journal.find_session(ACME, TOKEN) is None, "its operator is asked again"


async def test_who_has_no_key_gives_a_journal_with_one_no_session(journals: Journals) -> None:
    await journals.open(encryption_key=KEY)
    await journals.close()
    intruder = await journals.open()
    await intruder.save_session(a_session(TOKEN), NOW)
    await journals.close()
    journal = await journals.open(encryption_key=KEY)
    assert await journal.find_session(ACME, TOKEN) is None


async def test_a_journal_is_not_opened_without_the_key_it_was_written_with(journals: Journals) -> None:
    await written(journals, encryption_key=KEY)
    for settings in ({}, {"encryption_key": OTHER_KEY}):
        with pytest.raises(JournalMisconfigured, match="encryption_key"):
            await journals.open(**settings)


async def test_after_a_change_of_keys_what_the_former_one_sealed_still_opens(journals: Journals) -> None:
    await written(journals, encryption_key=KEY)
    journal = await journals.open(encryption_key=OTHER_KEY, former_encryption_keys=[KEY])
    former = a_session(TOKEN, memory={"key": MEMORY})
    assert await journal.find_session(ACME, TOKEN) == verified(former)
    renewed = a_session(TOKEN, player_id="player-9")
    await journal.save_session(renewed, NOW + 1)
    assert await journal.find_session(ACME, TOKEN) == verified(renewed, NOW + 1)


async def test_a_session_shows_no_secret_of_its_own(journals: Journals) -> None:
    shown = repr(a_transfer(session=a_session(TOKEN, memory={"key": MEMORY})))
    assert "player-1" in shown
    assert [secret for secret in SECRETS if secret in shown] == []
