"""What `retry --all-…` does with more transfers than one page holds, while gateways go on beside it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import retry
from gateway.cli.all_journals import AllJournals, Kept
from gateway.cli.retry import Slots
from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import TransferFilter
from gateway.journal.writes import Change, Changed
from gateway.operators.outcome import Outcome
from gateway.reasons import Source
from gateway.records import Decision, Direction, Reason, State, Transfer, Verdict
from gateway.settings import DeliverySettings
from gateway.transfers import rules
from tests.support.journals import ACME, NOW, SHELVES, Journals, a_transfer, an_attempt, key_of, put

RATE = 4
MANY = 10
LATER = NOW + 3600
REASON = Reason(text="outage over", source=Source.PERSON, category="other", at=NOW + 60, who="ann")
OF = TransferFilter(operator=ACME, changed_before=REASON.at)


@pytest.fixture(params=sorted(SHELVES))
async def journal(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CopyableJournal]:
    monkeypatch.setattr(retry, "BATCH", 3)
    shelf = SHELVES[request.param](tmp_path)
    await shelf.prepare()
    try:
        async with AsyncExitStack() as stack:
            yield await Journals(shelf, stack).open()
    finally:
        await shelf.discard()


def undelivered(id: str, **changes: Any) -> Transfer:
    """All opened at the same moment, as after an outage of the game's own."""
    return a_transfer(id, **{"state": State.ROLLING_BACK, "due_at": LATER, "tries": 12, "decided_at": NOW, **changes})


async def keep(journal: CopyableJournal, *transfers: Transfer) -> None:
    await asyncio.gather(*(put(journal, transfer) for transfer in transfers))


async def hastened(journal: CopyableJournal, of: TransferFilter = OF) -> int:
    return await retry._hasten_undelivered(AllJournals({"default": journal}), of, REASON, Slots(REASON.at, RATE))


async def listed(journal: CopyableJournal) -> list[Transfer]:
    return await journal.list_transfers(TransferFilter(), limit=99)


async def test_all_that_are_due_later_are_sent_at_the_rate_and_keep_their_schedule(journal: CopyableJournal) -> None:
    await keep(journal, *(undelivered(str(number)) for number in range(MANY)))
    assert await hastened(journal) == MANY
    found = await listed(journal)
    assert sorted(each.due_at or 0 for each in found) == [REASON.at + number / RATE for number in range(MANY)]
    assert {(each.state, each.tries, each.decided_at, each.owner) for each in found} == {
        (State.ROLLING_BACK, 12, NOW, None)
    }
    for each in found:
        timeline = await journal.timeline(each.key)
        assert timeline is not None
        assert timeline.reasons == [REASON]


async def test_what_is_in_flight_due_anyway_final_or_another_operators_is_left_alone(journal: CopyableJournal) -> None:
    others = [
        undelivered("in flight", owner="a", due_at=REASON.at + 20),
        undelivered("due", due_at=REASON.at - 1),
        undelivered("theirs", operator="globex"),
        undelivered("parked", state=State.PARKED, wants=Decision.ROLLBACK, due_at=None),
        undelivered("held", state=State.HELD, due_at=None),
        undelivered("ended", state=State.CONFIRMED, due_at=None),
    ]
    await keep(journal, *others, *(undelivered(str(number)) for number in range(MANY)))
    soon = undelivered("soon", due_at=REASON.at + 0.1, opened_at=NOW - 1)  # its turn would come later
    await keep(journal, soon)
    assert await hastened(journal) == MANY
    for transfer in (*others, soon):
        assert await journal.find(transfer.key) == transfer


async def test_a_direction_narrows(journal: CopyableJournal) -> None:
    await keep(journal, undelivered("1"), undelivered("1", direction=Direction.DEPOSIT))
    assert await hastened(journal, TransferFilter(direction=Direction.DEPOSIT, changed_before=REASON.at)) == 1
    assert await journal.find(key_of("1")) == undelivered("1")


class BesideAGateway(AllJournals):
    """Each transfer is tried as soon as it is due, and the operator refuses: due in an hour again."""

    def __init__(self, journal: CopyableJournal) -> None:
        super().__init__({"default": journal})
        self._journal = journal

    async def change(self, journal: str, change: Change) -> Changed:
        changed = await super().change(journal, change)
        assert changed.transfer is not None
        attempt = an_attempt(at=REASON.at + 1, verdict=Verdict.DECLINED)
        plan = DeliverySettings(jitter=0)
        refused = Outcome(verdict=Verdict.DECLINED, at=attempt.at, took_s=attempt.took_s)
        await self._journal.change(rules.after_try(changed.transfer, attempt, refused, plan, attempt.at, 0.5))
        return changed


async def test_each_is_sent_once_though_the_operator_refuses_faster_than_the_pages_turn(
    journal: CopyableJournal,
) -> None:
    await keep(journal, *(undelivered(str(number)) for number in range(MANY)))
    count = await retry._hasten_undelivered(BesideAGateway(journal), OF, REASON, Slots(REASON.at, RATE))
    assert count == MANY
    assert {each.tries for each in await listed(journal)} == {13}


class OvertakenByAGateway(AllJournals):
    """Between the look and the write the game asks for the first of each page, and a gateway takes it up."""

    def __init__(self, journal: CopyableJournal) -> None:
        super().__init__({"default": journal})
        self._journal = journal
        self.taken_up: list[Transfer] = []

    async def list_transfers(self, where: TransferFilter, limit: int) -> list[Kept[Transfer]]:
        found = await super().list_transfers(where, limit)
        for _, transfer in found[:1]:
            lease = rules.Lease("a", REASON.at + 20)
            changed = await self._journal.change(rules.take_up(transfer, lease, REASON.at))
            assert changed.transfer is not None
            self.taken_up.append(changed.transfer)
        return found


async def test_what_a_gateway_takes_up_meanwhile_is_left_to_it(journal: CopyableJournal) -> None:
    await keep(journal, *(undelivered(str(number)) for number in range(MANY)))
    beside = OvertakenByAGateway(journal)
    count = await retry._hasten_undelivered(beside, OF, REASON, Slots(REASON.at, RATE))
    assert beside.taken_up
    assert count == MANY - len(beside.taken_up)
    for transfer in beside.taken_up:
        timeline = await journal.timeline(transfer.key)
        assert timeline is not None
        assert (timeline.transfer, timeline.reasons) == (transfer, [])


async def test_all_that_are_parked_start_again_at_the_rate(journal: CopyableJournal) -> None:
    parked = {"state": State.PARKED, "wants": Decision.CONFIRM, "due_at": None}
    await keep(journal, *(undelivered(str(number), **parked) for number in range(MANY)))
    slots = Slots(REASON.at, RATE)
    assert await retry._retry_parked(AllJournals({"default": journal}), OF, REASON, slots) == MANY
    found = await listed(journal)
    assert sorted(each.due_at or 0 for each in found) == [REASON.at + number / RATE for number in range(MANY)]
    assert {(each.state, each.tries) for each in found} == {(State.CONFIRMING, 0)}
    assert all(each.decided_at == each.due_at for each in found)
