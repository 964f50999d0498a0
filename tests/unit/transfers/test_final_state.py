"""What an operator is told of a transfer, in every state it can have."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.journal.writes import apply_change
from gateway.operators.outcome import Outcome
from gateway.reasons import Source
from gateway.records import Decision, Direction, FinalState, QueriedState, Reason, State, Verdict
from gateway.transfers import rules
from gateway.transfers.final_state import final_state
from gateway.transitions import TRANSITIONS
from tests.support.transfers import PRICE, a_transfer

TIMES = {"opened_at": 1000.0, "decided_at": 1020.0, "changed_at": 1030.0}


def told(state: State, **fields: Any) -> FinalState:
    return final_state(a_transfer(state, **(TIMES | fields)))


def test_what_has_no_row_is_not_found_and_nothing_else_is_said() -> None:
    assert final_state(None) == FinalState(state=QueriedState.NOT_FOUND)


def test_a_confirmed_transfer_is_told_with_its_amount_and_both_times() -> None:
    assert told(State.CONFIRMED, rollback_reason="an older wish") == FinalState(
        state=QueriedState.CONFIRMED, amount=PRICE, opened_at=1000.0, ended_at=1030.0
    )


def test_a_transfer_that_was_rolled_back_is_told_with_its_reason() -> None:
    assert told(State.ROLLED_BACK, rollback_reason="Withdraw request failed.") == FinalState(
        state=QueriedState.ROLLED_BACK,
        amount=PRICE,
        opened_at=1000.0,
        ended_at=1030.0,
        rollback_reason="Withdraw request failed.",
    )


@pytest.mark.parametrize("state", [State.SENDING, State.HELD])
def test_what_nobody_has_decided_is_pending_since_its_begin_and_wants_nothing(state: State) -> None:
    found = told(state, decided_at=None)
    assert (found.state, found.wants, found.since) == (QueriedState.PENDING, None, 1000.0)


@pytest.mark.parametrize(
    "state, wants, expected",
    [
        (State.CONFIRMING, None, Decision.CONFIRM),
        (State.ROLLING_BACK, None, Decision.ROLLBACK),
        (State.PARKED, Decision.CONFIRM, Decision.CONFIRM),
        (State.PARKED, Decision.ROLLBACK, Decision.ROLLBACK),
    ],
)
def test_what_is_decided_is_pending_since_the_decision_and_says_what_it_wants(
    state: State, wants: Decision | None, expected: Decision
) -> None:
    found = told(state, wants=wants)
    assert (found.state, found.wants, found.since) == (QueriedState.PENDING, expected, 1020.0)
    assert found.ended_at is None


def test_a_reason_is_told_only_of_what_is_rolled_back() -> None:
    reasons = {
        state: told(state, rollback_reason="why", wants=Decision.ROLLBACK if state is State.PARKED else None)
        for state in State
    }
    assert {state for state, found in reasons.items() if found.rollback_reason} == {
        State.ROLLING_BACK,
        State.ROLLED_BACK,
        State.PARKED,
    }


def test_a_retry_that_begins_later_does_not_make_it_pending_since_a_time_to_come() -> None:
    assert told(State.CONFIRMING, decided_at=9000.0).since == 1030.0


def test_a_transfer_whose_hold_was_never_seen_has_no_amount() -> None:
    assert told(State.ROLLING_BACK, amount=None, adopted=True).amount is None


@pytest.mark.parametrize("state", sorted(TRANSITIONS[State.ROLLED_BACK] | {State.PARKED, State.ROLLED_BACK}))
def test_what_was_told_as_rolled_back_stays_so_while_it_is_rolled_back_again(state: State) -> None:
    before = told(State.ROLLED_BACK, changed_at=1025.0)
    wants = Decision.ROLLBACK if state is State.PARKED else None
    after = told(state, first_ended_at=1025.0, changed_at=1090.0, decided_at=1080.0, wants=wants)
    assert after == before


def test_only_what_was_rolled_back_is_ever_opened_again() -> None:
    """Else a row with `first_ended_at` might have been told as confirmed."""
    assert TRANSITIONS[State.CONFIRMED] == frozenset()
    assert TRANSITIONS[State.ROLLED_BACK] == {State.ROLLING_BACK}


def test_a_late_arrival_takes_back_nothing_that_was_told() -> None:
    row = a_transfer(State.ROLLED_BACK, **TIMES, rollback_reason="Withdraw request failed.")
    reason = Reason(text="late", source=Source.GATEWAY, category="other", at=1040.0)
    outcome = Outcome(verdict=Verdict.SUCCESS, at=1035.0, took_s=1.0)
    reopened = apply_change(row, rules.roll_back_late(row, outcome, reason, 1040.0))
    assert reopened is not None
    assert reopened.state is State.ROLLING_BACK
    assert final_state(reopened) == final_state(row)


@pytest.mark.parametrize("direction", Direction)
def test_the_direction_makes_no_difference(direction: Direction) -> None:
    row = a_transfer(State.CONFIRMED)
    assert final_state(msgspec.structs.replace(row, direction=direction)) == final_state(row)
