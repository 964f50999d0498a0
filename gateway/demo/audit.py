"""Whether everything agrees that ought to: ledgers, journal, and what the game was told."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal, Inexact
from typing import Final

import msgspec

from gateway.demo.game import Played
from gateway.demo.operators import OPENED_WITH
from gateway.demo.plan import CURRENCY
from gateway.money import Money, money
from gateway.reasons import Source
from gateway.records import FINAL, Decision, Direction, Key, KeyedReason, State, Transfer
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import Hold, HoldState, Ledger
from gateway.wire.calls import END_CALL, HOLD_CALL

NOT_SENT: Final = "not sent"
"""Stands for a fault where the withdraw never reached the operator: it was away, or the gateway was."""

_EXACT: Final = Context(prec=200, traps=[Inexact])
_EXPECTED: Final[Mapping[Decision | None, tuple[State | None, ...]]] = {
    Decision.CONFIRM: (State.CONFIRMED,),
    Decision.ROLLBACK: (State.ROLLED_BACK,),
    None: (State.ROLLED_BACK, None),
}
"""How a purchase may have ended, by the end that the game asked for."""

_DIRECTIONS: Final[Mapping[str, Direction]] = {call: direction for direction, call in HOLD_CALL.items()}
_ENDS: Final[Mapping[str, tuple[Direction, Decision]]] = {call: end for end, call in END_CALL.items()}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known when the play is over. `told` is the balance that the gateway gives for (operator, player)."""

    played: Sequence[Played]
    ledgers: Mapping[str, Ledger]
    transfers: Mapping[Key, Transfer]
    reasons: Sequence[KeyedReason]
    told: Mapping[tuple[str, str], Money]


class Check(msgspec.Struct, frozen=True):
    """What must hold, with the figures that show it, and where it does not."""

    text: str
    failures: list[str]


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the purchases at whose withdraw (or deposit) one fault happened, and of those at whose end it did.

    `fault` is empty for none. `ended` counts purchases at whose end the fault happened, `delivered` those of them whose
    end the operator has acknowledged all the same.
    """

    fault: str
    confirmed: int
    rolled_back_by_game: int
    rolled_back_by_gateway: int
    nothing_moved: int
    ended: int
    delivered: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """One operator's transfers, and by how much they changed its players' money altogether, as either side has it."""

    operator: str
    confirmed: int
    rolled_back: int
    by_ledger: Decimal
    by_journal: Decimal


class Audit(msgspec.Struct, frozen=True):
    """What the comparison came to."""

    rows: list[Row]
    books: list[Books]
    checks: list[Check]

    @property
    def agrees(self) -> bool:
        return not any(check.failures for check in self.checks)


class Wire:
    """What the operators have seen arrive."""

    def __init__(self, ledgers: Mapping[str, Ledger]) -> None:
        self.holds: Counter[Key] = Counter()
        self.ends: defaultdict[Key, set[Decision]] = defaultdict(set)
        self.hold_faults: dict[Key, str] = {}
        self.end_faults: defaultdict[str, set[Key]] = defaultdict(set)
        for operator, ledger in ledgers.items():
            for seen in ledger.wire():
                self._saw(operator, seen.call, seen.id, seen.fault)

    def _saw(self, operator: str, call: str, id: str, fault: str) -> None:
        if call in _DIRECTIONS:
            key = Key(operator, _DIRECTIONS[call], id)
            self.holds[key] += 1
            self.hold_faults[key] = fault
        elif call in _ENDS:
            direction, decision = _ENDS[call]
            key = Key(operator, direction, id)
            self.ends[key].add(decision)
            if fault:
                self.end_faults[fault].add(key)


def audit(evidence: Evidence) -> Audit:
    """Compares everything with everything."""
    wire = Wire(evidence.ledgers)
    checks = [
        _ended(evidence),
        _sent_once(wire),
        _never_both(wire),
        _books_agree(evidence),
        _balances_agree(evidence),
        _as_the_game_knows(evidence),
        _reasons_kept(evidence),
    ]
    books = [_books(operator, ledger, evidence) for operator, ledger in evidence.ledgers.items()]
    return Audit(_rows(evidence, wire), books, checks)


def key_of(played: Played) -> Key:
    """The transfer of a purchase."""
    purchase = played.purchase
    return Key(purchase.operator, purchase.direction, purchase.id)


def _ended(evidence: Evidence) -> Check:
    states = Counter(_state(evidence, key_of(played)) for played in evidence.played)
    counts = f"{states[State.CONFIRMED]} confirmed, {states[State.ROLLED_BACK]} rolled back"
    if states[None]:
        counts += f", {states[None]} refused before anything was sent"
    open_ones = [
        f"{_name(each.key)} is {each.state}" for each in evidence.transfers.values() if each.state not in FINAL
    ]
    return Check(f"{len(evidence.played)} purchases have ended: {counts}; nothing is open or parked", open_ones)


def _sent_once(wire: Wire) -> Check:
    repeated = [f"{_name(key)} was sent {times} times" for key, times in wire.holds.items() if times > 1]
    return Check(f"{len(wire.holds)} withdraws and deposits reached an operator, none of them twice", repeated)


def _never_both(wire: Wire) -> Check:
    both = [_name(key) for key, decisions in wire.ends.items() if len(decisions) > 1]
    return Check("no operator was ever told both to confirm and to roll back", both)


def _books_agree(evidence: Evidence) -> Check:
    """Transfer by transfer, from the journal to the ledgers and back."""
    holds = {key: hold for operator, ledger in evidence.ledgers.items() for key, hold in _holds(operator, ledger)}
    failures = [
        f"{_name(key)}: the journal has {_told_of(evidence.transfers.get(key))}, the ledger {_said_of(holds.get(key))}"
        for key in sorted({*holds, *evidence.transfers})
        if not _same(evidence.transfers.get(key), holds.get(key))
    ]
    failures += [text for ledger in evidence.ledgers.values() for text in ledger.violations()]
    text = f"{len(evidence.transfers)} transfers: ledger and journal agree on state, player and amount"
    return Check(text, failures)


def _balances_agree(evidence: Evidence) -> Check:
    due = _due_balances(evidence)
    failures = []
    for (operator, player), told in evidence.told.items():
        account = evidence.ledgers[operator].accounts[player]
        has = money(account.balance, account.currency)
        if not due[operator, player] == has == told:
            failures.append(f"{operator} {player}: due {due[operator, player]}, has {has}, the game was told {told}")
    text = f"{len(evidence.told)} balances: ledger, journal and what the game is told agree to the last digit"
    return Check(text, failures)


def _as_the_game_knows(evidence: Evidence) -> Check:
    failures = []
    for played in evidence.played:
        state = _state(evidence, key_of(played))
        if state not in _EXPECTED[played.asked]:
            failures.append(f"{_name(key_of(played))} is {state}, the game asked for {played.asked or 'nothing'}")
    left = sum(not played.acknowledged for played in evidence.played)
    text = f"every end is the one that the game asked for; {left} it left to the gateway"
    return Check(text, failures)


def _reasons_kept(evidence: Evidence) -> Check:
    explained = {each.key for each in evidence.reasons}
    rolled_back = [each.key for each in evidence.transfers.values() if each.state is State.ROLLED_BACK]
    failures = [f"{_name(key)} has no reason" for key in rolled_back if key not in explained]
    return Check(f"{len(rolled_back)} rollbacks have {len(evidence.reasons)} reasons, at least one each", failures)


def _rows(evidence: Evidence, wire: Wire) -> list[Row]:
    """One for each fault that happened, after those of no fault and of nothing sent."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    decided_by = _decided_by(evidence.reasons)
    for played in evidence.played:
        key = key_of(played)
        counted[wire.hold_faults.get(key, NOT_SENT)][_end(evidence, key, decided_by)] += 1
    happened = {*counted, *wire.end_faults}
    faults = [fault for fault in ("", NOT_SENT, *Fault) if fault in happened]
    return [_row(fault, counted[fault], wire.end_faults[fault], evidence) for fault in faults]


def _row(fault: str, counts: Counter[str], struck: set[Key], evidence: Evidence) -> Row:
    return Row(
        fault=fault,
        confirmed=counts[State.CONFIRMED],
        rolled_back_by_game=counts[Source.GAME],
        rolled_back_by_gateway=counts[Source.GATEWAY],
        nothing_moved=counts[""],
        ended=len(struck),
        delivered=sum(_state(evidence, key) in FINAL for key in struck),
    )


def _end(evidence: Evidence, key: Key, decided_by: Mapping[Key, Source]) -> str:
    state = _state(evidence, key)
    if state is State.ROLLED_BACK:
        return decided_by.get(key, Source.GAME)
    return state or ""


def _decided_by(reasons: Sequence[KeyedReason]) -> dict[Key, Source]:
    """Who gave the first reason."""
    return {each.key: each.reason.source for each in sorted(reasons, key=lambda each: each.reason.at, reverse=True)}


def _state(evidence: Evidence, key: Key) -> State | None:
    transfer = evidence.transfers.get(key)
    return None if transfer is None else transfer.state


def _holds(operator: str, ledger: Ledger) -> Iterator[tuple[Key, Hold]]:
    return ((Key(operator, hold.direction, hold.id), hold) for hold in ledger.holds.values())


def _same(transfer: Transfer | None, hold: Hold | None) -> bool:
    """Whether the ledger has what the journal says. Not every protocol has a confirm: a hold that stands is one."""
    if transfer is None:
        return hold is None
    if transfer.state is State.CONFIRMED:
        return hold is not None and hold.counts and _described(hold) == (transfer.session.player_id, transfer.amount)
    return hold is None or hold.state in {HoldState.UNDONE, HoldState.BURIED}


def _described(hold: Hold) -> tuple[str, Money | None]:
    return hold.player_id, None if hold.amount is None else money(hold.amount.amount, hold.amount.currency)


def _books(operator: str, ledger: Ledger, evidence: Evidence) -> Books:
    states = Counter(each.state for each in evidence.transfers.values() if each.operator == operator)
    due = _due_balances(evidence)
    by_ledger = by_journal = Decimal(0)
    for account in ledger.accounts.values():
        by_ledger = _EXACT.add(by_ledger, _EXACT.subtract(account.balance, account.opened_with))
        changed = _EXACT.subtract(due[operator, account.player_id].amount, OPENED_WITH.amount)
        by_journal = _EXACT.add(by_journal, changed)
    return Books(
        operator=operator,
        confirmed=states[State.CONFIRMED],
        rolled_back=states[State.ROLLED_BACK],
        by_ledger=by_ledger,
        by_journal=by_journal,
    )


def _due_balances(evidence: Evidence) -> defaultdict[tuple[str, str], Money]:
    """What each player should have by the journal."""
    due: defaultdict[tuple[str, str], Money] = defaultdict(lambda: OPENED_WITH)
    for transfer in evidence.transfers.values():
        if transfer.state is State.CONFIRMED and transfer.amount is not None:
            account = (transfer.operator, transfer.session.player_id)
            amount = transfer.amount.amount
            change = amount if transfer.direction is Direction.DEPOSIT else amount.copy_negate()
            due[account] = money(_EXACT.add(due[account].amount, change), CURRENCY)
    return due


def _name(key: Key) -> str:
    return f"{key.operator} {key.direction} {key.id}"


def _told_of(transfer: Transfer | None) -> str:
    if transfer is None:
        return "nothing"
    return f"{transfer.state} {transfer.amount or ''} of {transfer.session.player_id}"


def _said_of(hold: Hold | None) -> str:
    return "nothing" if hold is None else f"{hold.state} {hold.amount or ''} of {hold.player_id}"
