"""What is written after each step of a transfer: pure functions from what was and what happened to a `Change`."""

from __future__ import annotations

from typing import Final

import msgspec

from gateway.journal.records import (
    Attempt,
    Decision,
    Direction,
    Fate,
    Key,
    Reason,
    Session,
    State,
    Transfer,
    Verdict,
)
from gateway.journal.writes import Change
from gateway.money import Money
from gateway.operators.outcome import Outcome
from gateway.settings import DeliverySettings
from gateway.transfers.schedule import next_try
from gateway.transfers.states import DELIVERED, DELIVERING
from gateway.wire.calls import WalletCall

HOLD_CALL: Final = {
    Direction.WITHDRAW: WalletCall.WITHDRAW,
    Direction.DEPOSIT: WalletCall.DEPOSIT,
}

END_CALL: Final = {
    (Direction.WITHDRAW, State.CONFIRMING): WalletCall.CONFIRM_WITHDRAWAL,
    (Direction.WITHDRAW, State.ROLLING_BACK): WalletCall.ROLLBACK_WITHDRAWAL,
    (Direction.DEPOSIT, State.CONFIRMING): WalletCall.CONFIRM_DEPOSIT,
    (Direction.DEPOSIT, State.ROLLING_BACK): WalletCall.ROLLBACK_DEPOSIT,
}

WANTED: Final = {state: decision for decision, state in DELIVERING.items()}
ENDED: Final = {state: decision for decision, state in DELIVERED.items()}

_FATES: Final = {
    Verdict.SUCCESS: Fate.TAKEN,
    Verdict.DECLINED: Fate.REFUSED,
    Verdict.NOT_FOUND: Fate.REFUSED,
    Verdict.UNSENT: Fate.REFUSED,
    Verdict.UNKNOWN: Fate.UNKNOWN,
}


class Lease(msgspec.Struct, frozen=True):
    """Who acts on a transfer, and until when (Unix seconds) it is theirs alone."""

    owner: str
    until: float


def may_have_moved(outcome: Outcome) -> bool:
    """Whether the operator may have taken the hold."""
    return _FATES[outcome.verdict] is not Fate.REFUSED


def is_undone(transfer: Transfer) -> bool:
    """Whether it is rolled back, or going to be: nothing leads from there to a confirm."""
    return transfer.wants is Decision.ROLLBACK or transfer.state in {State.ROLLING_BACK, State.ROLLED_BACK}


def is_held(transfer: Transfer) -> bool:
    """Whether its hold was recorded as taken and is not rolled back. One that is still sending never comes to that once
    its sender has given it up."""
    return transfer.state is not State.SENDING and not is_undone(transfer)


def attempt_of(call: WalletCall, outcome: Outcome, instance: str) -> Attempt:
    """What is kept of one try."""
    return Attempt(
        call=call,
        at=outcome.at,
        took_s=outcome.took_s,
        verdict=outcome.verdict,
        kind=outcome.kind or "",
        detail=outcome.text,
        instance=instance,
    )


def taken(transfer: Transfer, outcome: Outcome, attempt: Attempt, now: float) -> Change:
    """The operator took the hold."""
    return Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.HELD,
        at=now,
        fate=Fate.TAKEN,
        hold_balance=outcome.balance,
        attempt=attempt,
    )


def not_taken(transfer: Transfer, outcome: Outcome, attempt: Attempt, reason: Reason, now: float) -> Change:
    """The hold did not clearly succeed: the gateway undoes it, due at once."""
    return Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.ROLLING_BACK,
        at=now,
        due_at=now,
        decided_at=now,
        fate=_FATES[outcome.verdict],
        attempt=attempt,
        reason=reason,
    )


def orphaned(transfer: Transfer, lease: Lease, reason: Reason, now: float) -> Change:
    """Whoever sent the hold is gone, its fate unknown: the gateway undoes it."""
    return Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.ROLLING_BACK,
        at=now,
        found=transfer,
        due_at=lease.until,
        owner=lease.owner,
        decided_at=now,
        reason=reason,
    )


def vouched(key: Key, now: float) -> Change:
    """A held transfer's receipt is about to be told once more: from now on it stands, even if the one who sent the hold
    does not know that it was recorded (see `disowned`)."""
    return Change(key=key, allowed=(State.HELD,), to=State.HELD, at=now)


def disowned(found: Transfer, reason: Reason, now: float) -> Change:
    """Nobody knows whether the hold's outcome was recorded, and the game was told that it failed: undone as it was
    found, be it sending or held, unless somebody has touched it since."""
    return Change(
        key=found.key,
        allowed=(State.SENDING, State.HELD),
        to=State.ROLLING_BACK,
        at=now,
        found=found,
        due_at=now,
        decided_at=now,
        reason=reason,
    )


def arrived_late(transfer: Transfer, outcome: Outcome, reason: Reason, now: float) -> Change:
    """A hold went out although others had already begun to undo it: the rollback is sent once more, after it.

    The window in which it may still arrive starts anew.
    """
    return Change(
        key=transfer.key,
        allowed=(State.ROLLING_BACK, State.ROLLED_BACK, State.PARKED),
        to=State.ROLLING_BACK,
        at=now,
        due_at=now,
        decided_at=now,
        missing_at=now,
        fate=_FATES[outcome.verdict],
        reason=reason,
    )


def decided(
    key: Key, decision: Decision, lease: Lease, now: float, *, amount: Money | None, reason: Reason | None
) -> Change:
    """The game decides how a held transfer ends. A confirm moves it only if `amount` is the held one."""
    return Change(
        key=key,
        allowed=(State.HELD,),
        to=DELIVERING[decision],
        at=now,
        amount=amount,
        due_at=lease.until,
        owner=lease.owner,
        decided_at=now,
        reason=reason,
    )


def adopted(
    key: Key,
    decision: Decision,
    session: Session,
    lease: Lease,
    now: float,
    *,
    amount: Money | None,
    reason: Reason | None,
) -> Transfer:
    """The row of a transfer whose hold this gateway never saw, its end already decided."""
    return Transfer(
        operator=key.operator,
        direction=key.direction,
        id=key.id,
        state=DELIVERING[decision],
        amount=amount,
        session=session,
        adopted=True,
        owner=lease.owner,
        due_at=lease.until,
        opened_at=now,
        decided_at=now,
        changed_at=now,
        rollback_reason=None if reason is None else reason.text,
    )


def taken_up(transfer: Transfer, lease: Lease, now: float) -> Change:
    """Somebody asks for a decided transfer: try now. What was parked begins its schedule anew."""
    parked = transfer.state is State.PARKED
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=DELIVERING[transfer.wants] if parked and transfer.wants else transfer.state,
        at=now,
        found=transfer,
        due_at=lease.until,
        owner=lease.owner,
        tries=0 if parked else transfer.tries,
        decided_at=now if parked else None,
    )


def retried(transfer: Transfer, reason: Reason, now: float) -> Change:
    """A person starts a parked transfer again, its schedule anew."""
    assert transfer.wants is not None
    return Change(
        key=transfer.key,
        allowed=(State.PARKED,),
        to=DELIVERING[transfer.wants],
        at=now,
        found=transfer,
        due_at=now,
        decided_at=now,
        reason=reason,
    )


def resolved(transfer: Transfer, reason: Reason, now: float) -> Change:
    """A person vouches that the operator has ended a parked transfer as it was to end."""
    assert transfer.wants is not None
    return Change(
        key=transfer.key,
        allowed=(State.PARKED,),
        to=DELIVERED[transfer.wants],
        at=now,
        found=transfer,
        tries=transfer.tries,
        reason=reason,
    )


def postponed(transfer: Transfer, until: float, now: float) -> Change:
    """The gateway itself would not send just now: no try is used up."""
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=transfer.state,
        at=now,
        found=transfer,
        due_at=until,
        tries=transfer.tries,
    )


def after_try(
    transfer: Transfer,
    attempt: Attempt,
    balance: Money | None,
    plan: DeliverySettings,
    now: float,
    chance: float,
    resume_at: float | None = None,
) -> Change:
    """What follows one try to deliver: the end, another try, or parking.

    `resume_at` is when the schedule goes on where the try came between, at the game's wish: it then uses up no try.
    """
    if attempt.verdict is Verdict.SUCCESS:
        return _delivered(transfer, attempt, balance, now)
    if (
        attempt.verdict is Verdict.NOT_FOUND
        and transfer.state is State.ROLLING_BACK
        and transfer.fate is not Fate.TAKEN
    ):
        return _nothing_to_undo(transfer, attempt, plan, now)
    if resume_at is not None:
        return _again(transfer, attempt, now, due_at=resume_at, tries=transfer.tries)
    return _tried_in_vain(transfer, attempt, plan, now, chance)


def _delivered(transfer: Transfer, attempt: Attempt, balance: Money | None, now: float) -> Change:
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=DELIVERED[WANTED[transfer.state]],
        at=now,
        found=transfer,
        tries=transfer.tries + 1,
        end_balance=balance,
        attempt=attempt,
    )


def _nothing_to_undo(transfer: Transfer, attempt: Attempt, plan: DeliverySettings, now: float) -> Change:
    """The operator never heard of the hold. If its fate is unknown it may still be on its way, so that counts as the
    end only of a rollback that was sent after the late arrival window."""
    missing_at = now if transfer.missing_at is None else transfer.missing_at
    late_until = missing_at + plan.late_arrival_window
    if transfer.fate is Fate.REFUSED or (transfer.missing_at is not None and attempt.at >= late_until):
        return _delivered(transfer, attempt, None, now)
    return _again(transfer, attempt, now, due_at=late_until, tries=transfer.tries + 1, missing_at=missing_at)


def _tried_in_vain(transfer: Transfer, attempt: Attempt, plan: DeliverySettings, now: float, chance: float) -> Change:
    tries = transfer.tries + 1
    decided_at = transfer.opened_at if transfer.decided_at is None else transfer.decided_at
    due_at = next_try(plan, tries, decided_at, now, chance)
    if due_at is None:
        return _parked(transfer, attempt, tries, now)
    return _again(transfer, attempt, now, due_at=due_at, tries=tries)


def _again(
    transfer: Transfer, attempt: Attempt, now: float, *, due_at: float, tries: int, missing_at: float | None = None
) -> Change:
    """The session goes along: it is the one that the game named last, and the next try is made with it."""
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=transfer.state,
        at=now,
        found=transfer,
        due_at=due_at,
        tries=tries,
        missing_at=missing_at,
        session=transfer.session,
        attempt=attempt,
    )


def _parked(transfer: Transfer, attempt: Attempt, tries: int, now: float) -> Change:
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=State.PARKED,
        at=now,
        found=transfer,
        tries=tries,
        wants=WANTED[transfer.state],
        attempt=attempt,
    )
