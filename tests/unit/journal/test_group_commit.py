"""Group commit without a store: what goes together, who wakes, what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.journal import group_commit
from gateway.journal.group_commit import BATCH_LIMIT, GATHER_TURNS, Batch, GroupCommit, GroupedWrites
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import CheckWritable, Prune, ReleaseOrphans
from gateway.telemetry.call_context import CALL, CallContext
from gateway.telemetry.metrics import Metrics


class Sent:
    """A store that only takes note of what it was sent."""

    def __init__(self, waiting_limit: int = 100) -> None:
        self.batches: list[Batch] = []
        self.metrics = Metrics()
        self.group = GroupCommit("main", self.batches.append, self.metrics, waiting_limit)

    def settle(self, batch: Batch) -> None:
        self.group.settle(batch, [f"answer to {write}" for write in batch.writes], 0.01)

    def sample(self, name: str) -> Any:
        return self.metrics.registry.get_sample_value(name, {"journal": "main"})


async def gathered() -> None:
    """Returns once all that was written before has been sent."""
    for _ in range(GATHER_TURNS):
        await asyncio.sleep(0)


async def test_what_is_written_within_a_few_turns_is_sent_together_in_its_order() -> None:
    sent = Sent()
    writes = [ReleaseOrphans(now=float(number)) for number in range(GATHER_TURNS)]
    for write in writes:
        assert sent.batches == []
        sent.group.write(write)
        await asyncio.sleep(0)
    assert [batch.writes for batch in sent.batches] == [writes]


async def test_what_is_logged_of_a_batch_names_no_call() -> None:
    seen: list[CallContext | None] = []
    group = GroupCommit("main", lambda _: seen.append(CALL.get()), Metrics())
    token = CALL.set(CallContext("the first call"))
    for number in range(BATCH_LIMIT + 1):
        group.write(ReleaseOrphans(now=float(number)))
    await gathered()
    CALL.reset(token)
    assert seen == [None, None]


async def test_what_is_written_later_goes_without_waiting_for_the_first() -> None:
    sent = Sent()
    for number in range(3):
        sent.group.write(ReleaseOrphans(now=float(number)))
        await gathered()
    assert [len(batch) for batch in sent.batches] == [1, 1, 1]


async def test_each_caller_gets_its_own_answer() -> None:
    sent = Sent()
    waiters = [sent.group.write(ReleaseOrphans(now=float(number))) for number in range(3)]
    await gathered()
    assert not any(waiter.done() for waiter in waiters)
    sent.settle(sent.batches[0])
    assert [await waiter for waiter in waiters] == [f"answer to ReleaseOrphans(now={number}.0)" for number in range(3)]


async def test_joined_batches_are_settled_together() -> None:
    sent = Sent()
    first = sent.group.write(ReleaseOrphans(now=1.0))
    await gathered()
    second = sent.group.write(ReleaseOrphans(now=2.0))
    await gathered()
    joined, other = sent.batches
    joined.extend(other)
    sent.settle(joined)
    assert [await first, await second] == ["answer to ReleaseOrphans(now=1.0)", "answer to ReleaseOrphans(now=2.0)"]
    assert sent.sample("mm_gateway_journal_batch_writes_sum") == 2


async def test_a_batch_that_fails_fails_for_each_of_its_callers_with_an_error_of_its_own() -> None:
    sent = Sent()
    waiters = [sent.group.write(CheckWritable()) for _ in range(3)]
    await gathered()
    sent.group.fail(sent.batches[0], JournalUnavailable("the disk is full"))
    errors = await asyncio.gather(*waiters, return_exceptions=True)
    assert [str(error) for error in errors] == ["the disk is full"] * 3
    assert len({id(error) for error in errors}) == 3
    assert sent.sample("mm_gateway_journal_failures_total") == 1


async def test_a_caller_that_left_is_not_told_and_disturbs_nobody() -> None:
    sent = Sent()
    for end in (sent.settle, lambda batch: sent.group.fail(batch, JournalUnavailable("x"))):
        left, stays = sent.group.write(CheckWritable()), sent.group.write(CheckWritable())
        await gathered()
        left.cancel()
        end(sent.batches.pop())
        assert stays.done()
        await asyncio.gather(stays, return_exceptions=True)
        assert left.cancelled()


async def test_no_batch_is_longer_than_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "BATCH_LIMIT", 4)
    sent = Sent()
    for _ in range(10):
        sent.group.write(CheckWritable())
    await gathered()
    assert [len(batch) for batch in sent.batches] == [4, 4, 2]


async def test_when_too_many_wait_the_next_is_refused_until_some_are_durable() -> None:
    sent = Sent(waiting_limit=3)
    for _ in range(3):
        sent.group.write(CheckWritable())
    with pytest.raises(JournalUnavailable, match="already has 3 writes waiting"):
        sent.group.write(CheckWritable())
    await gathered()
    sent.settle(sent.batches[0])
    sent.group.write(CheckWritable())
    await gathered()
    assert [len(batch) for batch in sent.batches] == [3, 1]


async def test_closing_sends_what_waits_and_returns_once_all_is_settled() -> None:
    sent = Sent()
    waiter = sent.group.write(CheckWritable())
    closing = asyncio.create_task(sent.group.close())
    await gathered()
    await gathered()
    assert [len(batch) for batch in sent.batches] == [1]
    assert not closing.done()
    sent.settle(sent.batches[0])
    await closing
    assert waiter.done()
    with pytest.raises(JournalUnavailable, match="closed"):
        sent.group.write(CheckWritable())


async def test_closing_waits_for_nothing_where_nothing_waits() -> None:
    sent = Sent()
    await sent.group.close()
    assert sent.batches == []


async def test_each_method_of_a_journal_is_one_write() -> None:
    sent = Sent()
    journal = GroupedWrites(sent.group)
    calls: asyncio.Future[Any] = asyncio.gather(journal.prune(5.0, 7), journal.release_orphans(3.0))
    await gathered()
    await gathered()
    (batch,) = sent.batches
    assert batch.writes == [Prune(before=5.0, limit=7), ReleaseOrphans(now=3.0)]
    sent.settle(batch)
    assert await calls == ["answer to Prune(before=5.0, limit=7)", "answer to ReleaseOrphans(now=3.0)"]
