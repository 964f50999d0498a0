"""The table of states holds together: every call has an answer in every state, and every state leads to an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.records import CLAIMABLE, FINAL, Decision, State
from gateway.transfers.states import (
    ADOPTED,
    ANSWERS,
    DELIVERED,
    DELIVERING,
    FIRST_STATES,
    TRANSITIONS,
    Action,
    TransferCall,
    action_for,
    effective_state,
)

EVERY_STANDING = [None, *(state for state in State if state is not State.PARKED)]


@pytest.mark.parametrize("call", list(TransferCall))
def test_every_call_has_an_answer_in_every_state(call: TransferCall) -> None:
    assert set(ANSWERS[call]) == set(EVERY_STANDING)


def test_every_state_says_what_may_follow() -> None:
    assert set(TRANSITIONS) == set(State)


def test_from_every_state_an_end_can_be_reached() -> None:
    for start in State:
        reached = {start}
        while grown := {after for state in reached for after in TRANSITIONS[state]} - reached:
            reached |= grown
        assert reached & set(FINAL), start


def test_confirm_and_rollback_exclude_each_other() -> None:
    """But for what a person starts again, nothing leads from one decision to the other."""
    for one, other in ((Decision.CONFIRM, Decision.ROLLBACK), (Decision.ROLLBACK, Decision.CONFIRM)):
        undecided = {State.PARKED}
        reached = {DELIVERING[one]}
        while grown := {after for state in reached for after in TRANSITIONS[state]} - reached - undecided:
            reached |= grown
        assert not reached & {DELIVERING[other], DELIVERED[other]}


def test_a_parked_transfer_behaves_as_the_state_it_wants() -> None:
    assert effective_state(State.PARKED, Decision.CONFIRM) is State.CONFIRMING
    assert action_for(TransferCall.ROLLBACK, State.PARKED, Decision.ROLLBACK) is Action.NOTE_AND_JOIN
    assert action_for(TransferCall.CONFIRM, State.PARKED, Decision.ROLLBACK) is Action.REFUSE_ROLLED_BACK


def test_what_a_row_is_born_as_somebody_must_act_upon_or_has_ended_without_being_sent() -> None:
    assert set(FIRST_STATES) - set(CLAIMABLE) == {State.ROLLED_BACK}


def test_a_hold_that_comes_after_its_adopted_confirm_is_never_answered_yes() -> None:
    for state in State:
        wants = Decision.CONFIRM if state is State.PARKED else None
        assert (
            action_for(TransferCall.HOLD, state, wants, adopted=True) is not Action.REPLAY_HOLD or state is State.HELD
        )
    assert action_for(TransferCall.HOLD, State.PARKED, Decision.CONFIRM, adopted=True) is Action.REFUSE_UNSENT
    assert action_for(TransferCall.HOLD, None) is Action.SEND


def test_no_row_that_is_adopted_becomes_a_held_one() -> None:
    """So that what the table says of a held row is about a hold that was sent from here."""
    reached = {State.CONFIRMING, State.ROLLING_BACK}
    while grown := {after for state in reached for after in TRANSITIONS[state]} - reached:
        reached |= grown
    assert State.HELD not in reached
    assert set(ADOPTED) == {TransferCall.HOLD}


def test_the_page_on_the_architecture_shows_this_very_table() -> None:
    page = (Path(__file__).parents[3] / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")
    ]
    shown = {row[0]: row[1:] for row in rows if len(row) == len(TransferCall) + 1}
    expected = {
        "no row" if state is None else f"`{state}`": [ANSWERS[call][state].value for call in TransferCall]
        for state in EVERY_STANDING
    }
    for call, answers in ADOPTED.items():
        for state, answer in answers.items():
            cells = [answer.value if each is call else "" for each in TransferCall]
            expected[f"`{state}`, hold never seen"] = cells
    assert {state: shown.get(state) for state in expected} == expected
