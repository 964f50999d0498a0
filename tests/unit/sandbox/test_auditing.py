"""The audit of a game sees each way in which a promise can be broken: evidence of a clean game, doctored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from gateway.money import money
from gateway.reasons import Source
from gateway.records import Attempt, Direction, Key, Reason, Session, State, Timeline, Transfer, Verdict
from gateway.sandbox.ledger import Account, Hold, HoldState
from gateway.wire.calls import WalletCall
from tests.support.auditing import Evidence, story, violations
from tests.support.playing import Told

CONFIRMED = Key("acme", Direction.WITHDRAW, "confirmed")
UNDONE = Key("acme", Direction.WITHDRAW, "undone")
AMOUNT = money("10", "XAG")


def timeline(key: Key, state: State, *calls: WalletCall, reasons: tuple[Reason, ...] = ()) -> Timeline:
    transfer = Transfer(
        operator=key.operator,
        direction=key.direction,
        id=key.id,
        state=state,
        amount=AMOUNT,
        session=Session(operator=key.operator, token="t"),
        opened_at=0.0,
        changed_at=0.0,
    )
    attempts = [Attempt(call=call, at=0.0, took_s=0.0, verdict=Verdict.SUCCESS) for call in calls]
    return Timeline(transfer=transfer, attempts=attempts, reasons=list(reasons))


def told(key: Key, call: WalletCall, balance: int, reason: Any = None, **changes: Any) -> Told:
    body = {"mmTransactionId": key.id, "balance": {"amount": Decimal(balance)}}
    usual: dict[str, Any] = {"at": 0.0, "took_s": 0.0, "status": 200, "reason": reason, "body": body}
    return Told(operator=key.operator, call=call, id=key.id, **{**usual, **changes})


def hold(key: Key, state: HoldState) -> Hold:
    return Hold(key.id, key.direction, key.id, state, "player", AMOUNT)


def clean() -> Evidence:
    """One purchase confirmed, one rolled back."""
    reason = Reason(text="sold out", source=Source.GAME, category="other", at=0.0)
    confirm, roll_back = WalletCall.CONFIRM_WITHDRAWAL, WalletCall.ROLLBACK_WITHDRAWAL
    return Evidence(
        rows={
            CONFIRMED: timeline(CONFIRMED, State.CONFIRMED, WalletCall.WITHDRAW, confirm),
            UNDONE: timeline(UNDONE, State.ROLLED_BACK, WalletCall.WITHDRAW, roll_back, reasons=(reason,)),
        },
        told={
            CONFIRMED: [told(CONFIRMED, WalletCall.WITHDRAW, 90), told(CONFIRMED, confirm, 90)],
            UNDONE: [told(UNDONE, WalletCall.WITHDRAW, 80), told(UNDONE, roll_back, 90, "sold out")],
        },
        wire={
            CONFIRMED: Counter({WalletCall.WITHDRAW: 1, confirm: 2}),
            UNDONE: Counter({WalletCall.WITHDRAW: 1, roll_back: 1}),
        },
        holds={CONFIRMED: hold(CONFIRMED, HoldState.CONFIRMED), UNDONE: hold(UNDONE, HoldState.UNDONE)},
        accounts={("acme", "player"): Account("player", "t", "XAG", Decimal(100), Decimal(90))},
        balances={"acme": {Decimal(100), Decimal(90), Decimal(80)}},
        books=[],
    )


def sent_twice(evidence: Evidence) -> None:
    evidence.wire[CONFIRMED][WalletCall.WITHDRAW] += 1


def sent_unwritten(evidence: Evidence) -> None:
    del evidence.rows[UNDONE]


def both_sent(evidence: Evidence) -> None:
    evidence.wire[CONFIRMED][WalletCall.ROLLBACK_WITHDRAWAL] += 1


def both_acknowledged(evidence: Evidence) -> None:
    evidence.told[UNDONE].append(told(UNDONE, WalletCall.CONFIRM_WITHDRAWAL, 90))


def never_delivered(evidence: Evidence) -> None:
    del evidence.wire[UNDONE][WalletCall.ROLLBACK_WITHDRAWAL]


def unfinished(evidence: Evidence) -> None:
    evidence.rows[UNDONE] = timeline(UNDONE, State.ROLLING_BACK)


def left_held(evidence: Evidence) -> None:
    evidence.rows[CONFIRMED] = timeline(CONFIRMED, State.HELD)


def money_gone(evidence: Evidence) -> None:
    evidence.holds[UNDONE] = hold(UNDONE, HoldState.HELD)


def money_never_taken(evidence: Evidence) -> None:
    del evidence.holds[CONFIRMED]


def taken_back(evidence: Evidence) -> None:
    evidence.told[UNDONE] = evidence.told[UNDONE][:1]


def another_one_answered(evidence: Evidence) -> None:
    evidence.told[CONFIRMED].append(told(UNDONE, WalletCall.WITHDRAW, 90))


def balance_made_up(evidence: Evidence) -> None:
    evidence.told[CONFIRMED].append(told(CONFIRMED, WalletCall.WITHDRAW, 91))


def reason_lost(evidence: Evidence) -> None:
    evidence.told[UNDONE].append(told(UNDONE, WalletCall.ROLLBACK_WITHDRAWAL, 90, {"why": 1}))


def no_reason(evidence: Evidence) -> None:
    evidence.rows[UNDONE] = timeline(UNDONE, State.ROLLED_BACK)


def wrong_balance(evidence: Evidence) -> None:
    evidence.accounts["acme", "player"].balance = Decimal(100)


def books_wrong(evidence: Evidence) -> None:
    evidence.books.append("acme: player has 90, should have 100")


BREACHES: dict[Callable[[Evidence], None], str] = {
    sent_twice: "the hold went over the wire 2 times",
    sent_unwritten: "without a row in the journal",
    both_sent: "confirm and rollback were both sent",
    both_acknowledged: "confirm and rollback were both acknowledged",
    never_delivered: "the operator was never told",
    unfinished: "is rolling_back at the end",
    left_held: "is held at the end",
    money_gone: "is rolled_back, but the operator's books have",
    money_never_taken: "is confirmed, but the operator's books have None",
    taken_back: "although the game never rolled it back",
    another_one_answered: "was answered for undone",
    balance_made_up: "which nobody ever had",
    reason_lost: "is not among",
    no_reason: "is rolled back without a reason",
    wrong_balance: "by the journal it should be 90",
    books_wrong: "should have 100",
}


def test_a_clean_game_has_nothing_wrong() -> None:
    assert violations(clean()) == []


@pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: breach.__name__)
def test_each_breach_is_seen(breach: Callable[[Evidence], None]) -> None:
    evidence = clean()
    breach(evidence)
    assert BREACHES[breach] in "\n".join(violations(evidence))


def test_the_story_of_a_transfer_tells_wire_books_journal_and_game() -> None:
    text = story(clean(), UNDONE)
    for part in ("rollbackWithdrawal", "UNDONE", "sold out", "game: withdraw 200"):
        assert part in text


def test_what_was_held_and_forgotten_by_both_may_stay_held() -> None:
    evidence = clean()
    evidence.rows[CONFIRMED] = timeline(CONFIRMED, State.HELD)
    evidence.holds[CONFIRMED] = hold(CONFIRMED, HoldState.HELD)
    evidence.wire[CONFIRMED] = Counter({WalletCall.WITHDRAW: 1})
    evidence.told[CONFIRMED] = [msgspec.structs.replace(told(CONFIRMED, WalletCall.WITHDRAW, 90), status=0, body={})]
    assert violations(evidence) == []
