"""What each write does, on every store."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from typing import Any

import pytest

from gateway.journal.copy import CopyableJournal
from gateway.journal.interface import ReasonFilter
from gateway.journal.writes import Change, Claim
from gateway.money import Money, money
from gateway.reasons import LEFT_OUT, OTHER, Source
from gateway.records import Decision, Direction, Fate, Instance, Reason, Session, State, Timeline, Verdict
from tests.support.journals import (
    ACME,
    NOW,
    a_change,
    a_reason,
    a_session,
    a_transfer,
    an_attempt,
    key_of,
    put,
    verified,
)


async def test_an_opened_transfer_is_found_as_it_was_written(journal: CopyableJournal) -> None:
    transfer = a_transfer(
        operator="globex",
        direction=Direction.DEPOSIT,
        state=State.ROLLING_BACK,
        amount=None,
        session=a_session(operator="globex", memory={"country": "SE", "key": "geheim"}),
        adopted=True,
        fate=Fate.TAKEN,
        wants=Decision.ROLLBACK,
        tries=3,
        missing_at=NOW + 0.125,
        revision=7,
        owner="instance-1",
        due_at=NOW + 20.5,
        decided_at=NOW + 1,
        hold_balance=money("0.1", "XAG"),
        end_balance=Money(Decimal("-12.5"), "EUR"),
        rollback_reason="no stock\x00",
        spare_session=a_session("spare", operator="globex", memory={"key": "geheim"}),
        memory={"transaction": "t-1\x00"},
    )
    opened = await journal.insert(transfer)
    assert opened.created
    assert opened.transfer == transfer
    assert await journal.find(transfer.key) == transfer


async def test_a_transfer_that_was_never_opened_is_not_found(journal: CopyableJournal) -> None:
    assert await journal.find(key_of("1")) is None
    assert await journal.timeline(key_of("1")) is None


async def test_a_taken_key_answers_the_row_that_is_there(journal: CopyableJournal) -> None:
    first, second = a_transfer(), a_transfer(amount=money("1", "XAG"), description="Another")
    await journal.insert(first)
    opened = await journal.insert(second, a_reason())
    assert not opened.created
    assert opened.transfer == first
    timeline = await journal.timeline(first.key)
    assert timeline is not None
    assert timeline.reasons == []


async def test_the_same_id_in_another_direction_or_at_another_operator_is_another_transfer(
    journal: CopyableJournal,
) -> None:
    for transfer in (a_transfer(), a_transfer(direction=Direction.DEPOSIT), a_transfer(operator="globex")):
        assert (await journal.insert(transfer)).created


async def test_an_adopted_transfer_keeps_its_reason(journal: CopyableJournal) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK, adopted=True)
    await journal.insert(transfer, a_reason())
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert timeline.reasons == [a_reason()]


async def test_a_change_moves_an_allowed_state_and_answers_the_row(journal: CopyableJournal) -> None:
    await journal.insert(a_transfer(owner="a", due_at=NOW, tries=4, wants=Decision.CONFIRM))
    changed = await journal.change(
        Change(
            key=key_of("1234abcd"),
            allowed=(State.SENDING, State.HELD),
            to=State.HELD,
            at=NOW + 1,
            fate=Fate.TAKEN,
            hold_balance=money("51800", "XAG"),
            attempt=an_attempt(),
        )
    )
    expected = a_transfer(
        state=State.HELD, changed_at=NOW + 1, fate=Fate.TAKEN, hold_balance=money("51800", "XAG"), revision=1
    )
    assert changed.moved
    assert changed.transfer == expected
    assert await journal.find(expected.key) == expected


async def test_a_change_keeps_what_it_does_not_name(journal: CopyableJournal) -> None:
    transfer = a_transfer(
        state=State.ROLLING_BACK,
        decided_at=NOW,
        fate=Fate.TAKEN,
        missing_at=NOW + 2,
        hold_balance=money("3", "XAG"),
        end_balance=money("4", "XAG"),
    )
    await journal.insert(transfer)
    changed = await journal.change(a_change(transfer.key, State.ROLLED_BACK, at=NOW + 9))
    expected = a_transfer(
        state=State.ROLLED_BACK,
        decided_at=NOW,
        fate=Fate.TAKEN,
        missing_at=NOW + 2,
        hold_balance=money("3", "XAG"),
        end_balance=money("4", "XAG"),
        changed_at=NOW + 9,
        revision=1,
    )
    assert changed.transfer == expected


async def test_a_change_sets_all_that_it_names(journal: CopyableJournal) -> None:
    await journal.insert(a_transfer(state=State.CONFIRMING))
    session = a_session("another", player_id="player-2", memory={"a": "b"})
    changed = await journal.change(
        Change(
            key=key_of("1234abcd"),
            allowed=(State.CONFIRMING,),
            to=State.PARKED,
            at=NOW + 5,
            found=a_transfer(state=State.CONFIRMING),
            amount=money("230.00", "XAG"),
            due_at=NOW + 6,
            owner="b",
            tries=12,
            wants=Decision.CONFIRM,
            decided_at=NOW + 1,
            fate=Fate.REFUSED,
            missing_at=NOW + 2,
            hold_balance=money("7", "XAG"),
            end_balance=money("8", "EUR"),
            session=session,
        )
    )
    assert changed.moved
    assert changed.transfer == a_transfer(
        state=State.PARKED,
        session=session,
        revision=1,
        due_at=NOW + 6,
        owner="b",
        tries=12,
        wants=Decision.CONFIRM,
        decided_at=NOW + 1,
        fate=Fate.REFUSED,
        missing_at=NOW + 2,
        hold_balance=money("7", "XAG"),
        end_balance=money("8", "EUR"),
        changed_at=NOW + 5,
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(
            Change(key=key_of("1"), allowed=(State.ROLLING_BACK,), to=State.PARKED, at=NOW), id="another state"
        ),
        pytest.param(Change(key=key_of("1"), allowed=(), to=State.PARKED, at=NOW), id="no state allowed"),
        pytest.param(
            a_change(
                key_of("1"),
                State.PARKED,
                found=a_transfer("1", state=State.CONFIRMING, revision=4),
            ),
            id="another revision",
        ),
        pytest.param(
            a_change(key_of("1"), State.PARKED, amount=money("231", "XAG")),
            id="another amount",
        ),
        pytest.param(
            a_change(key_of("1"), State.PARKED, amount=money("230", "EUR")),
            id="another currency",
        ),
    ],
)
async def test_a_change_moves_nothing_but_what_it_compares_with(journal: CopyableJournal, change: Change) -> None:
    transfer = a_transfer("1", state=State.CONFIRMING, revision=3)
    await journal.insert(transfer)
    changed = await journal.change(change)
    assert not changed.moved
    assert changed.transfer == transfer
    assert await journal.find(transfer.key) == transfer


async def test_an_amount_is_compared_only_with_one_that_is_known(journal: CopyableJournal) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK, amount=None, adopted=True)
    await journal.insert(transfer)
    changed = await journal.change(a_change(transfer.key, State.PARKED, amount=money("1", "XAG")))
    assert not changed.moved


async def test_the_first_reason_to_roll_back_stays_with_the_transfer(journal: CopyableJournal) -> None:
    transfer = a_transfer(state=State.HELD)
    await put(journal, transfer)
    changes = [(State.HELD, "not yet"), (State.ROLLING_BACK, "no stock"), (State.ROLLING_BACK, "asked again")]
    kept = []
    for state, text in changes:
        changed = await journal.change(a_change(transfer.key, state, due_at=NOW, reason=a_reason(text)))
        assert changed.transfer is not None
        kept.append(changed.transfer.rollback_reason)
    assert kept == [None, "no stock", "no stock"]
    (claimed,) = await journal.claim(Claim(operator=ACME, owner="a", now=NOW, lease_until=NOW + 1, limit=9))
    assert claimed.rollback_reason == "no stock"


async def test_a_try_is_kept_even_if_the_transfer_did_not_move_its_reason_only_if_it_did(
    journal: CopyableJournal,
) -> None:
    transfer = a_transfer(state=State.ROLLED_BACK)
    await journal.insert(transfer)
    late = an_attempt(verdict=Verdict.DECLINED, kind="funds", detail="insufficient", instance="a")
    await journal.change(
        Change(key=transfer.key, allowed=(State.SENDING,), to=State.HELD, at=NOW, attempt=late, reason=a_reason())
    )
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert timeline.attempts == [late]
    assert timeline.reasons == []


async def test_a_change_of_a_transfer_that_is_not_there_answers_so(journal: CopyableJournal) -> None:
    changed = await journal.change(a_change(key_of("1"), State.HELD, attempt=an_attempt(), reason=a_reason()))
    assert changed.transfer is None
    assert not changed.moved


async def test_tries_and_reasons_come_in_the_order_in_which_they_were_written(journal: CopyableJournal) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK)
    await journal.insert(transfer)
    for second in range(3):
        await journal.change(
            a_change(
                transfer.key,
                State.ROLLING_BACK,
                attempt=an_attempt(took_s=float(second)),
                reason=a_reason(f"reason {second}"),
            )
        )
    await journal.add_reason(transfer.key, a_reason("one more", source=Source.PERSON, who="ann"))
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert [attempt.took_s for attempt in timeline.attempts] == [0, 1, 2]
    assert [reason.text for reason in timeline.reasons] == ["reason 0", "reason 1", "reason 2", "one more"]
    assert timeline.reasons[-1] == Reason(
        text="one more", source=Source.PERSON, category="withdraw_failed", at=NOW, who="ann"
    )


async def test_a_reason_that_is_noted_again_is_counted(journal: CopyableJournal) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK)
    await journal.insert(transfer, a_reason())
    for second in range(1, 4):
        await journal.add_reason(transfer.key, a_reason(at=NOW + second))
    await journal.add_reason(transfer.key, a_reason("Another", at=NOW + 4))
    await journal.add_reason(transfer.key, a_reason(at=NOW + 5))
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert timeline.reasons == [a_reason(times=5, last_at=NOW + 5), a_reason("Another", at=NOW + 4)]
    assert [each.reason for each in await journal.list_reasons(ReasonFilter(), limit=9)] == timeline.reasons[::-1]
    (total,) = await journal.count_reasons(ReasonFilter())
    assert total.count == 6


async def test_of_ever_new_reasons_the_first_and_the_last_are_kept_and_the_others_counted(
    journal: CopyableJournal,
) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK)
    await journal.insert(transfer, a_reason("0"))
    by_hand = a_reason("by hand", source=Source.PERSON, who="ann")
    for number in range(1, 30):
        await journal.add_reason(transfer.key, a_reason(str(number), at=NOW + number))
        if number == 12:
            await journal.add_reason(transfer.key, by_hand)
    left_out = a_reason(LEFT_OUT, category=OTHER, at=NOW + 8, times=14, last_at=NOW + 21)
    first = [a_reason(str(number), at=NOW + number) for number in range(8)]
    last = [a_reason(str(number), at=NOW + number) for number in range(22, 30)]
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert [each for each in timeline.reasons if each.source is Source.GAME] == [*first, left_out, *last]
    assert by_hand in timeline.reasons
    totals = await journal.count_reasons(ReasonFilter(source=Source.GAME))
    assert {total.category: total.count for total in totals} == {"withdraw_failed": 16, OTHER: 14}


async def test_up_to_seventeen_different_reasons_are_all_kept(journal: CopyableJournal) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK)
    await journal.insert(transfer, a_reason("0"))
    for _ in range(2):
        for number in range(1, 17):
            await journal.add_reason(transfer.key, a_reason(str(number)))
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert [each.text for each in timeline.reasons] == [str(number) for number in range(17)]


async def test_the_reasons_of_an_older_program_are_limited_with_the_next_one(journal: CopyableJournal) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK)
    reasons = [a_reason(str(number), times=2, last_at=NOW + 100 + number) for number in range(40)]
    await journal.import_timeline(Timeline(transfer=transfer, attempts=[], reasons=reasons))
    await journal.add_reason(transfer.key, a_reason("one more"))
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    left_out = a_reason(LEFT_OUT, category=OTHER, times=2 * 25, last_at=NOW + 132)
    assert timeline.reasons == [*reasons[:8], left_out, *reasons[33:], a_reason("one more")]


@pytest.mark.parametrize(
    "other", [{"text": "withdraw request failed."}, {"source": Source.PERSON}, {"who": "ann"}], ids=str
)
async def test_only_the_same_text_of_the_same_source_and_person_is_the_same_reason(
    journal: CopyableJournal, other: dict[str, Any]
) -> None:
    transfer = a_transfer(state=State.ROLLING_BACK)
    await journal.insert(transfer, a_reason())
    await journal.add_reason(transfer.key, a_reason(**other))
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert timeline.reasons == [a_reason(), a_reason(**other)]


async def test_a_reason_is_counted_where_it_stands_last_and_at_its_own_transfer_alone(journal: CopyableJournal) -> None:
    """A person may give the same reason with several changes, of which each is told."""
    transfers = [a_transfer(id_, state=State.ROLLING_BACK) for id_ in "12"]
    for transfer in transfers:
        await journal.insert(transfer, a_reason())
    change = a_change(key_of("1"), State.ROLLING_BACK, reason=a_reason(at=NOW + 1))
    await journal.change(change)
    await journal.add_reason(key_of("1"), a_reason(at=NOW + 2))
    one, other = [await journal.timeline(transfer.key) for transfer in transfers]
    assert one is not None
    assert one.reasons == [a_reason(), a_reason(at=NOW + 1, times=2, last_at=NOW + 2)]
    assert other is not None
    assert other.reasons == [a_reason()]


async def test_notes_on_several_transfers_at_once_are_each_kept(journal: CopyableJournal) -> None:
    ids = [str(number) for number in range(20)]
    for id_ in ids[1:]:
        await journal.insert(a_transfer(id_, state=State.ROLLING_BACK))
    for second in range(3):
        await asyncio.gather(*(journal.add_reason(key_of(id_), a_reason(at=NOW + second)) for id_ in reversed(ids)))
    listed = await journal.list_reasons(ReasonFilter(), limit=99)
    assert {each.key.id for each in listed} == set(ids[1:])
    assert {each.reason for each in listed} == {a_reason(times=3, last_at=NOW + 2)}


async def test_a_session_and_its_spare_are_written_together(journal: CopyableJournal) -> None:
    first, second, third = (a_session(token) for token in ("first", "second", "third"))
    transfer = a_transfer(session=first)
    await journal.insert(transfer)
    steps: list[tuple[Session | None, Session | None]] = [(second, first), (None, None), (None, third), (third, None)]
    kept = []
    for session, spare in steps:
        changed = await journal.change(
            a_change(
                transfer.key,
                State.ROLLING_BACK,
                session=session,
                spare_session=spare,
            )
        )
        assert changed.transfer is not None
        assert await journal.find(transfer.key) == changed.transfer
        kept.append((changed.transfer.session, changed.transfer.spare_session))
    assert kept == [(second, first), (second, first), (second, first), (third, None)]


async def test_a_writer_that_knows_the_row_gets_the_spare_session_that_is_written(journal: CopyableJournal) -> None:
    first, second = a_session("first"), a_session("second", memory={"a": "b"})
    transfer = a_transfer(state=State.CONFIRMING, session=first)
    await journal.insert(transfer)
    change = a_change(
        transfer.key,
        State.CONFIRMING,
        found=transfer,
        due_at=NOW,
        session=second,
        spare_session=first,
    )
    changed = await journal.change(change)
    assert changed.moved
    assert changed.transfer == await journal.find(transfer.key)
    (claimed,) = await journal.claim(Claim(operator=ACME, owner="a", now=NOW, lease_until=NOW + 1, limit=9))
    assert (claimed.session, claimed.spare_session) == (second, first)


async def test_a_try_tells_whose_session_it_was_made_with(journal: CopyableJournal) -> None:
    transfer = a_transfer()
    await journal.insert(transfer)
    attempt = an_attempt(player="player-4", session="later")
    await journal.change(a_change(transfer.key, State.HELD, attempt=attempt))
    timeline = await journal.timeline(transfer.key)
    assert timeline is not None
    assert timeline.attempts == [attempt]


async def test_a_note_on_a_transfer_that_is_not_there_is_nothing(journal: CopyableJournal) -> None:
    await journal.add_reason(key_of("1"), a_reason())
    assert await journal.timeline(key_of("1")) is None


async def test_a_remembered_session_is_found_by_its_token_and_replaced_by_the_next(journal: CopyableJournal) -> None:
    session = a_session(memory={"currency": "EUR"})
    await journal.save_session(session, NOW)
    assert await journal.find_session(ACME, session.token) == verified(session)
    replaced = a_session(player_id="player-9")
    await journal.save_session(replaced, NOW + 1)
    assert await journal.find_session(ACME, session.token) == verified(replaced, NOW + 1)


async def test_a_session_belongs_to_one_operator(journal: CopyableJournal) -> None:
    await journal.save_session(a_session("t"), NOW)
    assert await journal.find_session("globex", "t") is None
    assert await journal.find_session(ACME, "other") is None


async def test_what_a_dead_instance_owned_is_due_at_once(journal: CopyableJournal) -> None:
    await journal.renew_lease(Instance(id="dead", started_at=NOW, lease_until=NOW + 15))
    await journal.renew_lease(Instance(id="alive", started_at=NOW, lease_until=NOW + 15))
    await journal.renew_lease(Instance(id="alive", started_at=NOW, lease_until=NOW + 90))
    transfers = [
        a_transfer("1", owner="dead", due_at=NOW + 500),
        a_transfer("2", owner="alive", due_at=NOW + 500),
        a_transfer("3", owner="dead", state=State.PARKED),
        a_transfer("4", due_at=NOW + 500),
    ]
    for transfer in transfers:
        await put(journal, transfer)
    assert await journal.release_orphans(NOW + 15) == 0
    assert await journal.release_orphans(NOW + 15.5) == 1
    assert await journal.release_orphans(NOW + 15.5) == 0
    assert await journal.find(key_of("1")) == a_transfer("1", due_at=NOW)
    for transfer in transfers[1:]:
        assert await journal.find(transfer.key) == transfer


async def test_nobody_else_alive_means_that_everything_owned_is_due(journal: CopyableJournal) -> None:
    for name in ("a", "b"):
        await journal.renew_lease(Instance(id=name, started_at=NOW, lease_until=NOW + 1e9))
        await journal.insert(a_transfer(name, owner=name, due_at=NOW + 1e9))
    assert await journal.release_orphans(math.inf) == 2
    claim = Claim(operator=ACME, owner="c", now=NOW, lease_until=NOW + 9, limit=9)
    assert {transfer.id for transfer in await journal.claim(claim)} == {"a", "b"}


async def test_check_returns_nothing_while_writes_are_durable(journal: CopyableJournal) -> None:
    checked: object = await journal.check_writable()  # type: ignore[func-returns-value]  # that it returns is the point
    assert checked is None
