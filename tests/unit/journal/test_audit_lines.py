from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.audit_lines import audit
from gateway.journal.group_commit import GATHER_TURNS, Batch, GroupCommit
from gateway.journal.interface import JournalUnavailable
from gateway.journal.writes import Change, Changed, Insert, Inserted, ReleaseOrphans
from gateway.operators.safe_text import fit_text
from gateway.reasons import Source
from gateway.records import Attempt, Decision, State, Verdict
from gateway.telemetry import audit as stream_module
from gateway.telemetry.audit import AuditStream
from gateway.telemetry.call_context import CALL, CallContext
from gateway.telemetry.metrics import Metrics
from tests.support.journals import NOW, a_change, a_reason, a_session, a_transfer, key_of

KEY = key_of("1234abcd")


class Opened:
    """The audit stream, into a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream = AuditStream()
        self.stream.open(str(path), "host-1", fit_text)

    def lines(self) -> list[dict[str, Any]]:
        """What was written; the stream takes no more after this."""
        self.stream.close()
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path / "audit")
    yield opened
    opened.stream.close()


async def gathered() -> None:
    """Returns once all that was written before has been sent."""
    for _ in range(GATHER_TURNS):
        await asyncio.sleep(0)


def an_attempt(detail: str) -> Attempt:
    return Attempt(call="withdraw", at=NOW, took_s=0.1, verdict=Verdict.UNKNOWN, detail=detail)


def test_a_transfer_that_begins_has_a_line_of_the_games_call(opened: Opened) -> None:
    answer = Inserted(transfer=a_transfer(), created=True)
    audit(opened.stream, Insert(transfer=a_transfer()), answer, CallContext("r-1"))
    (line,) = opened.lines()
    told = {name: line[name] for name in ("from", "to", "by", "request_id", "instance", "player", "amount", "wants")}
    assert told == {
        "from": None, "to": "sending", "by": "game", "request_id": "r-1", "instance": "host-1",
        "player": "player-1", "amount": "230 XAG", "wants": "",
    }  # fmt: skip


def test_a_change_says_from_where_why_and_by_which_try_without_a_secret(opened: Opened) -> None:
    row = a_transfer(state=State.ROLLING_BACK, amount=None, spare_session=a_session(memory={"key": "s3cret-key"}))
    said = f"no answer to {row.session.token} with s3cret-key"
    change = a_change(KEY, State.ROLLING_BACK, attempt=an_attempt(said))
    audit(opened.stream, change, Changed(transfer=row, moved=True), None)
    (line,) = opened.lines()
    assert (line["by"], line["wants"], line["call"], line["verdict"]) == ("gateway", "rollback", "withdraw", "unknown")
    assert line["from"] == " or ".join(change.allowed)
    assert line["amount"] == ""
    assert "no answer to" in line["why"]
    assert row.session.token not in line["why"]
    assert "s3cret-key" not in line["why"]


def test_what_was_found_is_where_it_came_from_and_a_person_is_named(opened: Opened) -> None:
    found, row = a_transfer(state=State.PARKED), a_transfer(state=State.ROLLED_BACK)
    reason = a_reason("ticket 17", source=Source.PERSON, who="ada")
    change = a_change(KEY, State.ROLLED_BACK, reason=reason, found=found)
    audit(opened.stream, change, Changed(transfer=row, moved=True), None)
    (line,) = opened.lines()
    assert (line["from"], line["by"], line["who"], line["why"]) == ("parked", "person", "ada", "ticket 17")


def test_what_changed_nothing_has_no_line(opened: Opened) -> None:
    row = a_transfer(state=State.CONFIRMING, wants=Decision.CONFIRM)
    stays = Change(key=KEY, to=State.CONFIRMING, allowed=(State.CONFIRMING,), at=NOW)
    for write, answer in (
        (stays, Changed(transfer=row, moved=True)),
        (a_change(KEY, State.CONFIRMING), Changed(transfer=row, moved=False)),
        (Insert(transfer=row), Inserted(transfer=row, created=False)),
        (ReleaseOrphans(now=NOW), 3),
    ):
        audit(opened.stream, write, answer, None)
    assert opened.lines() == []


async def test_a_batch_is_audited_once_it_is_durable_and_what_failed_is_not(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "stream", opened.stream)
    batches: list[Batch] = []
    group = GroupCommit("main", batches.append, Metrics())
    token = CALL.set(CallContext("r-1"))
    lost = group.write(Insert(transfer=a_transfer("lost")))
    await gathered()
    kept = group.write(Insert(transfer=a_transfer("kept")))
    odd = group.write(Insert(transfer=a_transfer("odd")))
    await gathered()
    CALL.reset(token)
    group.fail(batches[0], JournalUnavailable("disk full"))
    without_a_time = a_transfer("odd", changed_at=float("nan"))
    answers = [Inserted(transfer=a_transfer("kept"), created=True), Inserted(transfer=without_a_time, created=True)]
    group.settle(batches[1], answers, 0.01)
    with pytest.raises(JournalUnavailable):
        await lost
    assert [await kept, await odd] == answers
    assert [(line["id"], line["request_id"]) for line in opened.lines()] == [("kept", "r-1")]


async def test_what_was_written_before_the_stream_was_opened_has_no_line(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[Batch] = []
    group = GroupCommit("main", batches.append, Metrics())
    group.write(Insert(transfer=a_transfer("before")))
    monkeypatch.setattr(stream_module, "stream", opened.stream)
    group.write(Insert(transfer=a_transfer("after")))
    await gathered()
    group.settle(batches[0], [Inserted(transfer=a_transfer(id), created=True) for id in ("before", "after")], 0.01)
    assert [line["id"] for line in opened.lines()] == ["after"]
