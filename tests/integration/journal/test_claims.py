"""Claims: each due transfer goes to one, oldest first, and a fence keeps out who has lost it."""

from __future__ import annotations

import asyncio
from collections import Counter

from gateway.journal.copy import CopyableJournal
from gateway.journal.writes import Change, Claim
from gateway.records import Direction, Recipient, State
from tests.support.journals import ACME, NOW, Journals, a_change, a_transfer, key_of, put

ROWS = 20_000
WORKERS = 8
CLAIM_ROWS = 100


def a_claim(owner: str = "b", now: float = NOW, limit: int = 10, operator: str = ACME) -> Claim:
    return Claim(operator=operator, owner=owner, now=now, lease_until=now + 30, limit=limit)


async def test_a_claim_takes_what_is_due_oldest_first(journal: CopyableJournal) -> None:
    for id_, state, due_at in (
        ("third", State.CONFIRMING, NOW - 1),
        ("first", State.ROLLING_BACK, NOW - 3),
        ("second", State.SENDING, NOW - 2),
        ("now", State.SENDING, NOW),
        ("later", State.SENDING, NOW + 0.001),
        ("never", State.SENDING, None),
        ("held", State.HELD, NOW - 9),
        ("parked", State.PARKED, NOW - 9),
        ("over", State.CONFIRMED, NOW - 9),
        ("undone", State.ROLLED_BACK, NOW - 9),
    ):
        await put(journal, a_transfer(id_, state=state, due_at=due_at))
    await journal.insert(a_transfer("elsewhere", operator="globex", due_at=NOW - 5))
    claimed = await journal.claim(a_claim())
    assert [transfer.id for transfer in claimed] == ["first", "second", "third", "now"]


async def test_what_is_claimed_has_its_owner_its_lease_and_the_next_revision(journal: CopyableJournal) -> None:
    await journal.insert(a_transfer(revision=4, owner="a", due_at=NOW))
    expected = a_transfer(revision=5, owner="b", due_at=NOW + 30)
    assert await journal.claim(a_claim()) == [expected]
    assert await journal.find(expected.key) == expected
    assert await journal.next_due(ACME) == NOW + 30


async def test_a_claim_takes_no_more_than_its_limit(journal: CopyableJournal) -> None:
    for number in range(5):
        await journal.insert(a_transfer(str(number), due_at=NOW - number))
    assert [transfer.id for transfer in await journal.claim(a_claim(limit=2))] == ["4", "3"]
    assert [transfer.id for transfer in await journal.claim(a_claim(limit=9))] == ["2", "1", "0"]
    assert await journal.claim(a_claim()) == []


async def test_a_lease_that_is_over_lets_others_claim(journal: CopyableJournal) -> None:
    await journal.insert(a_transfer(due_at=NOW))
    await journal.claim(a_claim("a"))
    assert await journal.claim(a_claim("b", now=NOW + 29)) == []
    (again,) = await journal.claim(a_claim("b", now=NOW + 30))
    assert again.owner == "b"
    assert again.revision == 2


async def test_who_lost_a_claim_cannot_move_the_transfer(journal: CopyableJournal) -> None:
    await journal.insert(a_transfer(state=State.ROLLING_BACK, due_at=NOW))
    (lost,) = await journal.claim(a_claim("slept"))
    (taken,) = await journal.claim(a_claim("awake", now=NOW + 60))
    late = await journal.change(a_change(lost.key, State.ROLLED_BACK, at=NOW + 61, found=lost))
    assert not late.moved
    assert late.transfer == taken
    done = await journal.change(a_change(taken.key, State.ROLLED_BACK, at=NOW + 62, found=taken))
    assert done.moved


async def test_next_due_is_the_earliest_that_can_be_claimed(journal: CopyableJournal) -> None:
    assert await journal.next_due(ACME) is None
    await put(journal, a_transfer("1", state=State.HELD, due_at=NOW - 50))
    await journal.insert(a_transfer("2", state=State.SENDING))
    assert await journal.next_due(ACME) is None
    await journal.insert(a_transfer("3", state=State.ROLLING_BACK, due_at=NOW + 7))
    await journal.insert(a_transfer("4", state=State.CONFIRMING, due_at=NOW + 5))
    await journal.insert(a_transfer("5", operator="globex", due_at=NOW))
    assert await journal.next_due(ACME) == NOW + 5


async def test_next_due_for_the_game_is_the_earliest_payment(journal: CopyableJournal) -> None:
    await put(journal, a_transfer("1", state=State.CONFIRMING, due_at=NOW))
    assert await journal.next_due(ACME, Recipient.GAME) is None
    await journal.insert(a_transfer("2", direction=Direction.PAYMENT, state=State.CONFIRMING, due_at=NOW - 5))
    assert await journal.next_due(ACME, Recipient.GAME) == NOW - 5
    assert await journal.next_due(ACME) == NOW


async def test_of_two_that_confirm_and_roll_back_at_once_one_wins(journal: CopyableJournal) -> None:
    await put(journal, a_transfer(state=State.HELD))
    changes = [
        Change(key=key_of("1234abcd"), allowed=(State.HELD,), to=to, at=NOW)
        for to in (State.CONFIRMING, State.ROLLING_BACK)
    ]
    first, second = await asyncio.gather(*(journal.change(change) for change in changes))
    assert [first.moved, second.moved] == [True, False]
    assert second.transfer == first.transfer


async def test_of_a_hundred_that_open_one_key_one_creates_it(journal: CopyableJournal) -> None:
    opened = await asyncio.gather(*(journal.insert(a_transfer(description=f"try {number}")) for number in range(100)))
    assert [each.created for each in opened] == [True] + [False] * 99
    assert {each.transfer.description for each in opened} == {"try 0"}


async def test_writes_of_one_turn_are_applied_in_their_order(journal: CopyableJournal) -> None:
    transfer = a_transfer(due_at=NOW)
    opened, taken, again, moved, found = await asyncio.gather(
        journal.insert(transfer),
        journal.claim(a_claim("a")),
        journal.claim(a_claim("b")),
        journal.change(
            Change(
                key=transfer.key,
                allowed=(State.SENDING,),
                to=State.HELD,
                at=NOW,
                found=a_transfer(due_at=NOW, revision=1),
            )
        ),
        journal.insert(transfer),
    )
    assert opened.created
    assert [each.owner for each in taken] == ["a"]
    assert again == []
    assert moved.moved
    assert found.transfer.state is State.HELD


async def test_eight_workers_claim_each_of_twenty_thousand_due_transfers_once(journals: Journals) -> None:
    first = await journals.open()
    states = (State.ROLLING_BACK, State.CONFIRMING, State.SENDING)
    for start in range(0, ROWS, 5000):  # more at once would be refused
        rows = (a_transfer(str(n), state=states[n % 3], due_at=NOW - n) for n in range(start, start + 5000))
        await asyncio.gather(*(first.insert(row) for row in rows))
    others = [await journals.open() for _ in range(WORKERS - 1)]

    async def work(journal: CopyableJournal, owner: str) -> list[str]:
        taken: list[str] = []
        while claimed := await journal.claim(a_claim(owner, limit=CLAIM_ROWS)):
            taken += [transfer.id for transfer in claimed]
        return taken

    claims = await asyncio.gather(*(work(journal, f"w{n}") for n, journal in enumerate([first, *others])))
    counted = Counter(id_ for taken in claims for id_ in taken)
    assert len(counted) == ROWS
    assert set(counted.values()) == {1}
