"""The rules of a transfer, as data: which call does what in which state, and what may follow what.

What a call does is decided here and nowhere else: `holds` and `ends` match on the action that they find. What may
follow what is in `gateway.transitions`, since the journal checks every change against it. docs/architecture.md shows
both (tests/tidy/test_architecture.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from gateway.records import Decision, State, Transfer
from gateway.transitions import FIRST_STATES, TRANSITIONS

__all__ = [
    "ADOPTED_HOLD_ACTIONS",
    "DELIVERED",
    "DELIVERING",
    "END_ACTIONS",
    "FIRST_STATES",
    "HOLD_ACTIONS",
    "TRANSITIONS",
    "EndAction",
    "HoldAction",
    "effective_state",
    "end_action",
    "hold_action",
]


class HoldAction(StrEnum):
    """What the gateway does with a hold (a withdraw or deposit), given the state it finds."""

    SEND = "write, then send once"
    WAIT = "wait until the hold's fate is known, then look again"
    PIN_AND_REPLAY = "pin the receipt, then answer it"
    REPLAY = "answer the hold's recorded receipt"
    REFUSE_ROLLED_BACK = "refuse: it is rolled back or being rolled back"
    REFUSE_UNSENT = "refuse: its confirm came first, and this hold was never sent from here"


class EndAction(StrEnum):
    """What the gateway does with a confirm or rollback, given the state it finds."""

    ADOPT = "take over a transfer never seen here, then deliver"
    WAIT = "wait until the hold's fate is known, then look again"
    DECIDE = "make the decision durable, then deliver now"
    JOIN = "try to deliver now, or join the try under way"
    NOTE_AND_JOIN = "keep the reason, then try to deliver now or join"
    REPLAY = "answer the end's recorded receipt"
    NOTE_AND_REPLAY = "keep the reason, then answer the end's recorded receipt"
    REFUSE_ROLLED_BACK = "refuse: it is rolled back or being rolled back"
    REFUSE_CONFIRMED = "refuse: it is confirmed or being confirmed"


HOLD_ACTIONS: Final[dict[State | None, HoldAction]] = {
    None: HoldAction.SEND,
    State.SENDING: HoldAction.WAIT,
    State.HELD: HoldAction.PIN_AND_REPLAY,
    State.CONFIRMING: HoldAction.REPLAY,
    State.CONFIRMED: HoldAction.REPLAY,
    State.ROLLING_BACK: HoldAction.REFUSE_ROLLED_BACK,
    State.ROLLED_BACK: HoldAction.REFUSE_ROLLED_BACK,
}
"""By state; None: there is no row. A `parked` transfer is looked up under the state it wants (`effective_state`). A
repeated hold with other content is refused in every state."""

ADOPTED_HOLD_ACTIONS: Final[dict[State, HoldAction]] = {
    State.CONFIRMING: HoldAction.REFUSE_UNSENT,
    State.CONFIRMED: HoldAction.REFUSE_UNSENT,
}
"""What differs where the row was made by an end, its hold never seen here: a yes to a hold is told only where one was
sent from here and the operator took it. That the operator acknowledged the confirm does not prove that: in some
protocols a confirm is sent to nobody (docs/decisions/091-a-hold-after-its-confirm.md)."""

END_ACTIONS: Final[dict[Decision, dict[State | None, EndAction]]] = {
    Decision.CONFIRM: {
        None: EndAction.ADOPT,
        State.SENDING: EndAction.WAIT,
        State.HELD: EndAction.DECIDE,
        State.CONFIRMING: EndAction.JOIN,
        State.CONFIRMED: EndAction.REPLAY,
        State.ROLLING_BACK: EndAction.REFUSE_ROLLED_BACK,
        State.ROLLED_BACK: EndAction.REFUSE_ROLLED_BACK,
    },
    Decision.ROLLBACK: {
        None: EndAction.ADOPT,
        State.SENDING: EndAction.WAIT,
        State.HELD: EndAction.DECIDE,
        State.CONFIRMING: EndAction.REFUSE_CONFIRMED,
        State.CONFIRMED: EndAction.REFUSE_CONFIRMED,
        State.ROLLING_BACK: EndAction.NOTE_AND_JOIN,
        State.ROLLED_BACK: EndAction.NOTE_AND_REPLAY,
    },
}
"""By decision and state, as above. An end with another player's token, or a confirm of another amount, is refused in
every state."""

DELIVERING: Final = {Decision.CONFIRM: State.CONFIRMING, Decision.ROLLBACK: State.ROLLING_BACK}
DELIVERED: Final = {Decision.CONFIRM: State.CONFIRMED, Decision.ROLLBACK: State.ROLLED_BACK}


def effective_state(state: State, wants: Decision | None) -> State:
    """The state whose rules apply: a parked transfer behaves as the state it wants."""
    if state is not State.PARKED:
        return state
    assert wants is not None
    return DELIVERING[wants]


def hold_action(transfer: Transfer | None) -> HoldAction:
    """What to do with a hold whose key has this row; None: it has none."""
    if transfer is None:
        return HOLD_ACTIONS[None]
    state = effective_state(transfer.state, transfer.wants)
    return (transfer.adopted and ADOPTED_HOLD_ACTIONS.get(state)) or HOLD_ACTIONS[state]


def end_action(decision: Decision, transfer: Transfer | None) -> EndAction:
    """What to do with a confirm or rollback of this row; None: there is none."""
    state = None if transfer is None else effective_state(transfer.state, transfer.wants)
    return END_ACTIONS[decision][state]
