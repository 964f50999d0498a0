"""A write does the same in SQLite, where Python decides, and in PostgreSQL, where SQL does: one table for both."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from random import Random
from typing import Any, Final, NamedTuple

import msgspec
import pytest

from gateway.journal.copy import CopyableJournal
from gateway.journal.writes import (
    AddReason,
    Change,
    Changed,
    Claim,
    Insert,
    Inserted,
    Prune,
    ReleaseOrphans,
    apply_change,
)
from gateway.money import money
from gateway.reasons import Source
from gateway.records import CLAIMABLE, Decision, Direction, Fate, Instance, Reason, Recipient, State, Timeline, Transfer
from gateway.transitions import PREDECESSORS
from tests.support.journals import (
    ACME,
    NOW,
    Journals,
    a_change,
    a_reason,
    a_session,
    a_transfer,
    an_attempt,
    key_of,
    put,
)

GENERATED: Final = 500
SEED: Final = 20

FIRST, SECOND, THIRD = (a_session(token, memory={"made": token}) for token in ("first", "second", "third"))
OTHER_PLAYER = a_session("fourth", player_id="player-2")
NOBODYS = a_session("fifth", player_id="")
MEMORY, OTHER_MEMORY = {"transaction": "t-1", "round": "r-1"}, {"transaction": "t-2"}
BALANCE, OTHER_BALANCE = money("51800", "XAG"), money("0.1", "EUR")


class Case(NamedTuple):
    """A change of a row. What it comes to is what `apply_change` says."""

    row: Transfer
    change: Change


def a_case(row: dict[str, Any] | None = None, to: State = State.ROLLING_BACK, **change: Any) -> Case:
    """A row that is rolling back, unless `row` says otherwise, and a change of it to `to`."""
    transfer = a_transfer(**{"state": State.ROLLING_BACK, "revision": 3, **(row or {})})
    if "found" in change:
        change["found"] = msgspec.structs.replace(transfer, **change["found"])
    return Case(transfer, a_change(transfer.key, to, **{"at": NOW + 9, **change}))


FULL: Final = {
    "fate": Fate.TAKEN,
    "wants": Decision.ROLLBACK,
    "tries": 7,
    "missing_at": NOW + 1,
    "owner": "instance-1",
    "due_at": NOW + 2,
    "decided_at": NOW + 3,
    "hold_balance": BALANCE,
    "end_balance": BALANCE,
    "rollback_reason": "the first reason",
    "session": FIRST,
    "spare_session": SECOND,
    "memory": MEMORY,
    "first_ended_at": NOW + 4,
}
"""A row in which every field that may be empty is not."""

CASES: Final = {
    # Whether it moves.
    "an allowed state moves": a_case(allowed=(State.SENDING, State.ROLLING_BACK)),
    "another state stays": a_case(allowed=(State.SENDING, State.HELD)),
    "no allowed state stays": a_case(allowed=()),
    "the revision that was found moves": a_case(found={}),
    "an older revision stays": a_case(found={"revision": 2}),
    "a newer revision stays": a_case(found={"revision": 4}),
    "revision 0 is a fence as well": a_case({"revision": 0}, found={}),
    "an older revision in an allowed state of another row stays": a_case(found={"revision": 2, "state": State.HELD}),
    "the same amount moves": a_case(amount=money("230", "XAG")),
    "the same amount written in another way moves": a_case(amount=money("230.00", "XAG")),
    "another amount stays": a_case(amount=money("230.01", "XAG")),
    "another currency stays": a_case(amount=money("230", "EUR")),
    "an amount where none is known stays": a_case({"amount": None}, amount=money("230", "XAG")),
    "no amount where none is known moves": a_case({"amount": None}),
    "the right amount with an older revision stays": a_case(amount=money("230", "XAG"), found={"revision": 2}),
    "the right revision with another amount stays": a_case(amount=money("1", "XAG"), found={}),
    # What is set, cleared or kept.
    "a full row keeps or clears what is not given": a_case(FULL),
    "the same with what was found": a_case(FULL, found={}),
    "an empty row gets all that is given": a_case(
        due_at=NOW + 10,
        owner="instance-2",
        tries=8,
        wants=Decision.CONFIRM,
        decided_at=NOW + 11,
        fate=Fate.REFUSED,
        missing_at=NOW + 12,
        hold_balance=OTHER_BALANCE,
        end_balance=OTHER_BALANCE,
    ),
    "a full row gets all that is given": a_case(
        FULL,
        due_at=NOW + 10,
        owner="instance-2",
        tries=8,
        wants=Decision.CONFIRM,
        decided_at=NOW + 11,
        fate=Fate.REFUSED,
        missing_at=NOW + 12,
        hold_balance=OTHER_BALANCE,
        end_balance=OTHER_BALANCE,
        session=THIRD,
        spare_session=FIRST,
        memory=OTHER_MEMORY,
    ),
    "the time 0 is a time": a_case(FULL, due_at=0.0, decided_at=0.0, missing_at=0.0),
    "a balance of 0 is a balance": a_case(FULL, hold_balance=money("0", "XAG"), end_balance=money("0", "XAG")),
    "the fate unknown is given, not kept": a_case(FULL, fate=Fate.UNKNOWN),
    "a time before the last change is written": a_case({"changed_at": NOW + 50}, at=NOW),
    # When it had ended.
    "a row that had ended is opened again, and keeps when that was": a_case(
        {"state": State.ROLLED_BACK, "changed_at": NOW + 5}, allowed=(State.ROLLED_BACK,)
    ),
    "a row that is opened again once more keeps the first time": a_case(
        {"state": State.ROLLED_BACK, "changed_at": NOW + 5, "first_ended_at": NOW + 4}, allowed=(State.ROLLED_BACK,)
    ),
    "a row that ends has not been opened again": a_case({}, State.ROLLED_BACK),
    # Sessions.
    "a session comes with its spare one": a_case({"session": FIRST}, session=SECOND, spare_session=FIRST),
    "a session without a spare one clears that": a_case(FULL, session=THIRD),
    "a spare session alone is not written": a_case(FULL, spare_session=THIRD),
    "a spare session alone is not written where there is none": a_case(spare_session=THIRD),
    "the session of another player brings its player": a_case(FULL, session=OTHER_PLAYER),
    "a session of nobody known keeps the player": a_case(FULL, session=NOBODYS, spare_session=FIRST),
    "a session of nobody known leaves nobody": a_case({"session": NOBODYS}, session=NOBODYS),
    "a session brings the player of nobody's transfer": a_case({"session": NOBODYS}, session=FIRST),
    "replacing the session of what was found writes nothing": a_case(FULL, found={"session": THIRD}),
    # Memory.
    "a memory comes with the hold": a_case(
        {"state": State.SENDING},
        State.HELD,
        found={},
        fate=Fate.TAKEN,
        hold_balance=BALANCE,
        memory=MEMORY,
        attempt=an_attempt(),
    ),
    "a memory that is not given stays": a_case({"memory": MEMORY}, found={}),
    "a memory that is not given stays, to the end": a_case({"memory": MEMORY}, State.ROLLED_BACK, end_balance=BALANCE),
    "a memory that comes with the end replaces the one of the hold": a_case(
        {"memory": MEMORY}, State.ROLLED_BACK, found={}, end_balance=BALANCE, memory=OTHER_MEMORY, attempt=an_attempt()
    ),
    "a memory with a confirm": a_case({"state": State.CONFIRMING}, State.CONFIRMED, memory=MEMORY),
    "an empty memory is given, not kept": a_case({"memory": MEMORY}, memory={}),
    "an empty memory where there is none": a_case(memory={}),
    "a memory with a change that moves nothing is not written": a_case(
        {"memory": MEMORY}, allowed=(), memory=OTHER_MEMORY
    ),
    "a memory with an older revision is not written": a_case(found={"revision": 2}, memory=MEMORY),
    "a memory that was not found stays": a_case({"memory": MEMORY}, found={"memory": {}}),
    "an odd memory is kept as it is": a_case(
        memory={"": "", "\x00'\"\\": "\ud800 \ufdd0", "é": "{}", "null": "\u2028"}
    ),
    # Reasons and attempts.
    "the first reason to roll back stays": a_case({"rollback_reason": "no stock"}, reason=a_reason("another")),
    "a reason to roll back is kept in the row": a_case({"state": State.HELD}, reason=a_reason("no stock")),
    "an empty reason is a reason": a_case({"rollback_reason": ""}, reason=a_reason("another")),
    "an odd reason is kept as it is": a_case(reason=a_reason("\x00 \ud800 \ufdd0", who="\x00")),
    "a reason with a confirm is not one to roll back": a_case(
        {"state": State.HELD}, State.CONFIRMING, reason=a_reason("asked")
    ),
    "a reason with the end is not one to roll back": a_case(to=State.ROLLED_BACK, reason=a_reason("by telephone")),
    "a reason with a change that moves nothing is not kept": a_case(allowed=(), reason=a_reason()),
    "an attempt with a change that moves nothing is kept": a_case(allowed=(), attempt=an_attempt(), reason=a_reason()),
    "an attempt with an older revision is kept": a_case(found={"revision": 2}, attempt=an_attempt(detail="late")),
    "an attempt and a reason with a change that moves are kept": a_case(attempt=an_attempt(), reason=a_reason()),
    # Every transition of the table.
    **{
        f"{before} to {to}": a_case({"state": before}, to, allowed=(before,), found={})
        for to in State
        for before in sorted(PREDECESSORS[to])
    },
}


def generated() -> dict[str, Case]:
    """Changes of any content. The same at every run."""
    chance = Random(SEED)

    def some(*values: Any) -> Any:
        return chance.choice([None, *values])

    def row() -> dict[str, Any]:
        names = chance.sample(sorted(FULL), chance.randrange(len(FULL)))
        return {"state": chance.choice(list(State)), "revision": chance.randrange(3), **{n: FULL[n] for n in names}}

    def change(to: State) -> dict[str, Any]:
        fields = {
            "amount": some(money("230", "XAG"), money("230", "XAG"), money("1", "XAG")),
            "due_at": some(NOW, NOW + 1),
            "owner": some("instance-1", "instance-2"),
            "tries": chance.randrange(3),
            "wants": some(*Decision),
            "decided_at": some(NOW, NOW + 1),
            "fate": some(*Fate),
            "missing_at": some(NOW, NOW + 1),
            "hold_balance": some(BALANCE, OTHER_BALANCE),
            "end_balance": some(BALANCE, OTHER_BALANCE),
            "session": some(FIRST, THIRD, OTHER_PLAYER, NOBODYS),
            "spare_session": some(SECOND, THIRD),
            "memory": some({}, MEMORY, OTHER_MEMORY),
            "reason": some(a_reason(), a_reason("another", source=Source.PERSON, who="ann")),
            "attempt": some(an_attempt(), an_attempt(kind="funds", player="player-1", session="own")),
        }
        before = sorted(PREDECESSORS[to])
        found = some({}, {}, {"revision": chance.randrange(3)})
        if fields["session"] is OTHER_PLAYER:
            fields["spare_session"] = None  # a spare session is the same player's, whose id is kept once
        return {
            "allowed": tuple(chance.sample(before, chance.randint(0, len(before)))),
            **({} if found is None else {"found": found}),
            **fields,
        }

    targets = [chance.choice(list(State)) for _ in range(GENERATED)]
    return {f"generated {number}": a_case(row(), to, **change(to)) for number, to in enumerate(targets)}


async def played(journal: CopyableJournal, case: Case, id_: str) -> tuple[Changed, Timeline | None]:
    """What the journal answers, and holds afterwards. Each case has a transfer of its own."""
    await put(journal, with_id(case.row, id_))
    found = None if case.change.found is None else with_id(case.change.found, id_)
    answer = await journal.change(msgspec.structs.replace(case.change, key=key_of(id_), found=found))
    return answer, await journal.timeline(key_of(id_))


def expected(case: Case, id_: str) -> tuple[Changed, Timeline]:
    """By the rule in Python. The answer is made from what the writer found, where it moved."""
    change, moved = case.change, apply_change(case.row, case.change)
    answer = case.row if moved is None else apply_change(change.found or case.row, change)
    assert answer is not None
    timeline = Timeline(
        transfer=with_id(moved or case.row, id_),
        attempts=[] if change.attempt is None else [change.attempt],
        reasons=[] if moved is None or change.reason is None else [change.reason],
    )
    return Changed(with_id(answer, id_), moved=moved is not None), timeline


def with_id(transfer: Transfer, id_: str) -> Transfer:
    return msgspec.structs.replace(transfer, id=id_)


@pytest.mark.parametrize("cases", [CASES, generated()], ids=["named", "generated"])
async def test_a_change_does_what_the_rule_says(journals: Journals, cases: dict[str, Case]) -> None:
    journal = await journals.open()
    results = await asyncio.gather(*(played(journal, case, str(number)) for number, case in enumerate(cases.values())))
    wanted = [expected(case, str(number)) for number, case in enumerate(cases.values())]
    assert {
        name: (result, want) for name, result, want in zip(cases, results, wanted, strict=True) if result != want
    } == {}


def test_the_generated_cases_reach_both_outcomes_in_every_state() -> None:
    reached = {(case.row.state, apply_change(case.row, case.change) is None) for case in generated().values()}
    assert reached == {(state, stays) for state in State for stays in (True, False)} - {(State.CONFIRMED, False)}


async def test_a_change_of_a_transfer_that_is_not_there_writes_nothing(journal: CopyableJournal) -> None:
    change = a_change(key_of("1"), State.HELD, found=a_transfer("1"), attempt=an_attempt(), reason=a_reason())
    assert await journal.change(change) == Changed(None, moved=False)
    assert await journal.timeline(key_of("1")) is None


class Play(msgspec.Struct, frozen=True):
    """Another write on a journal with these transfers: what it answers, and which transfers are then different.

    `after` has them by their ids, None for one that is gone.
    """

    rows: Sequence[Transfer]
    write: Insert | AddReason | Claim | ReleaseOrphans | Prune
    answer: Any
    after: dict[str, Transfer | None] = {}
    reasons: dict[str, list[Reason]] = {}


def owned(id_: str, owner: str | None, state: State = State.ROLLING_BACK, **changes: Any) -> Transfer:
    return a_transfer(id_, owner=owner, state=state, **{"due_at": NOW + 50, "revision": 4, **changes})


def due(id_: str, at: float, state: State = State.ROLLING_BACK, **changes: Any) -> Transfer:
    return a_transfer(id_, state=state, due_at=at, **changes)


def claimed(transfer: Transfer) -> Transfer:
    return msgspec.structs.replace(transfer, owner="me", due_at=NOW + 30, revision=transfer.revision + 1)


def released(transfer: Transfer, due_at: float) -> Transfer:
    return msgspec.structs.replace(transfer, owner=None, due_at=due_at)


CLAIM: Final = Claim(operator=ACME, owner="me", now=NOW, lease_until=NOW + 30, limit=9)
LIMITED: Final = msgspec.structs.replace(CLAIM, limit=2)
FOR_THE_GAME: Final = msgspec.structs.replace(CLAIM, recipient=Recipient.GAME)
PAYMENT = due("9", NOW, State.CONFIRMING, direction=Direction.PAYMENT)
EARLY, LATE, LATER = due("1", NOW - 3), due("2", NOW - 2), due("3", NOW - 1)
DEAD, ALIVE = owned("1", "dead"), owned("2", "alive")
ENDED, YOUNG = a_transfer("1", state=State.CONFIRMED), a_transfer("2", state=State.CONFIRMED, changed_at=NOW + 5)
TAKEN = a_transfer("1", state=State.HELD, revision=2, memory=MEMORY)
REMEMBERED = due("1", NOW, memory=MEMORY)

PLAYS: Final = {
    "an insert of a new key": Play(
        [], Insert(transfer=a_transfer("1")), Inserted(a_transfer("1"), created=True), {"1": a_transfer("1")}
    ),
    "an insert with a memory": Play(
        [], Insert(transfer=REMEMBERED), Inserted(REMEMBERED, created=True), {"1": REMEMBERED}
    ),
    "an insert with a reason": Play(
        [],
        Insert(transfer=DEAD, reason=a_reason()),
        Inserted(DEAD, created=True),
        {"1": DEAD},
        {"1": [a_reason()]},
    ),
    "an insert of a taken key": Play(
        [TAKEN], Insert(transfer=a_transfer("1"), reason=a_reason()), Inserted(TAKEN, created=False)
    ),
    "a reason more": Play([TAKEN], AddReason(key=TAKEN.key, reason=a_reason()), None, {}, {"1": [a_reason()]}),
    "a reason for no transfer": Play([TAKEN], AddReason(key=key_of("2"), reason=a_reason()), None),
    **{
        f"a claim of a {state} that is due": Play([row], CLAIM, [claimed(row)], {"1": claimed(row)})
        for state in sorted(CLAIMABLE)
        for row in [due("1", NOW, state)]
    },
    **{
        f"a claim of a {state}": Play([due("1", NOW, state)], CLAIM, [])
        for state in sorted(set(State) - set(CLAIMABLE))
    },
    "a claim of a row with a memory": Play([REMEMBERED], CLAIM, [claimed(REMEMBERED)], {"1": claimed(REMEMBERED)}),
    "a claim takes no payment for the operator": Play([PAYMENT], CLAIM, []),
    "a claim takes payments alone for the game": Play(
        [PAYMENT, EARLY], FOR_THE_GAME, [claimed(PAYMENT)], {"9": claimed(PAYMENT)}
    ),
    "a claim of what is due later": Play([due("1", NOW + 0.001)], CLAIM, []),
    "a claim of what is never due": Play([a_transfer("1")], CLAIM, []),
    "a claim at another operator": Play([due("1", NOW, operator="globex")], CLAIM, []),
    "a claim takes what another instance left over": Play(
        [due("1", NOW, owner="other")],
        CLAIM,
        [claimed(due("1", NOW))],
        {"1": claimed(due("1", NOW))},
    ),
    "a claim takes no more than its limit, the oldest": Play(
        [LATER, EARLY, LATE],
        LIMITED,
        [claimed(EARLY), claimed(LATE)],
        {"1": claimed(EARLY), "2": claimed(LATE)},
    ),
    "orphans of one that is dead": Play(
        [DEAD, ALIVE], ReleaseOrphans(now=NOW + 10), 1, {"1": released(DEAD, DEAD.changed_at)}
    ),
    "orphans at the very end of a lease": Play([DEAD, ALIVE], ReleaseOrphans(now=NOW), 0),
    "orphans of all": Play(
        [DEAD, ALIVE],
        ReleaseOrphans(now=math.inf),
        2,
        {"1": released(DEAD, DEAD.changed_at), "2": released(ALIVE, ALIVE.changed_at)},
    ),
    "orphans that were due before their last change": Play(
        [owned("1", "dead", due_at=NOW - 5)],
        ReleaseOrphans(now=NOW + 10),
        1,
        {"1": released(owned("1", "dead"), NOW - 5)},
    ),
    **{
        f"an orphan that is {state}": Play([owned("1", "dead", state)], ReleaseOrphans(now=NOW + 10), 0)
        for state in sorted(set(State) - set(CLAIMABLE))
    },
    "an orphan that is never due": Play([owned("1", "dead", due_at=None)], ReleaseOrphans(now=NOW + 10), 0),
    "what nobody owns": Play([owned("1", None)], ReleaseOrphans(now=NOW + 10), 0),
    "pruning what has ended before": Play([ENDED, YOUNG], Prune(before=NOW + 5, limit=9), 1, {"1": None}),
    "pruning no more than the limit, the oldest": Play([YOUNG, ENDED], Prune(before=NOW + 9, limit=1), 1, {"1": None}),
    **{
        f"pruning a {state}": Play([a_transfer("1", state=state)], Prune(before=NOW + 9, limit=9), 0)
        for state in State
        if state not in {State.CONFIRMED, State.ROLLED_BACK}
    },
}


async def write(journal: CopyableJournal, write: Insert | AddReason | Claim | ReleaseOrphans | Prune) -> Any:
    match write:
        case Insert():
            return await journal.insert(write.transfer, write.reason)
        case AddReason():
            return await journal.add_reason(write.key, write.reason)
        case Claim():
            taken = await journal.claim(write)
            return sorted(taken, key=lambda transfer: transfer.id)
        case ReleaseOrphans():
            return await journal.release_orphans(write.now)
        case Prune():
            return await journal.prune(write.before, write.limit)


@pytest.mark.parametrize("play", [pytest.param(play, id=name) for name, play in PLAYS.items()])
async def test_a_write_does_what_the_table_says(journal: CopyableJournal, play: Play) -> None:
    for id_, lease_until in (("dead", NOW), ("alive", NOW + 60)):
        await journal.renew_lease(Instance(id=id_, started_at=NOW, lease_until=lease_until))
    for row in play.rows:
        await put(journal, row)
    assert await write(journal, play.write) == play.answer
    after: dict[str, Transfer | None] = {row.id: row for row in play.rows}
    for id_, transfer in (after | play.after).items():
        key = next((row.key for row in play.rows if row.id == id_), key_of(id_))
        timeline = await journal.timeline(key)
        assert (timeline and timeline.transfer) == transfer, id_
        assert timeline is None or timeline.reasons == play.reasons.get(id_, []), id_
