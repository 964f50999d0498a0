"""A transfer of nobody known gets its player once the journal knows whose its session is."""

from __future__ import annotations

import base64
import math
from typing import Any

import pytest

from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import Journal, JournalUnavailable, TransferFilter
from gateway.records import Direction, Session, State
from gateway.transfers.unknown_players import LOOK_BACK_S, LOOKED_AT, PASS_EVERY_S, UnknownPlayers
from tests.support.clocks import SetClock
from tests.support.journals import KEY, NOW, Journals, a_change, a_session, a_transfer, key_of, put

NOBODYS = a_session("a-token", player_id="")
KNOWN = a_session("a-token", player_id="player-7")


class Watched:
    """A journal that counts the questions for sessions."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.looked_up = 0

    async def find_session(self, operator: str, token: str) -> Session | None:
        self.looked_up += 1
        return await self._journal.find_session(operator, token)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)


@pytest.fixture
def clock() -> SetClock:
    clock = SetClock()
    clock.wall = NOW + 1
    return clock


async def name_all(journal: Journal, clock: SetClock) -> None:
    """One pass."""
    await UnknownPlayers(journal, clock).name_some(math.inf)


async def players(journal: Journal) -> dict[str, str]:
    listed = await journal.list_transfers(TransferFilter(), limit=1000)
    return {transfer.id: transfer.session.player_id for transfer in listed}


async def test_a_player_that_becomes_known_later_is_filled_in(journal: CopyableJournal, clock: SetClock) -> None:
    ended = a_transfer("ended", session=NOBODYS, state=State.CONFIRMED, adopted=True, fingerprint="", amount=None)
    await put(journal, ended)
    await journal.insert(a_transfer("held", session=NOBODYS, opened_at=NOW - 1, direction=Direction.DEPOSIT))
    await name_all(journal, clock)
    assert await players(journal) == {"ended": "", "held": ""}
    await journal.save_session(KNOWN, NOW)
    await name_all(journal, clock)
    assert await players(journal) == {"ended": "player-7", "held": "player-7"}
    of_player = TransferFilter(player_id="player-7")
    assert [one.id for one in await journal.list_transfers(of_player, limit=9)] == ["ended", "held"]
    # All else is as it was: whoever is at work on it goes on.
    assert (await journal.list_transfers(of_player, limit=1))[0].revision == ended.revision


async def test_nobody_gets_the_player_of_another_session_or_operator(journal: CopyableJournal, clock: SetClock) -> None:
    await journal.insert(a_transfer("other-token", session=a_session("another-token", player_id="")))
    elsewhere = a_session("a-token", operator="globex", player_id="")
    await journal.insert(a_transfer("other-operator", operator="globex", session=elsewhere))
    await journal.insert(a_transfer("no-token", session=a_session("", player_id="")))
    await journal.save_session(KNOWN, NOW)
    await name_all(journal, clock)
    assert set((await players(journal)).values()) == {""}


async def test_a_player_that_is_known_stays(journal: CopyableJournal, clock: SetClock) -> None:
    await journal.insert(a_transfer("first", session=a_session("a-token", player_id="player-1")))
    await journal.save_session(KNOWN, NOW)
    await name_all(journal, clock)
    await journal.name_player(key_of("first"), "player-8")
    await journal.name_player(key_of("no-such-transfer"), "player-8")
    assert await players(journal) == {"first": "player-1"}


async def test_a_session_that_is_known_but_its_player_is_not_names_nobody(
    journal: CopyableJournal, clock: SetClock
) -> None:
    await journal.insert(a_transfer("first", session=NOBODYS))
    await journal.save_session(NOBODYS, NOW)
    await name_all(journal, clock)
    assert await players(journal) == {"first": ""}


async def test_who_works_on_a_transfer_meanwhile_goes_on_and_its_player_stays(
    journal: CopyableJournal, clock: SetClock
) -> None:
    transfer = a_transfer("first", session=NOBODYS)
    await journal.insert(transfer)
    await journal.save_session(KNOWN, NOW)
    await name_all(journal, clock)
    # What it has read knows nobody, and so does the session that it writes.
    change = a_change(transfer.key, State.ROLLING_BACK, due_at=NOW, found=transfer, session=NOBODYS)
    assert (await journal.change(change)).moved
    assert await players(journal) == {"first": "player-7"}


async def test_a_session_from_before_another_encryption_key_is_found(journals: Journals, clock: SetClock) -> None:
    journal = await journals.open(encryption_key=KEY)
    await journal.insert(a_transfer("first", session=NOBODYS))
    await journal.save_session(KNOWN, NOW)
    await journals.close()
    newer = base64.b64encode(b"n" * 32).decode()
    journal = await journals.open(encryption_key=newer, former_encryption_keys=[KEY])
    await name_all(journal, clock)
    assert await players(journal) == {"first": "player-7"}


async def test_a_round_looks_at_some_and_goes_on_where_the_last_one_ended(
    journal: CopyableJournal, clock: SetClock
) -> None:
    for number in range(LOOKED_AT + 2):
        session = a_session(f"token-{number}", player_id="")
        await journal.insert(a_transfer(f"{number:04}", session=session, opened_at=NOW - number))
    watched = Watched(journal)
    unknown_players = UnknownPlayers(watched, clock)
    looked_up = []
    for pause_s in (0.0, 0.0, PASS_EVERY_S - 1, 1.0, 0.0):
        clock.pass_by(pause_s)
        await unknown_players.name_some(math.inf)
        looked_up.append(watched.looked_up)
    assert looked_up == [100, 102, 102, 202, 204]


async def test_a_transfer_that_stayed_nobodys_for_long_is_let_be(journal: CopyableJournal, clock: SetClock) -> None:
    await journal.insert(a_transfer("old", session=NOBODYS, opened_at=clock.now() - LOOK_BACK_S - 1))
    await journal.insert(a_transfer("new", session=NOBODYS, opened_at=clock.now() - LOOK_BACK_S + 1))
    await journal.save_session(KNOWN, NOW)
    await name_all(journal, clock)
    assert await players(journal) == {"new": "player-7", "old": ""}


async def test_what_the_journal_broke_off_is_done_again_in_the_next_round(
    journal: CopyableJournal, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await journal.insert(a_transfer("first", session=NOBODYS))
    await journal.save_session(KNOWN, NOW)
    unknown_players = UnknownPlayers(Watched(journal), clock)

    async def fail(self: Watched, operator: str, token: str) -> Session | None:
        raise JournalUnavailable("away")

    with monkeypatch.context() as away:
        away.setattr(Watched, "find_session", fail)
        with pytest.raises(JournalUnavailable):
            await unknown_players.name_some(math.inf)
    await unknown_players.name_some(math.inf)
    assert await players(journal) == {"first": "player-7"}


async def test_many_of_one_session_are_asked_for_once(journal: CopyableJournal, clock: SetClock) -> None:
    for number in range(5):
        await journal.insert(a_transfer(str(number), session=NOBODYS))
    await journal.save_session(KNOWN, NOW)
    watched = Watched(journal)
    await UnknownPlayers(watched, clock).name_some(math.inf)
    assert watched.looked_up == 1
    assert set((await players(journal)).values()) == {"player-7"}


async def test_what_a_round_has_no_time_for_is_done_in_the_next_one(journal: CopyableJournal, clock: SetClock) -> None:
    await journal.insert(a_transfer("first", session=NOBODYS))
    await journal.save_session(KNOWN, NOW)
    unknown_players = UnknownPlayers(journal, clock)
    await unknown_players.name_some(clock.monotonic())
    assert await players(journal) == {"first": ""}
    await unknown_players.name_some(math.inf)
    assert await players(journal) == {"first": "player-7"}
