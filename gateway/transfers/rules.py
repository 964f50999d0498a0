"""What is written after each step of a transfer. Pure functions: given the row that was found and what happened, they
give the `Change` to write (or, for a row that begins, the `Transfer`).

Times are Unix seconds. Two fields make the changes safe without a lock: `found` (its revision is the fence: the change
applies only if nobody has written the row since) and `allowed` (the states that the change may start from).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from hashlib import blake2b
from typing import Final

import msgspec

from gateway.journal.writes import Change
from gateway.money import Money
from gateway.operators.outcome import Outcome
from gateway.records import (
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
from gateway.settings import DeliverySettings
from gateway.transfers.schedule import next_try
from gateway.transfers.states import DELIVERED, DELIVERING
from gateway.wire.calls import MoneyCall

DECISION_OF_DELIVERY: Final = {state: decision for decision, state in DELIVERING.items()}
DECISION_OF_END: Final = {state: decision for decision, state in DELIVERED.items()}

_FATE_OF: Final = {
    Verdict.SUCCESS: Fate.TAKEN,
    Verdict.DECLINED: Fate.REFUSED,
    Verdict.NOT_FOUND: Fate.REFUSED,
    Verdict.UNSENT: Fate.REFUSED,
    Verdict.UNKNOWN: Fate.UNKNOWN,
}


STAYS_PARKED: Final = math.inf
"""Given as `resume_at` for a try of a parked transfer: its schedule does not go on by itself."""


class SessionOwner(StrEnum):
    """Whose session a call names, compared with the transfer's own."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


class Lease(msgspec.Struct, frozen=True):
    """Who acts on a transfer, and until when (Unix seconds) it is theirs alone."""

    owner: str
    until: float


def may_have_moved(outcome: Outcome) -> bool:
    """Whether the operator may have taken the hold."""
    return _FATE_OF[outcome.verdict] is not Fate.REFUSED


def is_undone(transfer: Transfer) -> bool:
    """Whether it is rolled back or going to be: from there nothing leads to a confirm."""
    return transfer.wants is Decision.ROLLBACK or transfer.state in {State.ROLLING_BACK, State.ROLLED_BACK}


def is_held(transfer: Transfer) -> bool:
    """Whether its hold was recorded as taken and nothing rolls it back. After its sender has given up, a `sending` row
    can only be rolled back, so that it does not count."""
    return transfer.state is not State.SENDING and not is_undone(transfer)


def fingerprint(token: str, amount: Money, description: str) -> str:
    """What a repeated hold must share with the first to count as the same call: 32 hex digits that do not reveal the
    token."""
    content = "\x00".join((token, str(amount), description))
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def session_owner(own: Session, named: Session) -> SessionOwner:
    """Whether `named`, the session of a call, belongs to the player of `own`, the transfer's."""
    if named.token == own.token:
        return SessionOwner.SAME
    if not own.player_id or not named.player_id:
        return SessionOwner.UNKNOWN
    return SessionOwner.SAME if named.player_id == own.player_id else SessionOwner.OTHER


def add_session(transfer: Transfer, named: Session, known: Sequence[Session]) -> Transfer:
    """The transfer with the caller's session, if that is one of the two that worked last; the latest comes first.

    A session has worked when the operator verified it or took the hold with it.
    `known` are the transfer's own sessions as the journal knows them, with the time of their verification.
    """
    if named.token == transfer.session.token:
        as_before = bool(transfer.session.player_id) or not named.player_id
        return transfer if as_before else msgspec.structs.replace(transfer, session=named)
    spare = transfer.spare_session
    if spare is not None and spare.token == named.token:
        return transfer
    verified_at = {session.token: session.verified_at for session in known}

    def worked_at(session: Session) -> tuple[float, bool]:
        # Not "named last": a dead session that a call names must not push out one that works
        # (test_an_old_session_that_is_named_does_not_take_the_place_of_a_living_one).
        of_hold = _is_of_hold(session, transfer)
        held_at = transfer.opened_at if of_hold and transfer.fate is Fate.TAKEN else 0.0
        return max(session.verified_at, verified_at.get(session.token, 0.0), held_at), of_hold

    candidates = [named, transfer.session, *([] if spare is None else [spare])]
    first, second, *_ = sorted(candidates, key=worked_at, reverse=True)
    if named not in (first, second):
        return transfer
    return msgspec.structs.replace(transfer, session=first, spare_session=second)


def _is_of_hold(session: Session, transfer: Transfer) -> bool:
    """Only the hold's own token gives the hold's fingerprint. (That of an adopted transfer is not known.)"""
    return (
        transfer.amount is not None
        and fingerprint(session.token, transfer.amount, transfer.description) == transfer.fingerprint
    )


def _session_label(transfer: Transfer) -> str:
    """Which session a try is made with, for the timeline: `own` is the hold's, `later` one that a later call named.
    Empty for adopted transfers: nobody knows the hold's."""
    if not transfer.fingerprint:
        return ""
    return "own" if transfer.spare_session is None or _is_of_hold(transfer.session, transfer) else "later"


def wanted_decision(transfer: Transfer) -> Decision:
    """How a transfer that is being delivered or parked is to end."""
    decision = transfer.wants or DECISION_OF_DELIVERY.get(transfer.state)
    assert decision is not None
    return decision


def delivery_label(key: Key, decision: Decision) -> str:
    """What a delivery tells its far side, as metrics name it: a decision, or of a payment."""
    return key.direction if key.direction is Direction.PAYMENT else decision


def build_attempt(call: MoneyCall, outcome: Outcome, transfer: Transfer, instance: str) -> Attempt:
    """What is kept of one try, made with the transfer's session."""
    session = outcome.session or transfer.session
    return Attempt(
        call=call,
        at=outcome.at,
        took_s=outcome.took_s,
        verdict=outcome.verdict,
        kind=outcome.kind or "",
        detail=outcome.text,
        instance=instance,
        # Nobody is asked for a payment's session: the player has paid elsewhere.
        player="" if transfer.direction is Direction.PAYMENT else session.player_id,
        session="" if transfer.direction is Direction.PAYMENT else _session_label(transfer),
    )


def end_unsent(transfer: Transfer, reason: Reason, now: float) -> Transfer:
    """The row of a hold that was refused before it was sent, already ended: nothing has to be undone, and a copy of the
    hold that arrives at another gateway finds the row and is not sent either."""
    return msgspec.structs.replace(
        transfer,
        state=State.ROLLED_BACK,
        fate=Fate.REFUSED,
        owner=None,
        due_at=None,
        decided_at=now,
        rollback_reason=reason.text,
    )


def mark_held(transfer: Transfer, outcome: Outcome, attempt: Attempt, now: float) -> Change:
    """`sending` → `held`: the operator clearly took the hold."""
    # Without a fence, as in `roll_back_failed`: another instance's claim raises the revision while the hold is out, but
    # while the row is `sending` nothing is decided yet, so that the operator's answer counts.
    return Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.HELD,
        at=now,
        fate=Fate.TAKEN,
        hold_balance=outcome.balance,
        session=outcome.session,
        memory=_new_memory(transfer, outcome),
        attempt=attempt,
    )


def _new_memory(transfer: Transfer, outcome: Outcome) -> Mapping[str, str] | None:
    """What is remembered with the transfer from now on; None: as before. Written with the receipt that gave it, so
    that no later call can lack it (test_what_a_receipt_gave_comes_back_with_every_later_call)."""
    return {**transfer.memory, **outcome.memory} if outcome.memory else None


def roll_back_failed(transfer: Transfer, outcome: Outcome, attempt: Attempt, reason: Reason, now: float) -> Change:
    """`sending` → `rolling_back`: the hold did not clearly succeed. Due at once, or when the operator wants to be asked
    again. Where it is proven that nothing was written to the operator, → `rolled_back`: it has ended."""
    return Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.ROLLED_BACK if outcome.unwritten else State.ROLLING_BACK,
        at=now,
        due_at=None if outcome.unwritten else now + (outcome.retry_after_s or 0.0),
        decided_at=now,
        fate=_FATE_OF[outcome.verdict],
        session=outcome.session,
        attempt=attempt,
        reason=reason,
    )


def roll_back_orphan(transfer: Transfer, lease: Lease, reason: Reason, now: float) -> Change:
    """`sending` → `rolling_back`: whoever sent the hold is gone, and its fate unknown."""
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


def recall(transfer: Transfer, reason: Reason, now: float) -> Change:
    """Due at once, whatever its schedule says. A hold whose sender is gone is to be rolled back, for `reason`."""
    if transfer.state is State.SENDING:
        return roll_back_orphan(transfer, Lease("", now), reason, now)
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=transfer.state,
        at=now,
        found=transfer,
        due_at=now,
        tries=transfer.tries,
    )


def pin_receipt(key: Key, now: float) -> Change:
    """`held` → `held`: raises the revision before a receipt is repeated, so that a sender which lost the answer to its
    commit can no longer roll the transfer back (see `roll_back_unrecorded`)."""
    return Change(key=key, allowed=(State.HELD,), to=State.HELD, at=now)


def roll_back_unrecorded(found: Transfer, outcome: Outcome, reason: Reason, now: float) -> Change:
    """`sending` or `held` → `rolling_back`, as it was `found` and only if nobody has written it since: the commit of
    the hold's outcome may or may not have become durable. What was never written to the operator → `rolled_back`."""
    return Change(
        key=found.key,
        # What was never written was not taken either, so that it cannot have become `held`.
        allowed=(State.SENDING,) if outcome.unwritten else (State.SENDING, State.HELD),
        to=State.ROLLED_BACK if outcome.unwritten else State.ROLLING_BACK,
        at=now,
        found=found,
        due_at=None if outcome.unwritten else now + (outcome.retry_after_s or 0.0),
        decided_at=now,
        fate=None if may_have_moved(outcome) else Fate.REFUSED,
        session=outcome.session,
        memory=_new_memory(found, outcome),
        reason=reason,
    )


def roll_back_late(transfer: Transfer, outcome: Outcome, reason: Reason, now: float) -> Change:
    """→ `rolling_back`, due at once: a hold went out although others had already begun to roll it back. The rollback is
    sent once more, after the hold, and the window in which the hold may still arrive starts again (`missing_at`)."""
    # Without a fence: whatever others have written meanwhile, the hold went out after their rollback was decided.
    return Change(
        key=transfer.key,
        allowed=(State.ROLLING_BACK, State.ROLLED_BACK, State.PARKED),
        to=State.ROLLING_BACK,
        at=now,
        due_at=now,
        decided_at=now,
        missing_at=now,
        fate=_FATE_OF[outcome.verdict],
        memory=_new_memory(transfer, outcome),
        reason=reason,
    )


def decide(
    key: Key, decision: Decision, lease: Lease, now: float, *, amount: Money | None, reason: Reason | None
) -> Change:
    """`held` → `confirming` or `rolling_back`: the game decides how the transfer ends. A confirm applies only if
    `amount` is the held one. Leased, since the caller delivers it at once."""
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


def adopt(
    key: Key,
    decision: Decision,
    session: Session,
    lease: Lease,
    now: float,
    *,
    amount: Money | None,
    reason: Reason | None,
) -> Transfer:
    """The row of a transfer whose hold this gateway never saw, its end already decided. Leased, as with `decide`."""
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


def take_up(transfer: Transfer, lease: Lease, now: float) -> Change:
    """The game asks again for a decided transfer: leased for one try now. What was parked is parked again if that
    fails, since its time is over; only a person starts the schedule again (`retry`)."""
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=transfer.state if transfer.wants is None else DELIVERING[transfer.wants],
        at=now,
        found=transfer,
        due_at=lease.until,
        owner=lease.owner,
        tries=transfer.tries,
    )


def is_leased(transfer: Transfer, now: float) -> bool:
    """Whether an instance is working on it at this moment: its lease has not ended."""
    return transfer.owner is not None and transfer.due_at is not None and transfer.due_at > now


def retry(transfer: Transfer, reason: Reason, now: float, due_at: float | None = None) -> Change:
    """`parked` → delivering again: a person restarts the schedule at `due_at`, now if that is None."""
    assert transfer.wants is not None
    begins_at = now if due_at is None else due_at
    return Change(
        key=transfer.key,
        allowed=(State.PARKED,),
        to=DELIVERING[transfer.wants],
        at=now,
        found=transfer,
        due_at=begins_at,
        decided_at=begins_at,
        reason=reason,
    )


def hasten(transfer: Transfer, reason: Reason, now: float, due_at: float) -> Change:
    """A person moves the next try forward to `due_at`. The schedule and the time of parking stay as they are."""
    assert transfer.state in DECISION_OF_DELIVERY
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=transfer.state,
        at=now,
        found=transfer,
        due_at=due_at,
        tries=transfer.tries,
        reason=reason,
    )


def resolve(transfer: Transfer, reason: Reason, now: float) -> Change:
    """→ `confirmed` or `rolled_back`: a person states that the operator has ended the transfer as decided. Not written
    if a try has begun since it was found: that raises the revision."""
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=DELIVERED[wanted_decision(transfer)],
        at=now,
        found=transfer,
        tries=transfer.tries,
        reason=reason,
    )


def postpone(transfer: Transfer, until: float, now: float, resume_at: float | None = None) -> Change:
    """Due again at `until`: the bulkhead let nothing out, so that no try is used up. A session that a call has just
    named is kept.

    `resume_at`: see `after_try`.
    """
    if resume_at == STAYS_PARKED:
        return _park(transfer, None, transfer.tries, now)
    if resume_at is not None:
        until = max(until, resume_at)
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=transfer.state,
        at=now,
        found=transfer,
        due_at=until,
        tries=transfer.tries,
        session=None if transfer.spare_session is None else transfer.session,
        spare_session=transfer.spare_session,
    )


def for_try(transfer: Transfer, plan: DeliverySettings, now: float) -> Transfer:
    """The transfer as its adapter is given it for a try at `now`: told whether a hold may still be on its way."""
    if transfer.missing_at is None:
        return transfer
    return msgspec.structs.replace(transfer, window_over=now >= transfer.missing_at + plan.late_arrival_window)


def after_try(
    transfer: Transfer,
    attempt: Attempt,
    outcome: Outcome,
    plan: DeliverySettings,
    now: float,
    random_share: float,
    resume_at: float | None = None,
) -> Change:
    """What follows one try to deliver: the end, another try (no sooner than the operator wants it), or parking.

    `resume_at` is given for a try at the game's request, which comes between two of the schedule and uses up none of
    it: when the schedule goes on, or `STAYS_PARKED` for what was parked before. After "not found" it does not count.
    """
    if outcome.session is not None:  # the player was looked up for this try, and is kept
        transfer = msgspec.structs.replace(transfer, session=outcome.session)
    if attempt.verdict is Verdict.SUCCESS or _refused_twice(transfer, attempt):
        return _finish(transfer, attempt, outcome, now)
    if (
        attempt.verdict is Verdict.NOT_FOUND
        and transfer.state is State.ROLLING_BACK
        and transfer.fate is not Fate.TAKEN
    ):
        return _after_not_found(transfer, attempt, outcome, plan, now)
    # The operator's clear word that no later try can succeed: a person is told now, not after days
    # (test_an_end_that_can_never_succeed_is_parked_at_once).
    if outcome.park or resume_at == STAYS_PARKED:
        return _park(transfer, attempt, transfer.tries + 1, now)
    # No later than the period's last moment: a game that asks again and again would otherwise move the last try, and
    # the parking that follows it, away for ever (test_an_operator_that_is_always_busy_does_not_put_parking_off).
    not_before = min(now + (outcome.retry_after_s or 0.0), _decided_at(transfer) + plan.until)
    if resume_at is not None:
        return _try_again(transfer, attempt, now, due_at=max(resume_at, not_before), tries=transfer.tries)
    return _retry_or_park(transfer, attempt, plan, now, random_share, not_before)


def is_worth_asking(change: Change, outcome: Outcome) -> bool:
    """Whether the operator is asked what became of a transfer after this outcome of a try, before the change that would
    park it is written. Not twice for one try, and not one that wants to be left alone."""
    return change.to is State.PARKED and not outcome.asked and outcome.retry_after_s is None


def _refused_twice(transfer: Transfer, attempt: Attempt) -> bool:
    """The operator clearly refused the hold, and now its rollback: nothing was taken, nothing has to be given back."""
    return (
        transfer.state is State.ROLLING_BACK
        and transfer.fate is Fate.REFUSED
        and attempt.verdict in {Verdict.DECLINED, Verdict.NOT_FOUND}
    )


def _finish(transfer: Transfer, attempt: Attempt, outcome: Outcome, now: float) -> Change:
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=DELIVERED[DECISION_OF_DELIVERY[transfer.state]],
        at=now,
        found=transfer,
        tries=transfer.tries + 1,
        end_balance=outcome.balance,
        session=outcome.session,
        spare_session=transfer.spare_session,
        memory=_new_memory(transfer, outcome),
        attempt=attempt,
    )


def _after_not_found(
    transfer: Transfer, attempt: Attempt, outcome: Outcome, plan: DeliverySettings, now: float
) -> Change:
    """The operator does not know the hold: it may still be on its way. The late arrival window alone decides when the
    rollback is sent again, whoever asked for this try."""
    # Only a rollback that was *sent* after the window counts as the end: one that was sent before it, and answered
    # after it, may have been overtaken by the hold
    # (test_a_withdraw_that_may_still_be_on_its_way_is_rolled_back_again_after_the_window).
    missing_at = now if transfer.missing_at is None else transfer.missing_at
    late_until = missing_at + plan.late_arrival_window
    if transfer.missing_at is not None and attempt.at >= late_until:
        return _finish(transfer, attempt, outcome, now)
    return _try_again(transfer, attempt, now, due_at=late_until, tries=transfer.tries + 1, missing_at=missing_at)


def _retry_or_park(
    transfer: Transfer, attempt: Attempt, plan: DeliverySettings, now: float, random_share: float, not_before: float
) -> Change:
    tries = transfer.tries + 1
    due_at = next_try(plan, tries, _decided_at(transfer), now, random_share)
    if due_at is None:
        return _park(transfer, attempt, tries, now)
    return _try_again(transfer, attempt, now, due_at=max(due_at, not_before), tries=tries)


def _decided_at(transfer: Transfer) -> float:
    """When the schedule's period began."""
    return transfer.opened_at if transfer.decided_at is None else transfer.decided_at


def _try_again(
    transfer: Transfer, attempt: Attempt, now: float, *, due_at: float, tries: int, missing_at: float | None = None
) -> Change:
    """Due again at `due_at`."""
    # With the other of two sessions in turn: nobody knows which of them the operator still accepts
    # (test_tries_alternate_between_the_sessions_until_one_works).
    spare = transfer.spare_session
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=transfer.state,
        at=now,
        found=transfer,
        due_at=due_at,
        tries=tries,
        missing_at=missing_at,
        session=transfer.session if spare is None else spare,
        spare_session=None if spare is None else transfer.session,
        attempt=attempt,
    )


def _park(transfer: Transfer, attempt: Attempt | None, tries: int, now: float) -> Change:
    return Change(
        key=transfer.key,
        allowed=(transfer.state,),
        to=State.PARKED,
        at=now,
        found=transfer,
        tries=tries,
        wants=DECISION_OF_DELIVERY[transfer.state],
        session=transfer.session,
        spare_session=transfer.spare_session,
        attempt=attempt,
    )
