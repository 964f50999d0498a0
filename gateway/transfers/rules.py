"""What is written after each step of a transfer: pure functions from what was and what happened to a `Change`."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
from gateway.wire.calls import WalletCall

DECISION_OF_DELIVERY: Final = {state: decision for decision, state in DELIVERING.items()}
DECISION_OF_END: Final = {state: decision for decision, state in DELIVERED.items()}

_FATES: Final = {
    Verdict.SUCCESS: Fate.TAKEN,
    Verdict.DECLINED: Fate.REFUSED,
    Verdict.NOT_FOUND: Fate.REFUSED,
    Verdict.UNSENT: Fate.REFUSED,
    Verdict.UNKNOWN: Fate.UNKNOWN,
}


NEVER: Final = math.inf
"""When the schedule of what was parked goes on by itself."""


class SessionOwner(StrEnum):
    """Whose session an end names, beside the transfer's own."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


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


def fingerprint(token: str, amount: Money, description: str) -> str:
    """What a repeated hold must share with the first to count as the same call. It does not tell the token."""
    content = "\x00".join((token, str(amount), description))
    return blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def session_owner(own: Session, named: Session) -> SessionOwner:
    """Whether the session that a call names belongs to the player of the transfer's own."""
    if named.token == own.token:
        return SessionOwner.SAME
    if not own.player_id or not named.player_id:
        return SessionOwner.UNKNOWN
    return SessionOwner.SAME if named.player_id == own.player_id else SessionOwner.OTHER


def add_session(transfer: Transfer, named: Session, known: Sequence[Session]) -> Transfer:
    """The transfer with one more session of its own player to try: the one that last worked first.

    Two are kept, those that worked last: verified, or the hold was made with it. `known` are the transfer's own
    sessions, with what is known of when they were verified.
    """
    if named.token == transfer.session.token:
        as_before = bool(transfer.session.player_id) or not named.player_id
        return transfer if as_before else msgspec.structs.replace(transfer, session=named)
    spare = transfer.spare_session
    if spare is not None and spare.token == named.token:
        return transfer
    verified_at = {session.token: session.verified_at for session in known}

    def worked_at(session: Session) -> tuple[float, bool]:
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


def _session_word(transfer: Transfer) -> str:
    """Which session a try is made with: that of the hold, or one that a later call named. Empty where the hold was
    never seen here, so that nobody can say."""
    if not transfer.fingerprint:
        return ""
    return "own" if transfer.spare_session is None or _is_of_hold(transfer.session, transfer) else "later"


def wanted_decision(transfer: Transfer) -> Decision:
    """How a transfer that is being delivered, or parked, is to end."""
    decision = transfer.wants or DECISION_OF_DELIVERY.get(transfer.state)
    assert decision is not None
    return decision


def build_attempt(call: WalletCall, outcome: Outcome, transfer: Transfer, instance: str) -> Attempt:
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
        player=session.player_id,
        session=_session_word(transfer),
    )


def end_unsent(transfer: Transfer, reason: Reason, now: float) -> Transfer:
    """The row of a hold that is refused before it is sent, ended: nothing has to be undone, and a copy of it that comes
    by another way is not sent either."""
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
    """The operator took the hold."""
    return Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.HELD,
        at=now,
        fate=Fate.TAKEN,
        hold_balance=outcome.balance,
        session=outcome.session,
        attempt=attempt,
    )


def roll_back_failed(transfer: Transfer, outcome: Outcome, attempt: Attempt, reason: Reason, now: float) -> Change:
    """The hold did not clearly succeed: the gateway undoes it, due at once. What was never written has ended."""
    return Change(
        key=transfer.key,
        allowed=(State.SENDING,),
        to=State.ROLLED_BACK if outcome.unwritten else State.ROLLING_BACK,
        at=now,
        due_at=None if outcome.unwritten else now,
        decided_at=now,
        fate=_FATES[outcome.verdict],
        session=outcome.session,
        attempt=attempt,
        reason=reason,
    )


def roll_back_orphan(transfer: Transfer, lease: Lease, reason: Reason, now: float) -> Change:
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


def pin_receipt(key: Key, now: float) -> Change:
    """A held transfer's receipt is about to be told once more: from now on it stands, even if the one who sent the hold
    does not know that it was recorded (see `roll_back_unrecorded`)."""
    return Change(key=key, allowed=(State.HELD,), to=State.HELD, at=now)


def roll_back_unrecorded(found: Transfer, outcome: Outcome, reason: Reason, now: float) -> Change:
    """Nobody knows whether the hold's outcome was recorded; the game is told once this is. Undone as it was found, be
    it sending or held, unless somebody has touched it since."""
    return Change(
        key=found.key,
        allowed=(State.SENDING,) if outcome.unwritten else (State.SENDING, State.HELD),
        to=State.ROLLED_BACK if outcome.unwritten else State.ROLLING_BACK,
        at=now,
        found=found,
        due_at=None if outcome.unwritten else now,
        decided_at=now,
        fate=None if may_have_moved(outcome) else Fate.REFUSED,
        session=outcome.session,
        reason=reason,
    )


def roll_back_late(transfer: Transfer, outcome: Outcome, reason: Reason, now: float) -> Change:
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


def decide(
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


def take_up(transfer: Transfer, lease: Lease, now: float) -> Change:
    """The game asks for a decided transfer: one try now. What was parked is parked again if that fails, since its time
    is over; only a person begins the schedule anew (`retry`)."""
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
    """Whether an instance is at it at this moment: its lease is not over."""
    return transfer.owner is not None and transfer.due_at is not None and transfer.due_at > now


def retry(transfer: Transfer, reason: Reason, now: float, due_at: float | None = None) -> Change:
    """A person starts a parked transfer again, its schedule anew from `due_at` on, at once if that is None."""
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
    """A person has an end that is due later sent at `due_at`. Only the wait is shortened: the schedule goes on from
    there, and the transfer is parked when it would have been."""
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
    """A person vouches that the operator has ended a transfer, parked or still being delivered, as it was to end. A try
    that has begun since it was found moves the fence, and nothing is written."""
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
    """The gateway itself would not send just now: no try is used up. A session that a call has just named is kept.

    `resume_at`: see `after_try`.
    """
    if resume_at == NEVER:
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


def after_try(
    transfer: Transfer,
    attempt: Attempt,
    outcome: Outcome,
    plan: DeliverySettings,
    now: float,
    chance: float,
    resume_at: float | None = None,
) -> Change:
    """What follows one try to deliver: the end, another try, or parking.

    `resume_at` is when the schedule goes on where the try came between, at the game's wish: it then uses up no try.
    `NEVER` for what was parked before it.
    """
    if outcome.session is not None:
        transfer = msgspec.structs.replace(transfer, session=outcome.session)
    if attempt.verdict is Verdict.SUCCESS or _refused_twice(transfer, attempt):
        return _finish(transfer, attempt, outcome, now)
    if (
        attempt.verdict is Verdict.NOT_FOUND
        and transfer.state is State.ROLLING_BACK
        and transfer.fate is not Fate.TAKEN
    ):
        return _after_not_found(transfer, attempt, outcome, plan, now)
    if resume_at == NEVER:
        return _park(transfer, attempt, transfer.tries + 1, now)
    if resume_at is not None:
        return _try_again(transfer, attempt, now, due_at=resume_at, tries=transfer.tries)
    return _retry_or_park(transfer, attempt, plan, now, chance)


def _refused_twice(transfer: Transfer, attempt: Attempt) -> bool:
    """The operator clearly refused the hold, and now its rollback: nothing was taken, nothing is to be given back."""
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
        attempt=attempt,
    )


def _after_not_found(
    transfer: Transfer, attempt: Attempt, outcome: Outcome, plan: DeliverySettings, now: float
) -> Change:
    """The operator never heard of the hold. If its fate is unknown it may still be on its way, so that counts as the
    end only of a rollback that was sent after the late arrival window."""
    missing_at = now if transfer.missing_at is None else transfer.missing_at
    late_until = missing_at + plan.late_arrival_window
    if transfer.missing_at is not None and attempt.at >= late_until:
        return _finish(transfer, attempt, outcome, now)
    return _try_again(transfer, attempt, now, due_at=late_until, tries=transfer.tries + 1, missing_at=missing_at)


def _retry_or_park(transfer: Transfer, attempt: Attempt, plan: DeliverySettings, now: float, chance: float) -> Change:
    tries = transfer.tries + 1
    decided_at = transfer.opened_at if transfer.decided_at is None else transfer.decided_at
    due_at = next_try(plan, tries, decided_at, now, chance)
    if due_at is None:
        return _park(transfer, attempt, tries, now)
    return _try_again(transfer, attempt, now, due_at=due_at, tries=tries)


def _try_again(
    transfer: Transfer, attempt: Attempt, now: float, *, due_at: float, tries: int, missing_at: float | None = None
) -> Change:
    """The next try is made with the other of two sessions: nobody knows which of them the operator still takes."""
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
