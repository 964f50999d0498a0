"""What must be true once a game is over: checked from the wire, the operators' books, the journal and every answer."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.journal.copy import CopyableJournal
from gateway.money import Money
from gateway.reasons import LEFT_OUT, TEXT_LIMIT, Source
from gateway.records import Direction, Key, State, Timeline
from gateway.sandbox.ledger import Account, Hold, HoldState
from gateway.wire.calls import WalletCall
from tests.support.far_operators import FarOperator
from tests.support.playing import Game, Told

DIRECTION: Final[dict[WalletCall, Direction]] = {
    call: Direction.DEPOSIT if "eposit" in call else Direction.WITHDRAW
    for call in WalletCall
    if call not in {WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE}
}
HOLDS: Final = frozenset({WalletCall.WITHDRAW, WalletCall.DEPOSIT})
CONFIRMS: Final = frozenset({WalletCall.CONFIRM_WITHDRAWAL, WalletCall.CONFIRM_DEPOSIT})
ROLLBACKS: Final = frozenset({WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT})
PAGE: Final = 256
TOLD_EVENTS: Final = 12


class Evidence(msgspec.Struct):
    """What is known of all transfers. `wire` counts the requests that reached the operators; `outside` are the holds
    that an operator took before there was a gateway; `balances` are all that an operator's players ever had."""

    rows: dict[Key, Timeline]
    told: dict[Key, list[Told]]
    wire: dict[Key, Counter[str]]
    holds: dict[Key, Hold]
    accounts: dict[tuple[str, str], Account]
    balances: dict[str, set[Decimal]]
    books: list[str]
    outside: frozenset[Key] = frozenset()

    @property
    def keys(self) -> set[Key]:
        return {*self.rows, *self.told, *self.wire, *self.holds}


def gathered(
    rows: Mapping[Key, Timeline],
    games: Iterable[Game],
    operators: Mapping[str, FarOperator],
    outside: Iterable[Key] = (),
) -> Evidence:
    """All of it, once nothing moves any more."""
    told: dict[Key, list[Told]] = defaultdict(list)
    for one in (one for game in games for one in game.told if one.call in DIRECTION):
        told[Key(one.operator, DIRECTION[one.call], one.id)].append(one)
    wire: dict[Key, Counter[str]] = defaultdict(Counter)
    for operator in operators.values():
        for seen in operator.wire():
            if seen.call in DIRECTION:
                call = WalletCall(seen.call)
                wire[Key(operator.name, DIRECTION[call], seen.id)][call] += 1
    return Evidence(
        rows=dict(rows),
        told=told,
        wire=wire,
        holds={
            Key(name, hold.direction, hold.id): hold
            for name, operator in operators.items()
            for hold in operator.ledger.holds.values()
        },
        accounts={
            (name, account.player_id): account
            for name, operator in operators.items()
            for account in operator.ledger.accounts.values()
        },
        balances={name: operator.balances() for name, operator in operators.items()},
        books=[f"{name}: {text}" for name, operator in operators.items() for text in operator.ledger.violations()],
        outside=frozenset(outside),
    )


async def timelines(journal: CopyableJournal) -> dict[Key, Timeline]:
    """Every transfer of a journal with all that belongs to it."""
    found: dict[Key, Timeline] = {}
    after: Key | None = None
    while page := await journal.export_timelines(after, PAGE):
        found.update((timeline.transfer.key, timeline) for timeline in page)
        after = page[-1].transfer.key
    return found


def violations(evidence: Evidence) -> list[str]:
    """What is not as promised, with the transfer it is about; empty if all is."""
    found = [*evidence.books, *_balances(evidence)]
    for key in sorted(evidence.keys):
        found += [f"{' '.join(key)}: {problem}" for check in CHECKS for problem in check(evidence, key)]
    return found


def story(evidence: Evidence, key: Key) -> str:
    """All that is known of one transfer, to be read by a person."""
    timeline = evidence.rows.get(key)
    lines = [f"{' '.join(key)}: wire {dict(evidence.wire.get(key, {}))}, books {evidence.holds.get(key)}"]
    if timeline is not None:
        events: list[tuple[float, str]] = [(each.at, f"journal: {each}") for each in timeline.attempts]
        events += [(each.at, f"journal: {each}") for each in timeline.reasons]
        lines.append(f"  {timeline.transfer}")
    else:
        events = []
    events += [(each.at, f"game: {each.call} {each.status} {each.body}") for each in evidence.told.get(key, [])]
    shown = [f"  {at:.3f} {text}" for at, text in sorted(events)]
    if len(shown) > 2 * TOLD_EVENTS:
        shown = [*shown[:TOLD_EVENTS], "  …", *shown[-TOLD_EVENTS:]]
    return "\n".join([*lines, *shown])


def _sent_once(evidence: Evidence, key: Key) -> Iterator[str]:
    sent = sum(evidence.wire[key][call] for call in HOLDS) if key in evidence.wire else 0
    if sent > 1:
        yield f"the hold went over the wire {sent} times"


def _written_first(evidence: Evidence, key: Key) -> Iterator[str]:
    if key in evidence.wire and key not in evidence.rows:
        yield f"went over the wire without a row in the journal: {dict(evidence.wire[key])}"


def _never_both(evidence: Evidence, key: Key) -> Iterator[str]:
    sent = set(evidence.wire.get(key, ()))
    tried = {each.call for each in evidence.rows[key].attempts} if key in evidence.rows else set()
    acknowledged = {each.call for each in evidence.told.get(key, ()) if each.ok}
    for where, calls in (("sent", sent), ("tried", tried), ("acknowledged", acknowledged)):
        if calls & CONFIRMS and calls & ROLLBACKS:
            yield f"confirm and rollback were both {where}"


def _final(evidence: Evidence, key: Key) -> Iterator[str]:
    """Delivered, all of it; only what the game never heard of and forgot may stay held."""
    state = _state(evidence, key)
    if state in {State.CONFIRMED, State.ROLLED_BACK, None}:
        return
    told = evidence.told.get(key, [])
    if state is not State.HELD or any(each.call not in HOLDS or each.ok for each in told):
        yield f"is {state} at the end"


def _delivered(evidence: Evidence, key: Key) -> Iterator[str]:
    """A hold that went out and is rolled back was rolled back over the wire. (Of confirms some protocols have none.)"""
    sent = set(evidence.wire.get(key, ()))
    if _state(evidence, key) is State.ROLLED_BACK and sent & HOLDS and not sent & ROLLBACKS:
        yield "is rolled back, but the operator was never told"


def _books_agree(evidence: Evidence, key: Key) -> Iterator[str]:
    hold, state = evidence.holds.get(key), _state(evidence, key)
    counts = hold is not None and hold.counts
    if state in {State.CONFIRMED, State.HELD} and not counts:
        yield f"is {state}, but the operator's books have {hold}"
    if state in {State.ROLLED_BACK, None} and counts and (state or key not in evidence.outside):
        yield f"is {state}, but the operator's books have {hold}"
    if state is State.HELD and hold is not None and hold.state is not HoldState.HELD:
        yield f"is held, but the operator's books have {hold}"


def _answers_true(evidence: Evidence, key: Key) -> Iterator[str]:
    told = evidence.told.get(key, [])
    asked_back = any(each.call in ROLLBACKS for each in told)
    state = _state(evidence, key)
    for each in (each for each in told if each.ok):
        if each.body["mmTransactionId"] != key.id:
            yield f"{each.call} was answered for {each.body['mmTransactionId']}"
        if each.balance not in evidence.balances[key.operator]:
            yield f"{each.call} was answered with a balance of {each.balance}, which nobody ever had"
        if each.call in HOLDS and state is not State.CONFIRMED and not asked_back:
            yield f"{each.call} was answered 200, but it is {state} although the game never rolled it back"
        if each.call in CONFIRMS and state is not State.CONFIRMED:
            yield f"{each.call} was answered 200, but it is {state}"
        if each.call in ROLLBACKS and state is not State.ROLLED_BACK:
            yield f"{each.call} was answered 200, but it is {state}"


def _reasons_kept(evidence: Evidence, key: Key) -> Iterator[str]:
    reasons = evidence.rows[key].reasons if key in evidence.rows else []
    if _state(evidence, key) is State.ROLLED_BACK and not reasons:
        yield "is rolled back without a reason"
    kept = {reason.text: reason.times for reason in reasons if reason.source is Source.GAME}
    given = [_as_kept(each.reason) for each in evidence.told.get(key, ()) if each.ok and each.call in ROLLBACKS]
    # The last of several calls at once is whichever was written last, so that here only the first can be told.
    if LEFT_OUT in kept and sum(kept.values()) >= len(given):
        given = given[:1]
    for text in given:
        if text not in kept:
            yield f"the acknowledged reason {text!r:.40} is not among {sorted(kept)!r:.200}"


Check = Callable[[Evidence, Key], Iterator[str]]
CHECKS: Final[tuple[Check, ...]] = (
    _sent_once,
    _written_first,
    _never_both,
    _final,
    _delivered,
    _books_agree,
    _answers_true,
    _reasons_kept,
)


def _balances(evidence: Evidence) -> Iterator[str]:
    """What each player has is what the journal says that the transfers came to."""
    moved: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for key, hold in evidence.holds.items():
        state = _state(evidence, key)
        counts = hold.counts if state is None else state in {State.CONFIRMED, State.HELD}
        if counts and hold.amount is not None:
            moved[key.operator, hold.player_id] += _signed(key, _amount(evidence, key) or hold.amount)
    for (operator, player), account in evidence.accounts.items():
        expected = account.opened_with + moved[operator, player]
        if account.balance != expected:
            yield f"{operator}: {player} has {account.balance}, by the journal it should be {expected}"


def _amount(evidence: Evidence, key: Key) -> Money | None:
    return evidence.rows[key].transfer.amount if key in evidence.rows else None


def _signed(key: Key, amount: Money) -> Decimal:
    return amount.amount if key.direction is Direction.DEPOSIT else -amount.amount


def _state(evidence: Evidence, key: Key) -> State | None:
    return evidence.rows[key].transfer.state if key in evidence.rows else None


def _as_kept(reason: Any) -> str:
    text = "" if reason is None else reason if isinstance(reason, str) else json.dumps(reason, separators=(",", ":"))
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"
