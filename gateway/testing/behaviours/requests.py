"""What is sent: the same bytes on every try, once for each try, every transfer under a name of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Final

from msgspec.structs import replace

from gateway.money import money
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import Direction, Fate, Session, Transfer, Verdict
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import HoldState
from gateway.sandbox.simulated import Act
from gateway.testing.behaviours.fresh import fresh_values, masked
from gateway.testing.behaviours.registry import Case, Grade, behaviour
from gateway.testing.subject import CONFIRMS, HOLDS, ROLLBACKS, Move, Subject
from gateway.testing.workbench import NAME, NOW, TOKEN, Workbench, remember

LATER: Final = NOW + 3600.5
"""Unix seconds: when a call is tried again."""

SENT_ONCE: Final = (
    *(Fault.ERROR_BEFORE, Fault.ERROR_AFTER, Fault.CLIENT_ERROR, Fault.OTHER_ERROR, Fault.REDIRECT),
    *(Fault.CUT_BEFORE, Fault.CUT_AFTER, Fault.HALF, Fault.GARBAGE, Fault.DECLINE, Fault.WRONG_STATUS),
)
"""Faults after which an adapter may be tempted to send again."""

ODD_NAMES: Final = (
    *("with space", "a&b=c", "a/b", "a%2Fb", "a?b", "a#b", "a+b", 'say "hi"', "it's", "<b>", "back\\slash"),
    *("größe-漢字-🎲", "gro\u0308ße", "ﬁ①", "..", "a;b,c:d|e", "x" * 255),
)
"""Ids that mean something else in a path, a query, a form, JSON or XML, or change if Unicode is normalised."""

LIKE_NAMES: Final = ("a/b", "a%2Fb", "a b", "a+b", "a%20b", "A/B", "a/b ", "ö", "o\u0308", "ﬁ", "fi")
"""Ids that are the same to whoever quotes, folds, strips or normalises them."""

TYPES: Final = {b"{": "json", b"[": "json", b"<": "xml"}
"""What the first byte of a body says of it."""

AT_ONCE: Final = 8

AFTER: Final = {Act.HOLD: HoldState.HELD, Act.CONFIRM: HoldState.CONFIRMED, Act.ROLLBACK: HoldState.UNDONE}
"""What a hold is after each call that moves money."""


@behaviour(Grade.BRONZE, again=True)
def every_try_is_the_same(subject: Subject) -> Iterator[Case]:
    """Method, path, query, headers and body are the same on every try, whichever process makes it, an hour later, and
    whatever else has changed in the journal's row: the operator must recognise a repeat. Only what the adapter declares
    as `fresh` may differ, and a rollback's own id once the operator has never heard of the hold (`rollback_step`)."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        first, outcome = await _requests_of(bench, move, transfer)
        again = replace(
            remember(transfer, outcome) if move.is_hold else transfer,
            fate=Fate.TAKEN,
            tries=7,
            revision=9,
            owner="another",
            due_at=LATER,
            decided_at=LATER,
            changed_at=LATER,
            spare_session=Session(operator=transfer.operator, token="another-token"),
        )
        second, _ = await _requests_of(bench, move, again, now=LATER)
        bench.expect(bool(first) or move.is_confirm, "a request", "nothing was sent")
        bench.expect(second == first, f"the same as the first time: {first}", second)
        bench.expect(len(bench.ledger.holds) == 1, "one hold", list(bench.ledger.holds))

    return (Case(move.call, partial(play, move)) for move in subject.moves)


@behaviour(Grade.BRONZE, again=True)
def a_try_with_another_session_is_the_same_transfer(subject: Subject) -> Iterator[Case]:
    """Tries alternate between two sessions of the same player, since either may have ended. The operator sees the same
    transfer, under the same ids, whichever token a try names: with an id that is made from the token, it would book a
    second hold, or not find the one that it has."""

    async def play(move: Move, bench: Workbench) -> None:
        another = await _another_of_the_player(bench)
        transfer = await bench.before(move)
        orders = bench.watch()
        first = await bench.attempt(move, replace(transfer, session=another))
        second = await bench.attempt(move, transfer)
        for outcome in (first, second):
            bench.expect(outcome.verdict is Verdict.SUCCESS, "success in either session", outcome)
        # Without `echo`: the id of a request may well be made from all that it says.
        named = [replace(order, token="", echo="", request=None) for order in orders if order.call == move.call]
        bench.expect(named[:1] == named[1:], f"the same but for the token: {named[:1]}", named[1:])
        states = [hold.state for hold in bench.ledger.holds.values()]
        wanted = {HoldState.HELD} if bench.sends_nothing(move, first) else {AFTER[move.act]}
        bench.expect(len(states) == 1 and {*states} == wanted, f"one hold, {', '.join(wanted)}", states)

    for move in subject.moves:
        yield Case(move.call, partial(play, move), player="player", token="token-of-player")


async def _another_of_the_player(bench: Workbench) -> Session:
    """One more verified session of the bench's player. Where a token holds the player's name, the form that is agreed
    for it is changed to one in which a player can have several."""
    if bench.subject.tokens_hold_players:
        bench.operator = bench.another_operator(settings={"session_token": "{session}-of-{player}"})
    for token in ("token", "another", "another-of-player"):  # as the operator sees it: the session's part, or all of it
        bench.ledger.open_session(bench.player, token)
    session = Session(operator=NAME, token="another-of-player")
    player = await bench.operator.verify_session(session)
    return replace(session, player_id=player.player_id, memory=player.memory)


async def _requests_of(
    bench: Workbench, move: Move, transfer: Transfer, now: float = NOW
) -> tuple[list[tuple[object, ...]], Outcome]:
    """What one try by another process sends, without what is declared as fresh."""
    sent_before = len(bench.wire(move.call))
    outcome = await bench.attempt(move, transfer, bench.another_operator(now=now))
    fresh = bench.subject.adapter.fresh
    return [masked(seen, fresh) for seen in bench.wire(move.call)[sent_before:]], outcome


@behaviour(Grade.SILVER)
def what_is_declared_fresh_differs(subject: Subject) -> Iterator[Case]:
    """Each part that the adapter declares as `fresh` is sent, and differs from try to try: else the declaration hides a
    part that should be compared."""

    async def play(bench: Workbench) -> None:
        transfer = await bench.hold(Direction.WITHDRAW)
        await bench.attempt(ROLLBACKS[Direction.WITHDRAW], transfer, bench.another_operator(now=NOW))
        await bench.attempt(ROLLBACKS[Direction.WITHDRAW], transfer, bench.another_operator(now=LATER))
        first, second = bench.wire(ROLLBACKS[Direction.WITHDRAW].call)[-2:]
        for part in sorted(subject.adapter.fresh):
            values = fresh_values(first, part), fresh_values(second, part)
            sent = [value for seen in bench.wire() for value in fresh_values(seen, part)]
            bench.expect(bool(sent), "is sent", "is in no request", part)
            bench.expect(values == ([], []) or values[0] != values[1], "differs from try to try", values, part)

    if subject.adapter.fresh:
        yield Case("", play)


@behaviour(Grade.BRONZE, again=True)
def each_try_is_sent_once(subject: Subject) -> Iterator[Case]:
    """One call makes at most one request that moves money, and follows no redirect, however it fails: the gateway alone
    decides when to send again, after it has written that down. Counted on the wire."""

    async def play(move: Move, bench: Workbench) -> None:
        transfer = await bench.before(move)
        for fault in SENT_ONCE:
            bench.go_wrong(fault)
            sent_before = len(bench.wire())
            await bench.attempt(move, transfer)
            sent = bench.wire()[sent_before:]
            moving = [seen for seen in sent if seen.call in {each.call for each in subject.moves}]
            bench.expect(len(moving) <= 1, "one request", f"{len(moving)} requests", f"{move.call}, {fault}")
            followed = [seen.path for seen in sent if seen.path == "/elsewhere"]
            bench.expect(followed == [], "a redirect is not followed", followed, f"{move.call}, {fault}")

    return (Case(move.call, partial(play, move)) for move in subject.moves)


@behaviour(Grade.SILVER, exemptible=True)
def a_body_says_what_it_is(subject: Subject) -> Iterator[Case]:
    """A request with a body has a Content-Type that suits it (JSON, XML, a form): many servers refuse or misread it
    otherwise."""

    async def play(move: Move, bench: Workbench) -> None:
        await bench.attempt(move, await bench.before(move))
        for seen in (seen for seen in bench.wire() if seen.body):
            found = seen.headers.get("content-type", "").lower()
            wanted = next((word for first, word in TYPES.items() if seen.body.lstrip().startswith(first)), "form")
            bench.expect(wanted in found, f"a Content-Type with {wanted!r}", repr(found), seen.call)

    return (Case(move.call, partial(play, move)) for move in subject.moves)


@behaviour(Grade.SILVER)
def every_other_setting_changes_what_is_sent(subject: Subject) -> Iterator[Case]:
    """Settings that the simulated operator names as changing what is sent (`Simulated.other_settings`) do: one that the
    adapter does not look at is worse than none."""

    async def play(other: Subject, bench: Workbench) -> None:
        await bench.verify()
        sent = await _whole_wire(bench, bench.operator)
        changed = await _whole_wire(bench, bench.another_operator(settings=other.settings))
        bench.expect(changed != sent, "other requests than under the default settings", "the same requests")

    for other in subject.variants[1:]:
        yield Case(f"{dict(other.settings)}", partial(play, other))


async def _whole_wire(bench: Workbench, operator: Operator) -> list[tuple[object, ...]]:
    """What one hold with its confirm and one with its rollback send in each direction."""
    sent_before = len(bench.wire())
    for direction, ends in product(bench.subject.directions, (CONFIRMS, ROLLBACKS)):
        transfer = bench.transfer(direction, id=f"{ends[direction].act}")
        held = await bench.attempt(HOLDS[direction], transfer, operator)
        await bench.attempt(ends[direction], remember(transfer, held), operator)
    return [masked(seen, bench.subject.adapter.fresh) for seen in bench.wire()[sent_before:]]


@behaviour(Grade.BRONZE)
def every_transfer_has_a_name_of_its_own(subject: Subject) -> Iterator[Case]:
    """Ids that differ only by what quoting does to them, and a withdraw and a deposit with the same id, are different
    transfers at the operator, and each is confirmed by itself. If one were taken for a repeat of the other, its money
    would be lost."""

    async def play(bench: Workbench) -> None:
        await bench.verify()
        held: list[Transfer] = []
        for direction, id in product(subject.directions, LIKE_NAMES):
            holds_before = len(bench.ledger.holds)
            outcome = await bench.attempt(HOLDS[direction], bench.transfer(direction, id=id))
            taken = len(bench.ledger.holds) - holds_before
            met = taken == 1 if outcome.verdict is Verdict.SUCCESS else outcome.verdict is Verdict.DECLINED
            bench.expect(met, "one more hold, or a decline", f"{taken} more, {outcome}", f"{direction} {id!r}")
            if outcome.verdict is Verdict.SUCCESS:
                held.append(remember(bench.transfer(direction, id=id), outcome))
        for transfer in held:
            await bench.attempt(CONFIRMS[transfer.direction], transfer)
        sent = [each for each in held if bench.wire(CONFIRMS[each.direction].call)]
        confirmed = [hold for hold in bench.ledger.holds.values() if hold.state is HoldState.CONFIRMED]
        bench.expect(len(confirmed) == len(sent), f"{len(sent)} holds that are confirmed", len(confirmed))
        bench.expect_right_books()

    yield Case("", play)


@behaviour(Grade.BRONZE)
def transfers_at_once_do_not_mix(subject: Subject) -> Iterator[Case]:
    """Several transfers of two players at once, each with an amount of its own, are each booked with their own amount
    for their own player, and the end of each is of that one: an adapter keeps nothing between calls."""

    async def play(direction: Direction, bench: Workbench) -> None:
        await bench.verify()
        amounts = [money(number, subject.currency) for number in range(1, AT_ONCE + 1)]
        transfers = [bench.transfer(direction, amount, f"id-{amount.amount}") for amount in amounts]
        other = await _another_session(bench)
        transfers = [*(replace(each, session=other) for each in transfers[::2]), *transfers[1::2]]
        amounts = [amount for each in transfers if (amount := each.amount) is not None]
        holds = await asyncio.gather(*(bench.attempt(HOLDS[direction], transfer) for transfer in transfers))
        bench.expect(all(each.verdict is Verdict.SUCCESS for each in holds), "success for each", holds)
        booked = {(hold.player_id, str(hold.amount)) for hold in bench.ledger.holds.values()}
        wanted = {(each.session.player_id, str(each.amount)) for each in transfers}
        bench.expect(booked == wanted, f"holds of {sorted(wanted)}", sorted(booked))
        ends = [
            bench.attempt((CONFIRMS if number % 2 else ROLLBACKS)[direction], remember(transfer, held))
            for number, (transfer, held) in enumerate(zip(transfers, holds, strict=True))
        ]
        outcomes = await asyncio.gather(*ends)
        bench.expect(all(each.verdict is Verdict.SUCCESS for each in outcomes), "success for each", outcomes)
        undone = {str(hold.amount) for hold in bench.ledger.holds.values() if hold.state is HoldState.UNDONE}
        bench.expect(undone == {str(each) for each in amounts[::2]}, f"rolled back: {amounts[::2]}", undone)

    return (Case(direction, partial(play, direction)) for direction in subject.directions)


async def _another_session(bench: Workbench) -> Session:
    """A verified session of one more player."""
    bench.ledger.enrol("player-2", "token-of-player-2", bench.balance)
    player = await bench.operator.verify_session(Session(operator=NAME, token="token-of-player-2"))
    return Session(operator=NAME, token="token-of-player-2", player_id=player.player_id, memory=player.memory)


@behaviour(Grade.SILVER)
def odd_ids_arrive_whole(subject: Subject) -> Iterator[Case]:
    """An id that needs quoting (spaces, `&`, `/`, `%2F`, quotes, `<`, other scripts, 255 characters) arrives as it is:
    the hold is confirmed or rolled back under the same id, whatever the game's text says. One that the protocol cannot
    carry is declined unsent."""

    async def play(end: Move, bench: Workbench) -> None:
        await bench.verify()
        for id in ODD_NAMES:
            await _play_whole(bench, end, id)
        bench.expect_right_books()

    return (Case(end.call, partial(play, end)) for end in subject.ends)


async def _play_whole(bench: Workbench, end: Move, id: str) -> None:
    hold, case = HOLDS[end.direction], f"{end.direction} {id[:40]!r}"
    sent_before, holds_before = len(bench.wire()), set(bench.ledger.holds)
    transfer = replace(bench.transfer(end.direction, id=id), description=id, rollback_reason=id)
    held = await bench.attempt(hold, transfer)
    if held.verdict is Verdict.DECLINED:
        bench.expect(bench.wire()[sent_before:] == [], "success, or a decline unsent", held, case)
        return
    bench.expect(held.verdict is Verdict.SUCCESS, "success", held, case)
    outcome = await bench.attempt(end, remember(transfer, held))
    bench.expect(outcome.verdict is Verdict.SUCCESS, f"{end.call}: success", outcome, case)
    states = [hold.state for reference, hold in bench.ledger.holds.items() if reference not in holds_before]
    wanted = [HoldState.UNDONE] if end.is_rollback else [HoldState.CONFIRMED]
    final = end.is_confirm and bench.sends_nothing(end, outcome)
    bench.expect(states == wanted or final, f"the hold is {wanted[0]}", states, case)


@behaviour(Grade.SILVER)
def odd_players_arrive_whole(subject: Subject) -> Iterator[Case]:
    """The same for a player's id: the hold is the player's own. A player that the protocol cannot carry (`..` in a
    path, say) is refused unsent."""
    for name in ODD_NAMES:
        token = f"token-of-{name}" if subject.tokens_hold_players else TOKEN
        yield Case(f"player {name[:40]!r}", _play_whole_session, player=name, token=token)


@behaviour(Grade.SILVER)
def odd_tokens_arrive_whole(subject: Subject) -> Iterator[Case]:
    """The same for a session's token. One that the protocol cannot carry, or that has another form than is agreed, is
    refused unsent."""
    for name in ODD_NAMES:
        if name.isascii():
            yield Case(f"token {name[:40]!r}", _play_whole_session, token=f"token {name}")


async def _play_whole_session(bench: Workbench) -> None:
    full, hold = bench.balance, HOLDS[Direction.WITHDRAW]
    try:
        player = await bench.verify()
    except OperatorError as error:
        bench.expect(bench.wire() == [], "a player, or an error unsent", error)
        return
    bench.expect(player.player_id == bench.player, repr(bench.player), repr(player.player_id))
    sent_before = len(bench.wire())
    held = await bench.attempt(hold, transfer := bench.transfer(Direction.WITHDRAW))
    if held.verdict is Verdict.DECLINED:
        bench.expect(bench.wire()[sent_before:] == [], "success, or a decline unsent", held)
        return
    bench.expect(held.verdict is Verdict.SUCCESS, "success", held)
    bench.expect(bench.balance != full, "the player's money is held", bench.balance)
    outcome = await bench.attempt(ROLLBACKS[Direction.WITHDRAW], remember(transfer, held))
    bench.expect(outcome.verdict is Verdict.SUCCESS, "success", outcome)
