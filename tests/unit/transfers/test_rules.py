"""What is written after each step: pure rules from what was and what happened."""

from __future__ import annotations

import msgspec
import pytest

from gateway.journal.writes import Change
from gateway.operators.errors import Kind
from gateway.operators.outcome import Outcome
from gateway.records import Decision, Fate, Session, State, Verdict
from gateway.settings import DeliverySettings
from gateway.transfers import rules
from gateway.transfers.rules import SessionOwner
from gateway.transfers.states import TRANSITIONS
from gateway.wire.calls import WalletCall
from tests.support.transfers import BALANCE, SESSION, a_reason, a_transfer, an_attempt

PLAN = DeliverySettings(jitter=0)
NOW = 1000.0
FAILURES = [Verdict.DECLINED, Verdict.NOT_FOUND, Verdict.UNSENT, Verdict.UNKNOWN]


def outcome(verdict: Verdict, **fields: object) -> Outcome:
    return Outcome(verdict=verdict, at=NOW, took_s=0.1, **fields)  # type: ignore[arg-type]  # a test's shorthand


def test_a_hold_that_succeeded_waits_for_the_games_decision() -> None:
    change = rules.mark_held(
        a_transfer(State.SENDING), outcome(Verdict.SUCCESS, balance=BALANCE), an_attempt(Verdict.SUCCESS), NOW
    )
    assert (change.to, change.due_at, change.hold_balance, change.fate) == (State.HELD, None, BALANCE, Fate.TAKEN)


@pytest.mark.parametrize("verdict", FAILURES)
def test_a_hold_that_did_not_clearly_succeed_is_rolled_back_at_once(verdict: Verdict) -> None:
    change = rules.roll_back_failed(a_transfer(State.SENDING), outcome(verdict), an_attempt(verdict), a_reason(), NOW)
    assert (change.to, change.due_at, change.decided_at, change.owner) == (State.ROLLING_BACK, NOW, NOW, None)
    assert change.reason is not None


@pytest.mark.parametrize(
    "verdict, moved",
    [
        (Verdict.SUCCESS, True),
        (Verdict.UNKNOWN, True),
        (Verdict.DECLINED, False),
        (Verdict.NOT_FOUND, False),
        (Verdict.UNSENT, False),
    ],
)
def test_only_a_proof_that_nothing_was_taken_counts_as_one(verdict: Verdict, moved: bool) -> None:
    assert rules.may_have_moved(outcome(verdict)) is moved


@pytest.mark.parametrize("state, end", [(State.CONFIRMING, State.CONFIRMED), (State.ROLLING_BACK, State.ROLLED_BACK)])
def test_only_a_success_ends_a_transfer(state: State, end: State) -> None:
    ended = rules.after_try(
        a_transfer(state), an_attempt(Verdict.SUCCESS), outcome(Verdict.SUCCESS, balance=BALANCE), PLAN, NOW, 0.5
    )
    assert (ended.to, ended.end_balance, ended.due_at) == (end, BALANCE, None)


@pytest.mark.parametrize("verdict", [Verdict.DECLINED, Verdict.UNSENT, Verdict.UNKNOWN])
@pytest.mark.parametrize("state", [State.CONFIRMING, State.ROLLING_BACK])
def test_whatever_is_no_success_is_tried_again_on_schedule(state: State, verdict: Verdict) -> None:
    again = rules.after_try(a_transfer(state, tries=2), an_attempt(verdict), outcome(verdict), PLAN, NOW, 0.5)
    assert (again.to, again.tries, again.due_at) == (state, 3, NOW + 20)


def test_a_confirm_that_the_operator_never_heard_of_is_tried_again() -> None:
    again = rules.after_try(
        a_transfer(State.CONFIRMING), an_attempt(Verdict.NOT_FOUND), outcome(Verdict.NOT_FOUND), PLAN, NOW, 0.5
    )
    assert again.to is State.CONFIRMING


def test_a_try_at_the_games_wish_uses_up_none_of_the_schedule() -> None:
    again = rules.after_try(
        a_transfer(State.ROLLING_BACK, tries=2),
        an_attempt(Verdict.UNKNOWN),
        outcome(Verdict.UNKNOWN),
        PLAN,
        NOW,
        0.5,
        resume_at=NOW + 7,
    )
    assert (again.tries, again.due_at) == (2, NOW + 7)


def test_at_the_end_of_the_period_it_is_parked_with_what_it_wants() -> None:
    late = NOW + PLAN.until
    parked = rules.after_try(
        a_transfer(State.ROLLING_BACK, tries=50), an_attempt(Verdict.UNKNOWN), outcome(Verdict.UNKNOWN), PLAN, late, 0.5
    )
    assert (parked.to, parked.wants, parked.due_at) == (State.PARKED, Decision.ROLLBACK, None)


class TestLateArrival:
    """The operator never heard of a hold that may still be on its way."""

    def missing(self, at: float, **fields: object) -> Change:
        attempt = an_attempt(Verdict.NOT_FOUND, at)
        return rules.after_try(
            a_transfer(State.ROLLING_BACK, **fields), attempt, outcome(Verdict.NOT_FOUND), PLAN, at, 0.5
        )

    def test_the_rollback_is_sent_again_after_the_window(self) -> None:
        first = self.missing(NOW)
        assert (first.to, first.due_at, first.missing_at) == (State.ROLLING_BACK, NOW + 60, NOW)

    def test_a_rollback_sent_within_the_window_does_not_count(self) -> None:
        early = self.missing(NOW + 59, missing_at=NOW)
        assert (early.to, early.due_at) == (State.ROLLING_BACK, NOW + 60)

    def test_a_rollback_sent_after_the_window_does(self) -> None:
        assert self.missing(NOW + 60, missing_at=NOW).to is State.ROLLED_BACK

    def test_nothing_is_awaited_of_a_hold_that_was_clearly_refused(self) -> None:
        assert self.missing(NOW, fate=Fate.REFUSED).to is State.ROLLED_BACK

    def test_an_operator_that_took_the_hold_is_not_believed(self) -> None:
        assert self.missing(NOW, fate=Fate.TAKEN).to is State.ROLLING_BACK


def test_what_was_parked_has_one_try_at_the_games_wish_and_its_whole_schedule_at_a_persons() -> None:
    lease = rules.Lease("me", NOW + 20)
    parked = a_transfer(State.PARKED, wants=Decision.CONFIRM, tries=50, decided_at=0.0)
    taken_up = rules.take_up(parked, lease, NOW)
    assert (taken_up.to, taken_up.tries, taken_up.decided_at) == (State.CONFIRMING, 50, None)
    retried = rules.retry(parked, a_reason(), NOW)
    assert (retried.to, retried.tries, retried.due_at, retried.owner) == (State.CONFIRMING, 0, NOW, None)
    later = rules.retry(parked, a_reason(), NOW, NOW + 60)
    assert (later.at, later.due_at, later.decided_at) == (NOW, NOW + 60, NOW + 60)


@pytest.mark.parametrize("verdict", [Verdict.DECLINED, Verdict.NOT_FOUND])
def test_a_rollback_that_is_refused_as_clearly_as_its_hold_was_has_ended(verdict: Verdict) -> None:
    refused = a_transfer(State.ROLLING_BACK, fate=Fate.REFUSED)
    assert rules.after_try(refused, an_attempt(verdict), outcome(verdict), PLAN, NOW, 0.5).to is State.ROLLED_BACK


def test_a_clear_refusal_ends_no_confirm() -> None:
    confirming = a_transfer(State.CONFIRMING, fate=Fate.REFUSED)
    declined = an_attempt(Verdict.DECLINED)
    assert rules.after_try(confirming, declined, outcome(Verdict.DECLINED), PLAN, NOW, 0.5).to is State.CONFIRMING


@pytest.mark.parametrize(
    "own, named, whose",
    [
        (SESSION, SESSION, SessionOwner.SAME),
        (SESSION, Session(operator="acme", token="newer", player_id="p1"), SessionOwner.SAME),
        (SESSION, Session(operator="acme", token="newer", player_id="p2"), SessionOwner.OTHER),
        (SESSION, Session(operator="acme", token="newer"), SessionOwner.UNKNOWN),
        (Session(operator="acme", token="older"), SESSION, SessionOwner.UNKNOWN),
    ],
)
def test_whose_session_a_call_names(own: Session, named: Session, whose: SessionOwner) -> None:
    assert rules.session_owner(own, named) is whose


def test_a_person_can_only_vouch_for_the_end_that_was_decided() -> None:
    resolved = rules.resolve(a_transfer(State.PARKED, wants=Decision.ROLLBACK), a_reason(), NOW)
    assert (resolved.allowed, resolved.to) == ((State.PARKED,), State.ROLLED_BACK)


@pytest.mark.parametrize("state, end", [(State.CONFIRMING, State.CONFIRMED), (State.ROLLING_BACK, State.ROLLED_BACK)])
def test_a_person_vouches_for_the_end_that_is_being_delivered_unless_a_try_has_begun(state: State, end: State) -> None:
    found = a_transfer(state, tries=4, revision=7)
    resolved = rules.resolve(found, a_reason(), NOW)
    assert (resolved.allowed, resolved.to, resolved.tries, resolved.fence) == ((state,), end, 4, 7)
    assert (resolved.due_at, resolved.owner) == (None, None)


@pytest.mark.parametrize("state", [State.CONFIRMING, State.ROLLING_BACK])
def test_a_person_shortens_the_wait_for_the_next_try_and_nothing_else(state: State) -> None:
    found = a_transfer(state, tries=4, revision=7, due_at=NOW + 3600, decided_at=NOW - 5000)
    hastened = rules.hasten(found, a_reason(), NOW, NOW + 2)
    assert (hastened.allowed, hastened.to, hastened.due_at, hastened.fence) == ((state,), state, NOW + 2, 7)
    assert (hastened.tries, hastened.decided_at, hastened.owner) == (4, None, None)
    assert hastened.reason == a_reason()


@pytest.mark.parametrize(
    "owner, due_at, flying",
    [("a", NOW + 1, True), ("a", NOW, False), (None, NOW + 1, False), (None, None, False)],
)
def test_a_transfer_is_in_flight_while_the_lease_of_its_owner_lasts(
    owner: str | None, due_at: float | None, flying: bool
) -> None:
    assert rules.is_leased(a_transfer(State.CONFIRMING, owner=owner, due_at=due_at), NOW) is flying


def test_what_the_gateway_itself_puts_off_uses_up_no_try() -> None:
    put_off = rules.postpone(a_transfer(State.CONFIRMING, tries=3), NOW + 5, NOW)
    assert (put_off.to, put_off.tries, put_off.due_at) == (State.CONFIRMING, 3, NOW + 5)


def test_the_kind_of_a_decline_is_kept_with_the_try() -> None:
    attempt = rules.build_attempt(
        WalletCall.WITHDRAW, outcome(Verdict.DECLINED, kind=Kind.FUNDS, text="poor"), a_transfer(), "me"
    )
    assert (attempt.kind, attempt.detail, attempt.instance) == ("funds", "poor", "me")


def test_every_rule_makes_only_transitions_of_the_table() -> None:
    lease = rules.Lease("me", NOW)
    sending, held = a_transfer(State.SENDING), a_transfer(State.HELD)
    parked = a_transfer(State.PARKED, wants=Decision.CONFIRM)
    lost, unwritten = outcome(Verdict.UNKNOWN), outcome(Verdict.UNSENT, unwritten=True)
    changes = [
        rules.mark_held(sending, lost, an_attempt(Verdict.SUCCESS), NOW),
        rules.roll_back_failed(sending, lost, an_attempt(Verdict.UNKNOWN), a_reason(), NOW),
        rules.roll_back_orphan(sending, lease, a_reason(), NOW),
        rules.pin_receipt(held.key, NOW),
        rules.roll_back_unrecorded(sending, lost, a_reason(), NOW),
        rules.roll_back_unrecorded(sending, unwritten, a_reason(), NOW),
        rules.roll_back_failed(sending, unwritten, an_attempt(Verdict.UNSENT), a_reason(), NOW),
        rules.roll_back_late(sending, lost, a_reason(), NOW),
        rules.decide(held.key, Decision.CONFIRM, lease, NOW, amount=None, reason=None),
        rules.decide(held.key, Decision.ROLLBACK, lease, NOW, amount=None, reason=a_reason()),
        rules.take_up(parked, lease, NOW),
        rules.retry(parked, a_reason(), NOW),
        *(rules.hasten(a_transfer(state), a_reason(), NOW, NOW) for state in (State.CONFIRMING, State.ROLLING_BACK)),
        *(rules.resolve(a_transfer(state), a_reason(), NOW) for state in (State.CONFIRMING, State.ROLLING_BACK)),
        rules.resolve(parked, a_reason(), NOW),
        *(
            rules.after_try(
                a_transfer(state, tries=tries), an_attempt(verdict), outcome(verdict), PLAN, NOW + tries, 0.5
            )
            for state in (State.CONFIRMING, State.ROLLING_BACK)
            for verdict in Verdict
            for tries in (0, 3 * 86400)
        ),
    ]
    illegal = [(was, change.to) for change in changes for was in change.allowed if change.to not in TRANSITIONS[was]]
    assert illegal == []


def test_a_session_that_is_one_of_the_two_already_changes_nothing() -> None:
    spare = Session(operator="acme", token="later", player_id="p1")
    transfer = a_transfer(State.CONFIRMING, spare_session=spare)
    assert rules.add_session(transfer, spare, []) is transfer
    assert rules.add_session(transfer, SESSION, []) is transfer


RECEIPT = {"transactionId": "T-1"}


@pytest.mark.parametrize("memory, kept", [(RECEIPT, RECEIPT), ({}, None)])
def test_what_a_holds_receipt_gave_is_written_with_it(memory: dict[str, str], kept: object) -> None:
    held = rules.mark_held(
        a_transfer(State.SENDING), outcome(Verdict.SUCCESS, memory=memory), an_attempt(Verdict.SUCCESS), NOW
    )
    assert held.memory == kept


def test_what_a_receipt_gave_is_kept_where_its_hold_must_be_undone() -> None:
    taken = outcome(Verdict.SUCCESS, memory=RECEIPT)
    sending = a_transfer(State.SENDING)
    assert rules.roll_back_unrecorded(sending, taken, a_reason(), NOW).memory == RECEIPT
    assert rules.roll_back_late(sending, taken, a_reason(), NOW).memory == RECEIPT


def test_the_receipt_of_an_end_adds_to_what_is_remembered() -> None:
    ended = rules.after_try(
        a_transfer(State.CONFIRMING, memory=RECEIPT),
        an_attempt(Verdict.SUCCESS),
        outcome(Verdict.SUCCESS, memory={"closedAs": "T-2"}),
        PLAN,
        NOW,
        0.5,
    )
    assert ended.memory == {"transactionId": "T-1", "closedAs": "T-2"}


@pytest.mark.parametrize("resume_at", [None, NOW + 60, rules.STAYS_PARKED])
@pytest.mark.parametrize("state", [State.CONFIRMING, State.ROLLING_BACK])
def test_an_end_that_can_never_succeed_is_parked_at_once(state: State, resume_at: float | None) -> None:
    never = outcome(Verdict.UNKNOWN, park=True)
    parked = rules.after_try(a_transfer(state), an_attempt(Verdict.UNKNOWN), never, PLAN, NOW, 0.5, resume_at)
    assert (parked.to, parked.due_at, parked.tries) == (State.PARKED, None, 1)
    assert parked.wants is rules.DECISION_OF_DELIVERY[state]


@pytest.mark.parametrize("after_s, due_in_s", [(300.0, 300.0), (0.0, 20.0), (5.0, 20.0)])
def test_an_operator_that_wants_to_be_left_alone_is_for_so_long(after_s: float, due_in_s: float) -> None:
    busy = outcome(Verdict.UNKNOWN, retry_after_s=after_s)
    again = rules.after_try(a_transfer(State.CONFIRMING, tries=2), an_attempt(Verdict.UNKNOWN), busy, PLAN, NOW, 0.5)
    assert (again.to, again.due_at, again.tries) == (State.CONFIRMING, NOW + due_in_s, 3)
    asked = rules.after_try(
        a_transfer(State.CONFIRMING, tries=2), an_attempt(Verdict.UNKNOWN), busy, PLAN, NOW, 0.5, NOW + 20
    )
    assert (asked.due_at, asked.tries) == (NOW + due_in_s, 2)


@pytest.mark.parametrize("every_s", [60.0, 600.0])
def test_an_operator_that_is_always_busy_does_not_put_parking_off(every_s: float) -> None:
    """It always wants more time than the game lets pass between two of its calls."""
    busy, failed = outcome(Verdict.UNKNOWN, retry_after_s=2 * every_s), an_attempt(Verdict.UNKNOWN)
    transfer, now = a_transfer(State.CONFIRMING, decided_at=NOW, due_at=NOW + 10), NOW
    while transfer.state is State.CONFIRMING and now <= NOW + 2 * PLAN.until:
        assert transfer.due_at is not None
        asked_at = now + every_s
        now, resume_at = (asked_at, transfer.due_at) if asked_at < transfer.due_at else (transfer.due_at, None)
        change = rules.after_try(transfer, failed, busy, PLAN, now, 0.5, resume_at)
        transfer = msgspec.structs.replace(transfer, state=change.to, due_at=change.due_at, tries=change.tries)
    assert transfer.state is State.PARKED
    assert now == pytest.approx(NOW + PLAN.until, abs=every_s)


def test_the_rollback_of_a_hold_waits_as_long_as_its_operator_wants() -> None:
    busy = outcome(Verdict.UNKNOWN, retry_after_s=7.0)
    change = rules.roll_back_failed(a_transfer(State.SENDING), busy, an_attempt(Verdict.UNKNOWN), a_reason(), NOW)
    assert (change.to, change.due_at, change.decided_at) == (State.ROLLING_BACK, NOW + 7.0, NOW)


@pytest.mark.parametrize(
    "waited_s, over", [(0.0, False), (PLAN.late_arrival_window - 1, False), (PLAN.late_arrival_window, True)]
)
def test_a_try_is_told_whether_the_hold_may_still_be_on_its_way(waited_s: float, over: bool) -> None:
    missing = a_transfer(State.ROLLING_BACK, missing_at=NOW, window_over=not over)
    assert rules.for_try(missing, PLAN, NOW + waited_s).window_over is over


def test_a_try_of_what_the_operator_has_heard_of_is_told_nothing() -> None:
    assert rules.for_try(a_transfer(State.ROLLING_BACK), PLAN, NOW + 1e6).window_over is False
