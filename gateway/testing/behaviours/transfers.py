"""Whole transfers: what they do to the player's money, in any order of events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any, Final

from msgspec.structs import replace

from gateway.money import Money, MoneyError, money
from gateway.operators.errors import Kind
from gateway.operators.outcome import Outcome
from gateway.records import Direction, Session, Transfer, Verdict
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.sandbox.simulated import CURRENCIES, Manner, Unknown
from gateway.testing.behaviours.registry import Case, Grade, behaviour
from gateway.testing.subject import CONFIRMS, HOLDS, ROLLBACKS, Move, Subject
from gateway.testing.workbench import FULL, Workbench
from gateway.toolbox import ISO_4217_PLACES, Currencies

AMOUNTS: Final = (
    *(f"1e{scale}" for scale in range(-12, 25)),
    *("0.1", "2.675", "230.00", "12.345", "12.345678901234", "1234567890123456.78"),
    *("9007199254740993", "99999999999999999999.99999999", "12345678901234567890123.456789012345"),
)
"""Every scale that the gateway keeps, and numbers that a binary float cannot hold."""

ISO_CURRENCIES: Final = CURRENCIES[1:]

EXPONENT: Final = re.compile(rb'(?:^|[\s:=>\[,])"?-?[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+(?=$|[\s,}\]&<"])')
"""A number such as 1E-7, alone in a member, a field or an element: many readers of money refuse it."""

GATEWAY_TRIES: Final = 3
"""How often the gateway's rules are followed here; the gateway itself tries for days."""


@behaviour(Grade.BRONZE)
def an_amount_arrives_exactly_or_is_declined_unsent(subject: Subject) -> Iterator[Case]:
    """An amount arrives at the operator digit for digit, from 1e-12 to the largest. One that the protocol cannot carry
    is declined (`Kind.AMOUNT`) before anything is sent: rounded money is lost money. No amount has an exponent."""

    async def play(direction: Direction, currency: str, bench: Workbench) -> None:
        await bench.verify()
        taken = [await _hold_exactly(bench, direction, currency, amount) for amount in ("2", *AMOUNTS)]
        bench.expect(taken[0], f"2 {currency} is taken", "declined")
        bench.expect_right_books()

    for direction, currency in product(subject.directions, subject.simulated.currencies):
        yield Case(f"{direction}, {currency}", partial(play, direction, currency), balance=money(FULL, currency))


async def _hold_exactly(bench: Workbench, direction: Direction, currency: str, amount: str) -> bool:
    """Whether the operator has taken a hold of this amount."""
    try:
        exact = money(amount, currency)
    except MoneyError:
        return False
    move, case = HOLDS[direction], f"{direction} of {amount} {currency}"
    transfer = bench.transfer(direction, exact, id=f"id-{amount}")
    sent_before = len(bench.wire())
    outcome = await bench.attempt(move, transfer)
    if outcome.verdict is Verdict.DECLINED:
        # An operator that cannot read the amount has not understood for which call it is.
        unsent = not any(seen.call in {move.call, ""} for seen in bench.wire()[sent_before:])
        bench.expect(outcome.kind is Kind.AMOUNT and unsent, "taken, or declined (amount) and unsent", outcome, case)
        return False
    booked = next((hold.amount for hold in bench.ledger.holds.values() if hold.amount == exact), None)
    bench.expect(outcome.verdict is Verdict.SUCCESS, "success, or declined unsent", outcome, case)
    bodies = [seen.body for seen in bench.wire()[sent_before:]]
    bench.expect(not any(map(EXPONENT.search, bodies)), "plain digits", "an exponent", case)
    bench.expect(booked is not None, f"a hold of exactly {exact}", outcome, case)
    return True


@behaviour(Grade.BRONZE, again=True)
def a_confirmed_transfer_has_moved_the_money(subject: Subject) -> Iterator[Case]:
    """A hold and its confirm succeed, and the operator's books show exactly the amount. A confirm is sent,
    unless holds are final at once (`Simulated.final_holds`, or by other settings)."""

    async def play(direction: Direction, verified: bool, bench: Workbench) -> None:
        full = bench.balance
        transfer = await (bench.hold(direction) if verified else bench.hold_unverified(direction))
        after_hold = bench.balance
        outcome = await bench.attempt(CONFIRMS[direction], transfer)
        _expect_yes(bench, outcome, after_hold)
        bench.expect(bench.balance == after_hold != full, f"{after_hold} in the operator's books", bench.balance)
        final = direction in subject.simulated.final_holds or bench.subject.settings
        bench.expect(bool(bench.wire(CONFIRMS[direction].call) or final), "a confirm that is sent", "nothing was sent")
        bench.expect_right_books()

    for direction in subject.directions:
        yield Case(direction, partial(play, direction, True))
        yield Case(f"{direction}, in a session that nobody has verified", partial(play, direction, False))


@behaviour(Grade.BRONZE, again=True)
def a_rolled_back_transfer_has_moved_nothing(subject: Subject) -> Iterator[Case]:
    """After the rollback of a hold the player has what they had before."""

    async def play(direction: Direction, bench: Workbench) -> None:
        full = bench.balance
        transfer = await bench.hold(direction)
        outcome = await bench.attempt(ROLLBACKS[direction], transfer)
        _expect_yes(bench, outcome, full)
        _expect_undone(bench, full)

    return (Case(direction, partial(play, direction)) for direction in subject.directions)


@behaviour(Grade.BRONZE, again=True)
def a_repeated_end_succeeds_again(subject: Subject) -> Iterator[Case]:
    """The gateway repeats an end until it is acknowledged. So the second confirm or rollback is a yes too, from an
    operator that repeats its answer and from one that says "done before", and nothing is booked twice."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.hold(move.direction)
        await bench.attempt(move, transfer)
        _expect_yes(bench, await bench.attempt(move, transfer), bench.balance)
        bench.expect_right_books()

    for move, refuses in product(subject.ends, (False, True)):
        name = f"{move.call}, {'refused as done before' if refuses else 'answered as at first'}"
        yield Case(name, partial(play, move), manner=Manner(refuses_repeats=refuses))


@behaviour(Grade.BRONZE, again=True)
def an_end_is_told_as_done_only_if_it_is(subject: Subject) -> Iterator[Case]:
    """A gateway that never saw the hold may lack what the end must name, and once the session has ended, nobody says
    whose it was. Then the adapter says that it cannot send it (`Unclear`), never that it is done, nor that there is
    nothing to undo."""

    async def play(move: Move, ended: bool, bench: Workbench) -> None:
        held = await bench.hold(move.direction)
        if ended:
            bench.ledger.end_session(bench.session.token)
        outcome = await bench.attempt(move, _unseen(held, move))
        if outcome.verdict in {Verdict.SUCCESS, Verdict.NOT_FOUND} and not bench.sends_nothing(move, outcome):
            wanted = HoldState.UNDONE if move.is_rollback else HoldState.CONFIRMED
            hold = bench.held(held)
            bench.expect(hold is not None and hold.state is wanted, f"unclear, or a hold that is {wanted}", outcome)

    for move in subject.ends:
        yield Case(move.call, partial(play, move, False))
        yield Case(f"{move.call}, in a session that has ended", partial(play, move, True))


def _unseen(held: Transfer, end: Move) -> Transfer:
    """The transfer as a gateway takes it over that is first told of its end."""
    amount = None if end.is_rollback else held.amount
    session = Session(operator=held.operator, token=held.session.token)
    return replace(held, session=session, amount=amount, description="", adopted=True, memory={})


@behaviour(Grade.BRONZE, exemptible=True, again=True)
def an_end_needs_nothing_that_only_the_hold_knew(subject: Subject) -> Iterator[Case]:
    """A confirm or a rollback can arrive at a gateway that never saw the hold: no player, no memory, no description,
    and for a rollback no amount. It must be sent all the same. A contract whose ends name something that only the hold
    gave is exempt."""

    async def play(move: Move, bench: Workbench) -> None:
        held = await bench.hold(move.direction)
        _expect_yes(bench, await bench.attempt(move, _unseen(held, move)), bench.balance)
        bench.expect_right_books()

    return (Case(move.call, partial(play, move)) for move in subject.ends)


@behaviour(Grade.BRONZE, again=True)
def the_rollback_of_what_never_came_moves_nothing(subject: Subject) -> Iterator[Case]:
    """The operator never saw the hold. Whatever it answers to the rollback, nothing is moved, and the adapter tells it
    as success or "not found", so that the transfer comes to its end."""

    async def play(direction: Direction, bench: Workbench) -> None:
        full = bench.balance
        await bench.verify()
        outcome = await bench.attempt(ROLLBACKS[direction], bench.transfer(direction))
        met = outcome.verdict in {Verdict.SUCCESS, Verdict.NOT_FOUND}
        bench.expect(met, "success, or not_found", outcome)
        bench.expect(bench.balance == full, f"still {full}", bench.balance)

    for direction, unknown in product(subject.directions, subject.simulated.unknown_rollbacks):
        yield Case(f"{direction}, {unknown}", partial(play, direction), unknown=unknown)


@behaviour(Grade.BRONZE, again=True)
def a_late_hold_is_undone(subject: Subject) -> Iterator[Case]:
    """A hold that timed out may reach the operator after its rollback was answered with "never heard of it". Told as
    `Kind.NOT_FOUND`, the gateway rolls back once more after the window for late arrivals, and finds it; told as a
    success, it never asks again, and the player's money is gone."""

    async def play(direction: Direction, bench: Workbench) -> None:
        full = bench.balance
        await bench.verify()
        transfer = bench.transfer(direction)
        bench.go_wrong(Fault.LATE, (HOLDS[direction].call,))
        held = await bench.attempt_briefly(HOLDS[direction], transfer)
        bench.expect(held.verdict is Verdict.UNKNOWN, "unknown (the hold timed out)", held)
        outcome = await _roll_back_as_the_gateway_does(bench, direction)
        bench.expect(outcome.verdict in {Verdict.SUCCESS, Verdict.NOT_FOUND}, "an acknowledged rollback", outcome)
        _expect_undone(bench, full)

    for direction, unknown in product(subject.directions, subject.simulated.unknown_rollbacks):
        yield Case(f"{direction}, unknown rollbacks: {unknown}", partial(play, direction), unknown=unknown)


@behaviour(Grade.BRONZE, exemptible=True, again=True)
def a_late_hold_is_undone_by_an_operator_that_repeats_its_answers(subject: Subject) -> Iterator[Case]:
    """The same, at an operator that answers the very same rollback as it did the first time, and with a rollback more
    before the hold comes. Where a rollback has an id of its own, the last one needs an id that the operator has not
    answered yet (`rollback_step`). A contract whose rollback carries the hold's id, or has no way to say "never heard
    of it", is exempt."""

    async def play(direction: Direction, bench: Workbench) -> None:
        full = bench.balance
        await bench.verify()
        transfer = bench.transfer(direction)
        await bench.attempt(ROLLBACKS[direction], transfer)
        await bench.attempt(ROLLBACKS[direction], replace(transfer, missing_at=1.0))
        await bench.attempt(HOLDS[direction], transfer)
        outcome = await bench.attempt(ROLLBACKS[direction], replace(transfer, missing_at=1.0, window_over=True))
        if outcome.verdict in {Verdict.SUCCESS, Verdict.NOT_FOUND}:  # else a person is told
            _expect_undone(bench, full)

    if Unknown.FORGET in subject.simulated.unknown_rollbacks:
        manner = Manner(repeats_answers=True)
        for direction in subject.directions:
            yield Case(direction, partial(play, direction), unknown=Unknown.FORGET, manner=manner)


async def _roll_back_as_the_gateway_does(bench: Workbench, direction: Direction) -> Outcome:
    """Until it is acknowledged; after "not found", once more (docs/architecture.md)."""
    transfer = bench.transfer(direction)
    outcome = await bench.attempt(ROLLBACKS[direction], transfer)
    for _ in range(GATEWAY_TRIES):
        if outcome.verdict is Verdict.SUCCESS:
            return outcome
        missing = outcome.verdict is Verdict.NOT_FOUND
        outcome = await bench.attempt(
            ROLLBACKS[direction], replace(transfer, missing_at=1.0 if missing else None, window_over=missing)
        )
        if missing:
            return outcome
    return outcome


def _missing(transfer: Transfer, *, missing: bool) -> Transfer:
    """After "never heard of it" the next try comes when the window is over."""
    return replace(transfer, missing_at=1.0 if missing else None, window_over=missing)


@behaviour(Grade.BRONZE, again=True)
def an_ended_session_ends_no_transfer(subject: Subject) -> Iterator[Case]:
    """The player's session ends between hold and end. An operator that books the end all the same is told as success;
    one that refuses it (although it should not) has booked nothing, so that is neither success nor "not found"."""

    async def play(move: Move, checks: bool, bench: Workbench) -> None:
        transfer = await bench.hold(move.direction)
        bench.ledger.end_session(bench.session.token)
        outcome = await bench.attempt(move, transfer)
        if bench.sends_nothing(move, outcome):
            return
        wanted = {Verdict.DECLINED, Verdict.UNKNOWN} if checks else {Verdict.SUCCESS}
        bench.expect(outcome.verdict in wanted, " or ".join(sorted(wanted)), outcome)
        bench.expect_right_books()

    for move, checks in product(subject.ends, (False, True)):
        name = f"{move.call}, {'refused' if checks else 'booked'}"
        yield Case(name, partial(play, move, checks), manner=Manner(checks_ends=checks))


@behaviour(Grade.BRONZE, again=True)
def a_decline_and_its_rollback_move_nothing(subject: Subject) -> Iterator[Case]:
    """A hold that was declined is rolled back as well where the gateway is not sure. Nothing was booked, so the
    operator does not know it; the adapter tells that as success or "not found"."""

    async def play(direction: Direction, bench: Workbench) -> None:
        full = bench.balance
        await bench.verify()
        transfer = bench.transfer(direction)
        bench.go_wrong(Fault.DECLINE, (HOLDS[direction].call,))
        await bench.attempt(HOLDS[direction], transfer)
        outcome = await bench.attempt(ROLLBACKS[direction], transfer)
        bench.expect(outcome.verdict in {Verdict.SUCCESS, Verdict.NOT_FOUND}, "success, or not_found", outcome)
        bench.expect(bench.balance == full, f"still {full}", bench.balance)

    for direction, unknown in product(subject.directions, subject.simulated.unknown_rollbacks):
        yield Case(f"{direction}, {unknown}", partial(play, direction), unknown=unknown)


@behaviour(Grade.BRONZE)
def no_deposit_is_sent_to_a_contract_without_them(subject: Subject) -> Iterator[Case]:
    """Where the contract has no deposits, one is declined, and neither it nor its ends send anything."""

    async def play(bench: Workbench) -> None:
        await bench.verify()
        sent_before = len(bench.wire())
        outcome = await bench.attempt(HOLDS[Direction.DEPOSIT], bench.transfer(Direction.DEPOSIT))
        bench.expect(outcome.verdict is Verdict.DECLINED, "declined", outcome)
        for move in (CONFIRMS[Direction.DEPOSIT], ROLLBACKS[Direction.DEPOSIT]):
            outcome = await bench.attempt(move, bench.transfer(Direction.DEPOSIT))
            bench.expect(outcome.verdict is not Verdict.SUCCESS, "not a success", outcome)
        bench.expect(len(bench.wire()) == sent_before, "nothing is sent", f"{len(bench.wire()) - sent_before} requests")

    if not subject.has_deposits:
        yield Case("", play)


@behaviour(Grade.SILVER)
def too_little_money_is_a_decline(subject: Subject) -> Iterator[Case]:
    """The commonest no of all is told as a decline (`Kind.FUNDS`): unclear, each would cost a rollback."""

    async def play(bench: Workbench) -> None:
        await bench.verify()
        outcome = await bench.attempt(HOLDS[Direction.WITHDRAW], bench.transfer(Direction.WITHDRAW))
        met = (outcome.verdict, outcome.kind) == (Verdict.DECLINED, Kind.FUNDS)
        bench.expect(met, "declined (funds)", outcome)
        bench.expect(bench.ledger.holds == {}, "no hold", list(bench.ledger.holds))

    yield Case("", play, balance=money("1", subject.currency))


@behaviour(Grade.SILVER)
def a_receipts_balance_is_the_operators(subject: Subject) -> Iterator[Case]:
    """The balance in the receipt of a hold is the one after it, or there is none; for the next hold too."""

    async def play(direction: Direction, bench: Workbench) -> None:
        await bench.verify()
        for id in ("1234abcd", "next"):
            outcome = await bench.attempt(HOLDS[direction], bench.transfer(direction, id=id))
            _expect_yes(bench, outcome, bench.balance)

    return (Case(direction, partial(play, direction)) for direction in subject.directions)


@behaviour(Grade.GOLD)
def an_ended_session_is_declined_as_such(subject: Subject) -> Iterator[Case]:
    """A hold of a session that has ended is declined with `Kind.SESSION`, so that the game can tell the player."""

    async def play(direction: Direction, bench: Workbench) -> None:
        await bench.verify()
        bench.ledger.end_session(bench.session.token)
        outcome = await bench.attempt(HOLDS[direction], bench.transfer(direction))
        bench.expect((outcome.verdict, outcome.kind) == (Verdict.DECLINED, Kind.SESSION), "declined (session)", outcome)

    return (Case(direction, partial(play, direction)) for direction in subject.directions)


@behaviour(Grade.SILVER, exemptible=True)
def a_currency_goes_by_the_operators_code(subject: Subject) -> Iterator[Case]:
    """Where the settings give the operator's code for a currency of the game's (`currencies`), the operator gets its
    own code with the same amount, and the game its own."""

    async def play(ours: str, theirs: str, bench: Workbench) -> None:
        bench.operator = bench.another_operator(settings=_with_codes(subject, {ours: theirs}))
        await bench.verify()
        for direction in subject.directions:
            held = await bench.hold(direction, money("2.5", ours), id=direction)
            booked = bench.held(held)
            met = booked is not None and booked.amount == money("2.5", theirs)
            bench.expect(met, f"a hold of 2.5 {theirs}", booked)
            balance = bench.outcomes[-1].balance
            bench.expect(balance in {None, money(bench.balance.amount, ours)}, f"a balance in {ours}", balance)

    if "currencies" in subject.adapter.Settings.model_fields:
        ours, *others = subject.simulated.currencies
        for theirs in [each for each in others if ISO_4217_PLACES.get(each) == ISO_4217_PLACES.get(ours)]:
            yield Case(f"{theirs} for {ours}", partial(play, ours, theirs), balance=money("1000", theirs))


def _with_codes(subject: Subject, codes: dict[str, str]) -> dict[str, Any]:
    whole = subject.adapter.Settings.model_fields["currencies"].annotation is Currencies
    return {"currencies": {"codes": codes} if whole else codes}


@behaviour(Grade.GOLD)
def currencies_of_any_places_are_carried(subject: Subject) -> Iterator[Case]:
    """The simulated operator plays currencies with 0, 2 and 3 places after the point, and the adapter carries them."""

    async def play(bench: Workbench) -> None:
        played = subject.simulated.currencies
        bench.expect(set(ISO_CURRENCIES) <= set(played), ", ".join(ISO_CURRENCIES), ", ".join(played))

    yield Case("", play)


def _expect_yes(bench: Workbench, outcome: Outcome, balance: Money) -> None:
    met = outcome.verdict is Verdict.SUCCESS and outcome.balance in (None, balance)
    bench.expect(met, f"success, with the balance {balance} or none", outcome)


def _expect_undone(bench: Workbench, full: Money) -> None:
    states = {hold.state for hold in bench.ledger.holds.values()}
    bench.expect(states <= {HoldState.UNDONE, HoldState.BURIED}, "no hold that counts", ", ".join(states))
    bench.expect(bench.balance == full, f"{full} again", bench.balance)
