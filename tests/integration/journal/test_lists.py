"""Lists, timelines and tallies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import PAST_NONE, Journal, Position, ReasonFilter, TransferFilter, position_of
from gateway.journal.rows import of_key
from gateway.reasons import Source
from gateway.records import Decision, Direction, Key, KeyedReason, ReasonTotal, State, UnfinishedCount
from tests.support.journals import ACME, NOW, a_reason, a_session, a_transfer, key_of, put

TRANSFERS = [
    a_transfer("1", opened_at=NOW, state=State.CONFIRMED),
    a_transfer("2", opened_at=NOW + 1, state=State.PARKED, wants=Decision.ROLLBACK, changed_at=NOW + 9),
    a_transfer("3", opened_at=NOW + 2, direction=Direction.DEPOSIT, state=State.HELD),
    a_transfer("4", opened_at=NOW + 3, operator="globex", state=State.ROLLING_BACK, due_at=NOW + 5, owner="a"),
    a_transfer("5", opened_at=NOW + 4, session=a_session(player_id="player-2"), state=State.ROLLED_BACK),
]


@pytest.mark.parametrize(
    "where, ids",
    [
        pytest.param({}, "54321", id="all"),
        pytest.param({"operator": ACME}, "5321", id="operator"),
        pytest.param({"direction": Direction.DEPOSIT}, "3", id="direction"),
        pytest.param({"id": "4"}, "4", id="id"),
        pytest.param({"id": "4", "states": (State.ROLLING_BACK,)}, "4", id="id and state"),
        pytest.param({"player_id": "player-2"}, "5", id="player"),
        pytest.param({"player_id": ""}, "", id="no player"),
        pytest.param(
            {"player_id": "player-1", "operator": ACME, "states": (State.PARKED,)}, "2", id="player and state"
        ),
        pytest.param({"states": (State.PARKED, State.HELD)}, "32", id="unfinished states"),
        pytest.param({"states": (State.PARKED,), "operator": "globex"}, "", id="unfinished states of an operator"),
        pytest.param({"states": (State.CONFIRMED, State.PARKED)}, "21", id="any states"),
        pytest.param({"wants": Decision.ROLLBACK}, "2", id="wants"),
        pytest.param({"since": NOW + 1, "until": NOW + 4}, "432", id="time"),
        pytest.param({"changed_before": NOW + 9}, "5431", id="last change"),
        pytest.param({"due_after": NOW + 4}, "4", id="due"),
        pytest.param({"due_after": NOW + 5}, "", id="due later"),
        pytest.param({"owned": True}, "4", id="claimed"),
        pytest.param({"owned": False, "states": (State.PARKED, State.ROLLING_BACK)}, "2", id="claimed by nobody"),
        pytest.param(
            {"operator": ACME, "since": NOW + 1, "states": (State.PARKED, State.CONFIRMED)}, "2", id="several"
        ),
    ],
)
async def test_transfers_are_listed_newest_first_and_narrowed(
    journal: CopyableJournal, where: dict[str, Any], ids: str
) -> None:
    for transfer in TRANSFERS:
        await put(journal, transfer)
    listed = await journal.list_transfers(TransferFilter(**where), limit=10)
    assert "".join(transfer.id for transfer in listed) == ids
    assert all(transfer in TRANSFERS for transfer in listed)
    assert await journal.count_transfers(TransferFilter(**where)) == len(ids)


async def pages_of(journal: Journal, limit: int, **where: Any) -> AsyncIterator[str]:
    """The ids of page after page; a caller may write to the journal between two of them."""
    after: Position | None = None
    while page := await journal.list_transfers(TransferFilter(**where), limit=limit, after=after):
        yield "".join(transfer.id for transfer in page)
        after = position_of(page[-1])


@pytest.mark.parametrize(
    "where, pages",
    [
        pytest.param({}, ["54", "32", "1"], id="all"),
        pytest.param({"player_id": "player-1"}, ["43", "21"], id="player"),
        pytest.param({"states": (State.PARKED, State.HELD, State.ROLLING_BACK)}, ["43", "2"], id="unfinished"),
        pytest.param({"operator": ACME, "since": NOW + 1}, ["53", "2"], id="operator and time"),
    ],
)
async def test_transfers_are_listed_page_by_page(
    journal: CopyableJournal, where: dict[str, Any], pages: list[str]
) -> None:
    for transfer in TRANSFERS:
        await put(journal, transfer)
    assert [page async for page in pages_of(journal, 2, **where)] == pages


async def test_no_page_repeats_or_leaves_out_what_was_there_while_transfers_come_and_go(
    journal: CopyableJournal,
) -> None:
    for transfer in TRANSFERS:
        await put(journal, transfer)
    seen = []
    async for page in pages_of(journal, 2):
        seen.append(page)
        await put(journal, a_transfer(f"new-{len(seen)}", opened_at=NOW + 10 + len(seen)))
        await journal.prune(NOW + 9, 1)  # the oldest that has ended: 1
    assert seen == ["54", "32"]


async def test_transfers_opened_at_the_same_time_are_listed_by_key_whichever_was_written_first(
    journal: CopyableJournal,
) -> None:
    ids = ["b", "c", "a", "\ud800", "é", "\uffff", "z\x00"]
    for id_ in ids:
        await journal.insert(a_transfer(id_))
        await journal.insert(a_transfer(id_, direction=Direction.DEPOSIT))
    keys: list[Key] = []
    after: Position | None = None
    while page := await journal.list_transfers(TransferFilter(), limit=3, after=after):
        keys += [transfer.key for transfer in page]
        after = position_of(page[-1])
    assert keys == sorted(keys, key=of_key, reverse=True)
    assert len(set(keys)) == len(keys) == 2 * len(ids)


async def test_a_position_may_leave_in_the_transfer_with_its_key(journal: CopyableJournal) -> None:
    for transfer in TRANSFERS:
        await put(journal, transfer)
    after = Position(at=NOW + 3, key=TRANSFERS[3].key, number=PAST_NONE)
    assert [one.id for one in await journal.list_transfers(TransferFilter(), limit=2, after=after)] == ["4", "3"]


REASONS = [
    ("1", a_reason("Withdraw request failed.", at=NOW)),
    ("1", a_reason("Überfällig: STRASSE", at=NOW + 1, category="other")),
    ("2", a_reason("withdraw timed out", at=NOW + 2, source=Source.GATEWAY, category="timeout")),
    ("3", a_reason("100%_sure", at=NOW + 3, source=Source.PERSON, category="other", who="ann")),
]


async def reason_pages(journal: Journal, limit: int, **where: Any) -> AsyncIterator[list[KeyedReason]]:
    after: Position | None = None
    while page := await journal.list_reasons(ReasonFilter(**where), limit=limit, after=after):
        yield page
        last = page[-1]
        after = Position(at=last.reason.at, key=last.key, number=last.number)


@pytest.fixture
async def reasoned(journal: CopyableJournal) -> Journal:
    for transfer in TRANSFERS[:3]:
        await put(journal, transfer)
    await journal.insert(a_transfer("1", operator="globex"), a_reason(at=NOW - 1))
    for id_, reason in REASONS:
        await journal.add_reason(key_of(id_, direction=Direction.DEPOSIT if id_ == "3" else Direction.WITHDRAW), reason)
    return journal


@pytest.mark.parametrize(
    "where, times",
    [
        pytest.param({}, [3, 2, 1, 0, -1], id="all"),
        pytest.param({"operator": "globex"}, [-1], id="operator"),
        pytest.param({"source": Source.GATEWAY}, [2], id="source"),
        pytest.param({"category": "other"}, [3, 1], id="category"),
        pytest.param({"text": "WITHDRAW"}, [2, 0, -1], id="text, whatever its case"),
        pytest.param({"text": "überFÄLLIG"}, [1], id="text with umlauts"),
        pytest.param({"text": "%"}, [3], id="text that a pattern would read otherwise"),
        pytest.param({"text": "h_i"}, [], id="text that a pattern would find"),
        pytest.param({"since": NOW, "until": NOW + 2}, [1, 0], id="time"),
        pytest.param({"player_id": "player-1"}, [3, 2, 1, 0, -1], id="player"),
        pytest.param({"player_id": "player-1", "source": Source.GATEWAY}, [2], id="player and source"),
        pytest.param({"player_id": "player-2"}, [], id="player without any"),
        pytest.param({"text": "withdraw", "operator": ACME, "since": NOW + 1}, [2], id="several"),
    ],
)
async def test_reasons_are_listed_newest_first_and_narrowed(
    reasoned: Journal, where: dict[str, Any], times: list[int]
) -> None:
    listed = await reasoned.list_reasons(ReasonFilter(**where), limit=10)
    assert [each.reason.at - NOW for each in listed] == times
    assert await reasoned.count_listed_reasons(ReasonFilter(**where)) == len(times)
    assert sum(total.count for total in await reasoned.count_reasons(ReasonFilter(**where))) == len(times)


async def test_a_listed_reason_is_whole_and_names_its_transfer(reasoned: Journal) -> None:
    (listed,) = await reasoned.list_reasons(ReasonFilter(source=Source.PERSON), limit=10)
    key = key_of("3", direction=Direction.DEPOSIT)
    assert listed == KeyedReason(key=key, reason=REASONS[3][1], number=listed.number)


async def test_reasons_are_listed_page_by_page(reasoned: Journal) -> None:
    pages = [page async for page in reason_pages(reasoned, 3)]
    assert [[each.reason.at - NOW for each in page] for page in pages] == [[3, 2, 1], [0, -1]]
    pages = [page async for page in reason_pages(reasoned, 3, player_id="player-1", operator=ACME)]
    assert [[each.reason.at - NOW for each in page] for page in pages] == [[3, 2, 1], [0]]


async def test_reasons_of_the_same_time_are_each_on_one_page(reasoned: Journal) -> None:
    for text in ("first", "second", "third"):
        await reasoned.add_reason(key_of("1"), a_reason(text, at=NOW))
        await reasoned.add_reason(key_of("2"), a_reason(text, at=NOW))
    found = [each async for page in reason_pages(reasoned, 2, until=NOW + 1, since=NOW) for each in page]
    of_first = [each.reason.text for each in found if each.key == key_of("1")]
    assert of_first == ["third", "second", "first", "Withdraw request failed."]
    assert [each.key.id for each in found] == ["2"] * 3 + ["1"] * 4


async def test_reasons_are_summed_by_operator_source_and_category(reasoned: Journal) -> None:
    assert await reasoned.count_reasons(ReasonFilter()) == [
        ReasonTotal(operator=ACME, source=Source.GAME, category="other", count=1),
        ReasonTotal(operator=ACME, source=Source.GAME, category="withdraw_failed", count=1),
        ReasonTotal(operator=ACME, source=Source.GATEWAY, category="timeout", count=1),
        ReasonTotal(operator=ACME, source=Source.PERSON, category="other", count=1),
        ReasonTotal(operator="globex", source=Source.GAME, category="withdraw_failed", count=1),
    ]
    assert await reasoned.count_reasons(ReasonFilter(text="no such text")) == []


async def test_unfinished_transfers_are_tallied_finished_ones_are_not(journal: CopyableJournal) -> None:
    for transfer in TRANSFERS:
        await put(journal, transfer)
    await put(journal, a_transfer("6", opened_at=NOW + 9, state=State.PARKED))
    tallies = await journal.count_unfinished(abandoned_before=NOW + 2)

    def tally(
        operator: str, direction: Direction, state: State, count: int, oldest: int, abandoned: int
    ) -> UnfinishedCount:
        return UnfinishedCount(
            operator=operator,
            direction=direction,
            state=state,
            count=count,
            oldest_at=NOW + oldest,
            abandoned=abandoned,
        )

    assert sorted(tallies, key=str) == [
        tally(ACME, Direction.DEPOSIT, State.HELD, 1, 2, 0),
        tally(ACME, Direction.WITHDRAW, State.PARKED, 2, 1, 1),
        tally("globex", Direction.WITHDRAW, State.ROLLING_BACK, 1, 3, 0),
    ]


async def test_an_empty_journal_tallies_nothing(journal: CopyableJournal) -> None:
    assert await journal.count_unfinished(NOW) == []
