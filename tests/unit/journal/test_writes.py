"""A write that the table of transitions does not have is a bug of ours, and is found before anything is written."""

from __future__ import annotations

import msgspec
import pytest

from gateway.journal.writes import Change, IllegalTransition, Insert
from gateway.records import State
from gateway.transitions import FIRST_STATES, TRANSITIONS
from tests.support.journals import NOW, a_transfer, key_of


@pytest.mark.parametrize("to", list(State))
@pytest.mark.parametrize("state", list(State))
def test_a_change_is_made_only_where_the_table_has_its_transition(state: State, to: State) -> None:
    if to in TRANSITIONS[state]:
        assert Change(key=key_of("1"), allowed=(state,), to=to, at=NOW).to is to
    else:
        with pytest.raises(IllegalTransition, match=f"1: no transition leads from {state} to {to}"):
            Change(key=key_of("1"), allowed=(state,), to=to, at=NOW)


def test_one_allowed_state_that_the_table_does_not_have_is_enough() -> None:
    with pytest.raises(IllegalTransition, match="from confirming to held"):
        Change(key=key_of("1"), allowed=(State.SENDING, State.CONFIRMING, State.HELD), to=State.HELD, at=NOW)


def test_a_change_that_is_made_of_another_is_checked_as_well() -> None:
    change = Change(key=key_of("1"), allowed=(State.SENDING,), to=State.HELD, at=NOW)
    with pytest.raises(IllegalTransition):
        msgspec.structs.replace(change, to=State.CONFIRMED)


@pytest.mark.parametrize("state", list(State))
def test_a_transfer_is_inserted_only_in_a_first_state(state: State) -> None:
    if state in FIRST_STATES:
        assert Insert(transfer=a_transfer(state=state)).transfer.state is state
    else:
        with pytest.raises(IllegalTransition, match=f"1234abcd: a transfer does not begin as {state}"):
            Insert(transfer=a_transfer(state=state))


def test_it_is_an_assertion_that_running_without_assertions_does_not_drop() -> None:
    assert issubclass(IllegalTransition, AssertionError)
