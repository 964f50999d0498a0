"""Which state of a transfer may follow which: docs/architecture.md draws it. Every write is checked against it."""

from __future__ import annotations

from typing import Final

from gateway.records import State

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
written: nothing is sent then, so that no operator has to undo a hold that it never saw. `rolled_back` is left only when
an instance that had slept through its lease finds that its withdraw went out after all: the rollback is then sent once
more. What is being delivered, or parked, ends without the operator's acknowledgement only when a person resolves it."""

PREDECESSORS: Final = {
    state: frozenset(before for before, following in TRANSITIONS.items() if state in following) for state in State
}
"""The same table read backwards: the states that a state may follow."""

FIRST_STATES: Final = (State.SENDING, State.CONFIRMING, State.ROLLING_BACK, State.ROLLED_BACK)
"""States in which a row is first written: `confirming` and `rolling_back` are adopted, `rolled_back` is a hold that was
refused before it was sent."""
