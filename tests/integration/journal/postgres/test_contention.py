"""Many gateways on one database: nobody waits for each other in a circle, and one write that fails is alone in it."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest

from gateway.journal.group_commit import GATHER_TURNS
from gateway.journal.interface import JournalUnavailable, ReasonFilter
from gateway.journal.writes import Change, Claim
from gateway.reasons import FIRST_KEPT, LAST_KEPT
from gateway.records import Instance, State
from tests.support.journals import ACME, NOW, Journals, a_change, a_reason, a_session, a_transfer, key_of, put

INSTANCES = 4
KEYS = 12
ROUNDS = 40

# Raises for the first so many rows; a sequence does not go back when its transaction does.
COLLISIONS = """
CREATE SEQUENCE collisions;
CREATE FUNCTION collide() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('collisions') <= {} THEN
        RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER collide BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION collide()"""


async def run(url: str, sql: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql) if sql.startswith("SELECT") else await connection.execute(sql)
    finally:
        await connection.close()


async def test_instances_that_write_to_the_same_transfers_never_deadlock(journals: Journals) -> None:
    before = await run(journals.shelf.url, "SELECT sum(deadlocks) FROM pg_stat_database")
    opened = [await journals.open() for _ in range(INSTANCES)]
    keys = [str(number) for number in range(KEYS)]

    async def instance(number: int) -> None:
        journal, chance = opened[number], random.Random(number)
        for step in range(ROUNDS):
            at = NOW + step
            owner = f"instance-{number}"
            await asyncio.gather(
                *(journal.insert(a_transfer(id_, due_at=NOW)) for id_ in chance.sample(keys, 4)),
                *(
                    journal.change(a_change(key_of(id_), State.ROLLING_BACK, at=at, due_at=at))
                    for id_ in chance.sample(keys, 8)
                ),
                *(journal.add_reason(key_of(id_), a_reason()) for id_ in chance.sample(keys, 2)),
                *(journal.save_session(a_session(token), at) for token in chance.sample(keys, 4)),
                journal.renew_lease(Instance(id=owner, started_at=NOW, lease_until=at + chance.choice((-1, 1)))),
                journal.claim(Claim(operator=ACME, owner=owner, now=at, lease_until=at + 1, limit=5)),
                journal.release_orphans(at),
                journal.prune(at, 2),
            )

    await asyncio.gather(*(instance(number) for number in range(INSTANCES)))
    assert await run(journals.shelf.url, "SELECT sum(deadlocks) FROM pg_stat_database") == before
    changed = sum([found.revision for id_ in keys if (found := await opened[0].find(key_of(id_)))])
    assert changed >= INSTANCES * ROUNDS


async def test_duplicates_on_different_instances_create_one_row(journals: Journals) -> None:
    opened = [await journals.open() for _ in range(INSTANCES)]
    for number in range(50):
        transfer = a_transfer(str(number))
        answers = await asyncio.gather(*(journal.insert(transfer) for journal in opened))
        assert sorted(answer.created for answer in answers) == [False] * (INSTANCES - 1) + [True]
        assert {answer.transfer.key for answer in answers} == {transfer.key}


async def test_a_confirm_and_a_rollback_on_different_instances_exclude_each_other(journals: Journals) -> None:
    one, other = await journals.open(), await journals.open()
    for number in range(50):
        key = key_of(str(number))
        await put(one, a_transfer(key.id, state=State.HELD))
        confirm, rollback = await asyncio.gather(
            one.change(Change(key=key, allowed=(State.HELD,), to=State.CONFIRMING, at=NOW)),
            other.change(Change(key=key, allowed=(State.HELD,), to=State.ROLLING_BACK, at=NOW)),
        )
        assert [confirm.moved, rollback.moved].count(True) == 1
        assert confirm.transfer == rollback.transfer


async def test_a_write_that_cannot_be_stored_fails_alone(journals: Journals) -> None:
    journal = await journals.open()
    too_long = random.Random(1).randbytes(5000).hex()  # does not fit into an index
    ids = ["1", "2", "3", too_long, "5", "6", "7"]
    answers = await asyncio.gather(*(journal.insert(a_transfer(id_)) for id_ in ids), return_exceptions=True)
    assert [isinstance(answer, JournalUnavailable) for answer in answers] == [id_ is too_long for id_ in ids]
    assert [id_ for id_ in ids if await journal.find(key_of(id_)) is None] == [too_long]


async def test_a_batch_that_collides_is_sent_again(journals: Journals) -> None:
    journal = await journals.open()
    await run(journals.shelf.url, COLLISIONS.format(3))
    assert (await journal.insert(a_transfer())).created


async def test_a_batch_that_always_collides_is_given_up(journals: Journals) -> None:
    journal = await journals.open()
    await run(journals.shelf.url, COLLISIONS.format(1000))
    with pytest.raises(JournalUnavailable, match="serialize"):
        await journal.insert(a_transfer())
    assert await journal.find(key_of("1234abcd")) is None


async def test_a_bug_in_the_answers_is_an_unavailable_journal_not_a_dead_one(
    journals: Journals, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = await journals.open()
    with monkeypatch.context() as broken:
        broken.setattr("gateway.journal.postgres.batch_writer.read_answers", lambda *_: 1 / 0)
        with pytest.raises(JournalUnavailable, match="ZeroDivisionError"):
            await journal.insert(a_transfer())
    assert not (await journal.insert(a_transfer())).created


@pytest.mark.parametrize("turns", [GATHER_TURNS + 1, 10])
async def test_writing_that_is_cancelled_leaves_nobody_waiting(turns: int, journals: Journals) -> None:
    journal = await journals.open()
    others = asyncio.all_tasks()
    write = asyncio.create_task(journal.insert(a_transfer()))
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in asyncio.all_tasks() - others - {write}:
        task.cancel()
    with pytest.raises(JournalUnavailable, match=r"(?i)cancelled"):
        await write
    assert (await journal.insert(a_transfer("next"))).created


async def test_more_than_fits_into_one_batch_goes_in_several(journals: Journals) -> None:
    journal = await journals.open(connections=2)
    opened = await asyncio.gather(*(journal.insert(a_transfer(str(number))) for number in range(1000)))
    assert all(answer.created for answer in opened)


async def test_a_reason_never_outlives_its_transfer_however_they_meet(journals: Journals) -> None:
    journal, other = await journals.open(), await journals.open()
    ids = [str(number) for number in range(20)]
    for number in range(20):
        for id_ in ids:
            await put(journal, a_transfer(id_, state=State.CONFIRMED, changed_at=NOW), a_reason())
        await asyncio.gather(
            *(one.add_reason(key_of(id_), a_reason(at=NOW + number)) for id_ in ids for one in (journal, other)),
            journal.prune(NOW + 1, 9),
            other.prune(NOW + 1, 9),
        )
        await journal.prune(NOW + 1, 99)
        assert await journal.list_reasons(ReasonFilter(), limit=9) == [], number


async def test_a_reason_that_two_instances_note_at_once_is_counted_twice(journals: Journals) -> None:
    opened = [await journals.open() for _ in range(INSTANCES)]
    await opened[0].insert(a_transfer(state=State.ROLLING_BACK), a_reason())
    for number in range(20):
        await asyncio.gather(*(journal.add_reason(key_of("1234abcd"), a_reason(at=NOW + number)) for journal in opened))
    ((total,), listed) = (
        await opened[0].count_reasons(ReasonFilter()),
        await opened[0].list_reasons(ReasonFilter(), limit=9),
    )
    assert (total.count, len(listed)) == (1 + 20 * INSTANCES, 1)


async def test_ever_new_reasons_from_several_instances_stay_limited_and_never_deadlock(journals: Journals) -> None:
    before = await run(journals.shelf.url, "SELECT sum(deadlocks) FROM pg_stat_database")
    opened = [await journals.open() for _ in range(INSTANCES)]
    keys = [key_of(str(number)) for number in range(4)]
    for key in keys:
        await opened[0].insert(a_transfer(key.id, state=State.ROLLING_BACK), a_reason("first"))
    for step in range(30):
        await asyncio.gather(
            *(
                journal.add_reason(key, a_reason(f"{step}" if number else "the same", at=NOW + step))
                for number, journal in enumerate(opened)
                for key in random.Random(number).sample(keys, 4)
            )
        )
    assert await run(journals.shelf.url, "SELECT sum(deadlocks) FROM pg_stat_database") == before
    for key in keys:
        timeline = await opened[0].timeline(key)
        assert timeline is not None
        assert timeline.reasons[0].text == "first"
        assert len(timeline.reasons) <= FIRST_KEPT + 1 + LAST_KEPT + INSTANCES
        assert sum(reason.times for reason in timeline.reasons) == 1 + 30 * INSTANCES


async def test_the_key_of_a_pruned_transfer_may_be_in_use_again_at_once(journals: Journals) -> None:
    journal, other = await journals.open(), await journals.open()
    for number in range(50):
        await put(journal, a_transfer(state=State.CONFIRMED, changed_at=NOW))
        answers = await asyncio.gather(journal.insert(a_transfer()), other.prune(NOW + 1, 10))
        assert answers[0].transfer.key == key_of("1234abcd"), number
        await journal.change(a_change(key_of("1234abcd"), State.CONFIRMED))
        await other.prune(NOW + 1, 10)
