"""What an operator is told that asks what became of a transfer. Pure functions of its row.

What is told as final is never taken back. A row that has ended may be opened again by a hold that arrived late: it was
rolled back then, it will be rolled back once more, and it is told as rolled back all the while.
"""

from __future__ import annotations

from gateway.records import FINAL, Decision, FinalState, QueriedState, State, Transfer
from gateway.transfers.rules import DECISION_OF_DELIVERY, is_undone


def final_state(transfer: Transfer | None) -> FinalState:
    """What became of the transfer with this row; None: there is no row."""
    if transfer is None:
        return FinalState(state=QueriedState.NOT_FOUND)
    ended_at = _ended_at(transfer)
    wants = None if ended_at is not None else transfer.wants or DECISION_OF_DELIVERY.get(transfer.state)
    return FinalState(
        state=_state(transfer, ended_at),
        wants=wants,
        since=_pending_since(transfer, wants) if ended_at is None else None,
        amount=transfer.amount,
        opened_at=transfer.opened_at,
        ended_at=ended_at,
        rollback_reason=transfer.rollback_reason if is_undone(transfer) else None,
    )


def _ended_at(transfer: Transfer) -> float | None:
    """When it ended for good; None while it is pending."""
    # The first time counts: whoever asks again gets the same answer
    # (test_what_was_told_as_rolled_back_stays_so_while_it_is_rolled_back_again).
    if transfer.first_ended_at is not None:
        return transfer.first_ended_at
    return transfer.changed_at if transfer.state in FINAL else None


def _state(transfer: Transfer, ended_at: float | None) -> QueriedState:
    if ended_at is None:
        return QueriedState.PENDING
    # Only what was rolled back is ever opened again (`gateway.transitions`).
    return QueriedState.CONFIRMED if transfer.state is State.CONFIRMED else QueriedState.ROLLED_BACK


def _pending_since(transfer: Transfer, wants: Decision | None) -> float:
    if wants is None or transfer.decided_at is None:
        return transfer.opened_at
    # A retry may be ordered for later: it was decided when that was written.
    return min(transfer.decided_at, transfer.changed_at)
