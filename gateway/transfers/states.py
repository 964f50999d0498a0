"""The rules of a transfer, as data: which call does what in which state, and what may follow what.

This is the one place they stand; coordinator, tests, docs and console read them from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from gateway.records import Decision, State


class TransferCall(StrEnum):
    """What the game can ask of a transfer. `hold` is withdraw or deposit."""

    HOLD = "hold"
    CONFIRM = "confirm"
    ROLLBACK = "rollback"


class Action(StrEnum):
    """What the gateway does with a call, given the state it finds."""

    SEND = "write, then send once"
    ADOPT = "take over a transfer never seen here, then deliver"
    WAIT = "wait until the hold's fate is known, then look again"
    REPLAY_HOLD = "answer the hold's recorded receipt"
    REPLAY_END = "answer the end's recorded receipt"
    DECIDE = "make the decision durable, then deliver now"
    JOIN = "try to deliver now, or join the try under way"
    NOTE_AND_JOIN = "keep the reason, then try to deliver now or join"
    NOTE_AND_REPLAY = "keep the reason, then answer the end's recorded receipt"
    REFUSE_ROLLED_BACK = "refuse: it is rolled back or being rolled back"
    REFUSE_CONFIRMED = "refuse: it is confirmed or being confirmed"
    REFUSE_UNSENT = "refuse: its confirm came first, and this hold was never sent from here"


ANSWERS: Final[dict[TransferCall, dict[State | None, Action]]] = {
    TransferCall.HOLD: {
        None: Action.SEND,
        State.SENDING: Action.WAIT,
        State.HELD: Action.REPLAY_HOLD,
        State.CONFIRMING: Action.REPLAY_HOLD,
        State.CONFIRMED: Action.REPLAY_HOLD,
        State.ROLLING_BACK: Action.REFUSE_ROLLED_BACK,
        State.ROLLED_BACK: Action.REFUSE_ROLLED_BACK,
    },
    TransferCall.CONFIRM: {
        None: Action.ADOPT,
        State.SENDING: Action.WAIT,
        State.HELD: Action.DECIDE,
        State.CONFIRMING: Action.JOIN,
        State.CONFIRMED: Action.REPLAY_END,
        State.ROLLING_BACK: Action.REFUSE_ROLLED_BACK,
        State.ROLLED_BACK: Action.REFUSE_ROLLED_BACK,
    },
    TransferCall.ROLLBACK: {
        None: Action.ADOPT,
        State.SENDING: Action.WAIT,
        State.HELD: Action.DECIDE,
        State.CONFIRMING: Action.REFUSE_CONFIRMED,
        State.CONFIRMED: Action.REFUSE_CONFIRMED,
        State.ROLLING_BACK: Action.NOTE_AND_JOIN,
        State.ROLLED_BACK: Action.NOTE_AND_REPLAY,
    },
}
"""A `parked` transfer is looked up under the state it wants (`effective_state`). A repeated hold with other content,
and an end with another player's token, are refused in every state."""

ADOPTED: Final[dict[TransferCall, dict[State, Action]]] = {
    TransferCall.HOLD: {
        State.CONFIRMING: Action.REFUSE_UNSENT,
        State.CONFIRMED: Action.REFUSE_UNSENT,
    },
}
"""What is different where the row was made by an end, its hold never seen here: a yes to a hold is told only where one
was sent from here and the operator took it. That the operator acknowledged the confirm proves nothing of the kind: in
some protocols a confirm is sent to nobody."""

TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.SENDING: frozenset({State.HELD, State.ROLLING_BACK, State.ROLLED_BACK}),
    State.HELD: frozenset({State.HELD, State.CONFIRMING, State.ROLLING_BACK}),
    State.CONFIRMING: frozenset({State.CONFIRMING, State.CONFIRMED, State.PARKED}),
    State.CONFIRMED: frozenset(),
    State.ROLLING_BACK: frozenset({State.ROLLING_BACK, State.ROLLED_BACK, State.PARKED}),
    State.ROLLED_BACK: frozenset({State.ROLLING_BACK}),
    State.PARKED: frozenset({State.CONFIRMING, State.ROLLING_BACK, State.CONFIRMED, State.ROLLED_BACK}),
}
"""What may follow a state. `sending` ends as `rolled_back` at once where it is proven that nothing of the hold was
written: nothing is sent then, so that no operator has to undo what it never heard of. `rolled_back` is left only when
an instance that had slept through its lease finds that its withdraw went out after all: the rollback is then sent once
more. What is being delivered, or parked, ends without an acknowledgement only when a person resolves it."""

FIRST_STATES: Final = (State.SENDING, State.CONFIRMING, State.ROLLING_BACK, State.ROLLED_BACK)
"""States in which a row is first written: `confirming` and `rolling_back` are adopted, `rolled_back` is a hold that was
refused before it was sent."""

DELIVERING: Final = {Decision.CONFIRM: State.CONFIRMING, Decision.ROLLBACK: State.ROLLING_BACK}
DELIVERED: Final = {Decision.CONFIRM: State.CONFIRMED, Decision.ROLLBACK: State.ROLLED_BACK}


def effective_state(state: State, wants: Decision | None) -> State:
    """The state whose rules apply: a parked transfer behaves as the state it wants."""
    if state is not State.PARKED:
        return state
    assert wants is not None
    return DELIVERING[wants]


def action_for(
    call: TransferCall, state: State | None, wants: Decision | None = None, *, adopted: bool = False
) -> Action:
    """What to do with a call on a transfer in this state; None: there is no such transfer."""
    if state is None:
        return ANSWERS[call][None]
    stands = effective_state(state, wants)
    return (adopted and ADOPTED.get(call, {}).get(stands)) or ANSWERS[call][stands]
