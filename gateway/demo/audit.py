"""Whether the ledgers, the journal, and what the game was told agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal, Inexact
from typing import Final

import msgspec

from gateway.demo.audit_around import Around, launch_failures, payment_failures, query_failures
from gateway.demo.game import PurchaseResult
from gateway.demo.operators import OPENED_WITH
from gateway.demo.plan import CURRENCY
from gateway.money import Money, money
from gateway.reasons import Source
from gateway.records import FINAL, Decision, Direction, Key, KeyedReason, State, Transfer
from gateway.sandbox.faults import Fault
from gateway.sandbox.ledger import Hold, HoldState, Ledger
from gateway.wire.calls import END_CALL, HOLD_CALL

NOT_SENT: Final = "not sent"
"""In place of a fault: the withdraw never reached the operator, because the operator or the gateway was down."""

_EXACT: Final = Context(prec=200, traps=[Inexact])
_EXPECTED: Final[Mapping[Decision | None, tuple[State | None, ...]]] = {
    Decision.CONFIRM: (State.CONFIRMED,),
    Decision.ROLLBACK: (State.ROLLED_BACK,),
    None: (State.ROLLED_BACK, None),
}
"""The states in which a purchase may end, by the end that the game asked for; None stands for a missing row."""

_DIRECTIONS: Final[Mapping[str, Direction]] = {call: direction for direction, call in HOLD_CALL.items()}
_ENDS: Final[Mapping[str, tuple[Direction, Decision]]] = {call: end for end, call in END_CALL.items()}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known after the last purchase. `balances` are the gateway's answers, by operator and player;
    `around` is what was played around the wallet."""

    results: Sequence[PurchaseResult]
    ledgers: Mapping[str, Ledger]
    transfers: Mapping[Key, Transfer]
    reasons: Sequence[KeyedReason]
    balances: Mapping[tuple[str, str], Money]
    around: Around


class Check(msgspec.Struct, frozen=True):
    """What must hold, with the figures that show it, and each case in which it does not."""

    text: str
    failures: list[str]


class FaultRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the purchases whose hold met this fault, and of those whose end met it.

    `fault` is empty for none. `ended` counts the purchases whose end met the fault, `delivered` those of them whose end
    the operator has acknowledged nevertheless.
    """

    fault: str
    confirmed: int
    rolled_back_by_game: int
    rolled_back_by_gateway: int
    nothing_moved: int
    ended: int
    delivered: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """One operator's transfers, and the sum by which they changed its players' money, as each side has it."""

    operator: str
    confirmed: int
    rolled_back: int
    by_ledger: Decimal
    by_journal: Decimal


class Audit(msgspec.Struct, frozen=True):
    """The result of the comparison. It `agrees` if no check has a failure."""

    rows: list[FaultRow]
    books: list[Books]
    checks: list[Check]

    @property
    def agrees(self) -> bool:
        return not any(check.failures for check in self.checks)


class Wire:
    """What the operators have received: holds by transfer, ends by transfer, and the faults that they met."""

    def __init__(self, ledgers: Mapping[str, Ledger]) -> None:
        self.holds: Counter[Key] = Counter()
        self.ends: defaultdict[Key, set[Decision]] = defaultdict(set)
        self.hold_faults: dict[Key, str] = {}
        self.end_faults: defaultdict[str, set[Key]] = defaultdict(set)
        for operator, ledger in ledgers.items():
            for request in ledger.wire():
                self._add_request(operator, request.call, request.id, request.fault)

    def _add_request(self, operator: str, call: str, id: str, fault: str) -> None:
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
    """Compares ledgers, journal and game."""
    wire = Wire(evidence.ledgers)
    checks = [
        _check_all_ended(evidence),
        _check_sent_once(wire),
        _check_never_both(wire),
        _check_books(evidence),
        _check_balances(evidence),
        _check_requested_ends(evidence),
        _check_reasons(evidence),
        _check_launches(evidence),
        _check_payments(evidence),
        _check_queries(evidence),
    ]
    books = [_books_of(operator, ledger, evidence) for operator, ledger in evidence.ledgers.items()]
    return Audit(_fault_rows(evidence, wire), books, checks)


def key_of(result: PurchaseResult) -> Key:
    """The transfer of a purchase."""
    purchase = result.purchase
    return Key(purchase.operator, purchase.direction, purchase.id)


def _check_all_ended(evidence: Evidence) -> Check:
    states = Counter(_state(evidence, key_of(result)) for result in evidence.results)
    counts = f"{states[State.CONFIRMED]} confirmed, {states[State.ROLLED_BACK]} rolled back"
    if states[None]:
        counts += f", {states[None]} refused before anything was sent"
    unfinished = [
        f"{_label(each.key)} is {each.state}" for each in evidence.transfers.values() if each.state not in FINAL
    ]
    return Check(f"{len(evidence.results)} purchases have ended: {counts}; nothing is open or parked", unfinished)


def _check_sent_once(wire: Wire) -> Check:
    repeated = [f"{_label(key)} was sent {times} times" for key, times in wire.holds.items() if times > 1]
    return Check(f"{len(wire.holds)} withdraws and deposits reached an operator, none of them twice", repeated)


def _check_never_both(wire: Wire) -> Check:
    both = [_label(key) for key, decisions in wire.ends.items() if len(decisions) > 1]
    return Check("no operator was ever told both to confirm and to roll back", both)


def _check_books(evidence: Evidence) -> Check:
    """Transfer by transfer, from the journal to the ledgers and back."""
    holds = {key: hold for operator, ledger in evidence.ledgers.items() for key, hold in _holds(operator, ledger)}
    failures = [
        f"{_label(key)}: the journal has {_transfer_text(evidence.transfers.get(key))}, "
        f"the ledger {_hold_text(holds.get(key))}"
        for key in sorted({*holds, *evidence.transfers})
        if not _matches(evidence.transfers.get(key), holds.get(key))
    ]
    failures += [text for ledger in evidence.ledgers.values() for text in ledger.violations()]
    text = f"{len(evidence.transfers)} transfers: ledger and journal agree on state, player and amount"
    return Check(text, failures)


def _check_balances(evidence: Evidence) -> Check:
    due = _due_balances(evidence)
    failures = []
    for (operator, player), told in evidence.balances.items():
        account = evidence.ledgers[operator].accounts[player]
        has = money(account.balance, account.currency)
        if not due[operator, player] == has == told:
            failures.append(f"{operator} {player}: due {due[operator, player]}, has {has}, the game was told {told}")
    text = f"{len(evidence.balances)} balances: ledger, journal and what the game is told agree to the last digit"
    return Check(text, failures)


def _check_requested_ends(evidence: Evidence) -> Check:
    failures = []
    for result in evidence.results:
        state = _state(evidence, key_of(result))
        if state not in _EXPECTED[result.requested]:
            failures.append(f"{_label(key_of(result))} is {state}, the game asked for {result.requested or 'nothing'}")
    left = sum(not result.acknowledged for result in evidence.results)
    text = f"every end is the one that the game asked for; {left} it left to the gateway"
    return Check(text, failures)


def _check_reasons(evidence: Evidence) -> Check:
    keys_with_reason = {each.key for each in evidence.reasons}
    rolled_back = [each.key for each in evidence.transfers.values() if each.state is State.ROLLED_BACK]
    failures = [f"{_label(key)} has no reason" for key in rolled_back if key not in keys_with_reason]
    return Check(f"{len(rolled_back)} rollbacks have {len(evidence.reasons)} reasons, at least one each", failures)


def _check_launches(evidence: Evidence) -> Check:
    text = (
        f"{len(evidence.around.launches)} launches led to the game with the player's token, and again to the same URL"
    )
    return Check(text, list(launch_failures(evidence.around)))


def _check_payments(evidence: Evidence) -> Check:
    around = evidence.around
    paid, told = sum(each.is_paid for each in around.payments), sum(map(len, around.notices.values()))
    text = (
        f"{len(around.payments)} payments: {paid} were paid, and the game handed out goods once for each, told "
        f"of it {told} times; forged, old and changed ones were refused"
    )
    return Check(text, list(payment_failures(around)))


def _check_queries(evidence: Evidence) -> Check:
    text = f"{len(evidence.around.final_states)} times an operator asked how a transfer had ended, and was told rightly"
    return Check(text, list(query_failures(evidence.around, evidence.transfers)))


def _fault_rows(evidence: Evidence, wire: Wire) -> list[FaultRow]:
    """One for each fault that happened, after those of no fault and of nothing sent."""
    counted: defaultdict[str, Counter[str]] = defaultdict(Counter)
    decided_by = _decided_by(evidence.reasons)
    for result in evidence.results:
        key = key_of(result)
        counted[wire.hold_faults.get(key, NOT_SENT)][_ended_by(evidence, key, decided_by)] += 1
    happened = {*counted, *wire.end_faults}
    faults = [fault for fault in ("", NOT_SENT, *Fault) if fault in happened]
    return [_fault_row(fault, counted[fault], wire.end_faults[fault], evidence) for fault in faults]


def _fault_row(fault: str, counts: Counter[str], keys: set[Key], evidence: Evidence) -> FaultRow:
    return FaultRow(
        fault=fault,
        confirmed=counts[State.CONFIRMED],
        rolled_back_by_game=counts[Source.GAME],
        rolled_back_by_gateway=counts[Source.GATEWAY],
        nothing_moved=counts[""],
        ended=len(keys),
        delivered=sum(_state(evidence, key) in FINAL for key in keys),
    )


def _ended_by(evidence: Evidence, key: Key, decided_by: Mapping[Key, Source]) -> str:
    state = _state(evidence, key)
    if state is State.ROLLED_BACK:
        return decided_by.get(key, Source.GAME)
    return state or ""


def _decided_by(reasons: Sequence[KeyedReason]) -> dict[Key, Source]:
    """Who gave the first reason for each rollback."""
    # Newest first: the last entry of a key stays in the dict, and that is the oldest reason.
    return {each.key: each.reason.source for each in sorted(reasons, key=lambda each: each.reason.at, reverse=True)}


def _state(evidence: Evidence, key: Key) -> State | None:
    transfer = evidence.transfers.get(key)
    return None if transfer is None else transfer.state


def _holds(operator: str, ledger: Ledger) -> Iterator[tuple[Key, Hold]]:
    return ((Key(operator, hold.direction, hold.id), hold) for hold in ledger.holds.values())


def _matches(transfer: Transfer | None, hold: Hold | None) -> bool:
    """Whether the ledger agrees with the journal. Not every protocol has a confirm, so a hold that was not undone
    counts as confirmed."""
    if transfer is None:
        return hold is None
    if transfer.state is State.CONFIRMED:
        return (
            hold is not None
            and hold.counts
            and _payer_and_amount(hold) == (transfer.session.player_id, transfer.amount)
        )
    return hold is None or hold.state in {HoldState.UNDONE, HoldState.BURIED}


def _payer_and_amount(hold: Hold) -> tuple[str, Money | None]:
    return hold.player_id, None if hold.amount is None else money(hold.amount.amount, hold.amount.currency)


def _books_of(operator: str, ledger: Ledger, evidence: Evidence) -> Books:
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
    """What each player should have according to the journal."""
    due: defaultdict[tuple[str, str], Money] = defaultdict(lambda: OPENED_WITH)
    for transfer in evidence.transfers.values():
        if transfer.state is State.CONFIRMED and transfer.amount is not None:
            account = (transfer.operator, transfer.session.player_id)
            amount = transfer.amount.amount
            change = amount if transfer.direction is Direction.DEPOSIT else amount.copy_negate()
            due[account] = money(_EXACT.add(due[account].amount, change), CURRENCY)
    return due


def _label(key: Key) -> str:
    return f"{key.operator} {key.direction} {key.id}"


def _transfer_text(transfer: Transfer | None) -> str:
    if transfer is None:
        return "nothing"
    return f"{transfer.state} {transfer.amount or ''} of {transfer.session.player_id}"


def _hold_text(hold: Hold | None) -> str:
    return "nothing" if hold is None else f"{hold.state} {hold.amount or ''} of {hold.player_id}"
