"""The table of states holds together: every call has an answer in every state, and every state leads to an end."""

from __future__ import annotations

from gateway.records import CLAIMABLE, FINAL, Decision, State, Transfer
from gateway.transfers.states import (
    ADOPTED_HOLD_ACTIONS,
    DELIVERED,
    DELIVERING,
    END_ACTIONS,
    FIRST_STATES,
    HOLD_ACTIONS,
    TRANSITIONS,
    EndAction,
    HoldAction,
    end_action,
    hold_action,
)
from tests.support.transfers import a_transfer

EVERY_EFFECTIVE = [None, *(state for state in State if state is not State.PARKED)]
"""The states under which the tables are looked up."""


def a_row(state: State, wants: Decision | None = None, *, adopted: bool = False) -> Transfer:
    return a_transfer(state, wants=wants, adopted=adopted)


def test_every_call_has_an_action_in_every_state() -> None:
    assert set(HOLD_ACTIONS) == set(EVERY_EFFECTIVE)
    assert all(set(END_ACTIONS[decision]) == set(EVERY_EFFECTIVE) for decision in Decision)


def test_every_action_is_in_a_table() -> None:
    assert {*HOLD_ACTIONS.values(), *ADOPTED_HOLD_ACTIONS.values()} == set(HoldAction)
    assert {action for actions in END_ACTIONS.values() for action in actions.values()} == set(EndAction)


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
    parked = a_row(State.PARKED, Decision.ROLLBACK)
    assert end_action(Decision.ROLLBACK, parked) is EndAction.NOTE_AND_JOIN
    assert end_action(Decision.CONFIRM, parked) is EndAction.REFUSE_ROLLED_BACK
    assert hold_action(parked) is HoldAction.REFUSE_ROLLED_BACK


def test_what_a_row_is_born_as_somebody_must_act_upon_or_has_ended_without_being_sent() -> None:
    assert set(FIRST_STATES) - set(CLAIMABLE) == {State.ROLLED_BACK}


def test_a_hold_that_comes_after_its_adopted_confirm_is_never_answered_yes() -> None:
    for state in set(State) - {State.HELD}:
        wants = Decision.CONFIRM if state is State.PARKED else None
        assert hold_action(a_row(state, wants, adopted=True)) not in {HoldAction.PIN_AND_REPLAY, HoldAction.REPLAY}
    assert hold_action(a_row(State.PARKED, Decision.CONFIRM, adopted=True)) is HoldAction.REFUSE_UNSENT
    assert hold_action(None) is HoldAction.SEND


def test_no_row_that_is_adopted_becomes_a_held_one() -> None:
    """So that what the table says of a held row is about a hold that was sent from here."""
    reached = {State.CONFIRMING, State.ROLLING_BACK}
    while grown := {after for state in reached for after in TRANSITIONS[state]} - reached:
        reached |= grown
    assert State.HELD not in reached
