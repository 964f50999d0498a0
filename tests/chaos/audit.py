"""Whether every promise was kept: journal, operators' books and wires, and what the games were told, compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Inexact
from itertools import chain
from typing import Final

import msgspec

from gateway.money import Money, money
from gateway.records import FINAL, Decision, Direction, Fate, Key, KeyedReason, State, Transfer
from gateway.sandbox.ledger import Hold, HoldState, Ledger
from tests.chaos.audit_around import (
    Around,
    lost_payments,
    retractions,
    untold_payments,
    wrong_answers,
    wrong_at_rest,
    wrong_ends,
    wrong_notices,
)
from tests.chaos.game import Told, reason_of
from tests.chaos.plan import CURRENCY, END_CALLS, HOLD_CALLS, OPENED_WITH, STUBBORN

_EXACT: Final = Context(prec=200, traps=[Inexact])
_HOLDS: Final[dict[str, Direction]] = {call: direction for direction, call in HOLD_CALLS.items()}
_ENDS: Final[dict[str, tuple[Direction, Decision]]] = {
    call: (direction, decision) for (direction, decision), call in END_CALLS.items()
}
_ENDED: Final = {Decision.CONFIRM: State.CONFIRMED, Decision.ROLLBACK: State.ROLLED_BACK}


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known once everything has come to rest. `transfers` are the wallet's; payments are `around` it.
    `parked` are the operators of what was ever parked, with how many each; `complaints` is what the gateways logged as
    errors."""

    told: Sequence[Told]
    ledgers: Mapping[str, Ledger]
    transfers: Mapping[Key, Transfer]
    reasons: Sequence[KeyedReason]
    parked: Mapping[str, int]
    complaints: Sequence[str]
    around: Around


class Check(msgspec.Struct, frozen=True):
    """A promise, and where it was not kept."""

    text: str
    failures: list[str]


def audit(evidence: Evidence) -> list[Check]:
    """Every promise, each over all the evidence."""
    return [*_wallet(evidence), *_around(evidence.around, evidence.transfers)]


def _wallet(evidence: Evidence) -> list[Check]:
    holds, ends = _wire(evidence.ledgers)
    return [
        Check("every withdraw and deposit was sent at most once", [_name(key) for key, n in holds.items() if n > 1]),
        Check(
            "no operator was told both to confirm and to roll back",
            [_name(key) for key, of in ends.items() if len(of) > 1],
        ),
        Check("everything has come to its end", [_is(each) for each in _unfinished(evidence)]),
        Check(
            "parked only where an operator or its game declined every end",
            [f"{n} of {o}" for o, n in _unscheduled(evidence)],
        ),
        Check("journal and ledgers agree on every transfer", list(_differences(evidence))),
        Check("journal and ledgers agree on every balance", list(_imbalances(evidence))),
        Check("every 200 that a game got is still true", list(_broken_words(evidence, holds))),
        Check("what a game was told to be undone is undone", list(_left_standing(evidence))),
        Check("every reason for a rollback is kept", list(_lost_reasons(evidence))),
        Check("no gateway logged an error of its own", list(evidence.complaints)),
    ]


def _around(around: Around, transfers: Mapping[Key, Transfer]) -> list[Check]:
    return [
        Check("every acknowledged payment is in the journal as it was signed", list(lost_payments(around))),
        Check("the game was told of every acknowledged payment, and gave goods once", list(untold_payments(around))),
        Check("the game was told only what the journal has, always in the same words", list(wrong_notices(around))),
        Check("what is refused is never told, and only refused with cause", list(wrong_answers(around))),
        Check("payments end only by the game's acknowledgement", list(wrong_ends(around))),
        Check("an end that an operator was told is true, and never taken back", list(retractions(around, transfers))),
        Check("at rest every gateway tells operators what the journal says", list(wrong_at_rest(around, transfers))),
    ]


def key_of(told: Told) -> Key:
    return told.purchase.key


def _wire(ledgers: Mapping[str, Ledger]) -> tuple[Counter[Key], dict[Key, set[Decision]]]:
    """How often each hold arrived at its operator, and which ends did."""
    holds: Counter[Key] = Counter()
    ends: defaultdict[Key, set[Decision]] = defaultdict(set)
    for operator, ledger in ledgers.items():
        for seen in ledger.wire():
            if seen.call in _HOLDS:
                holds[Key(operator, _HOLDS[seen.call], seen.id)] += 1
            elif seen.call in _ENDS:
                direction, decision = _ENDS[seen.call]
                ends[Key(operator, direction, seen.id)].add(decision)
    return holds, ends


def _unfinished(evidence: Evidence) -> Iterator[Transfer]:
    everything = chain(evidence.transfers.values(), evidence.around.payments.values())
    return (transfer for transfer in everything if transfer.state not in FINAL)


def _unscheduled(evidence: Evidence) -> Iterator[tuple[str, int]]:
    parked = chain(evidence.parked.items(), evidence.around.parked.items())
    return ((operator, count) for operator, count in parked if operator != STUBBORN)


def _differences(evidence: Evidence) -> Iterator[str]:
    """From the journal to the ledgers and back."""
    holds = {
        Key(operator, hold.direction, hold.id): hold
        for operator, ledger in evidence.ledgers.items()
        for hold in ledger.holds.values()
    }
    for key in sorted({*holds, *evidence.transfers}):
        transfer, hold = evidence.transfers.get(key), holds.get(key)
        if not _agree(transfer, hold):
            yield f"{_is(transfer) if transfer else f'{_name(key)} is in no journal'}, in the ledger {_described(hold)}"


def _agree(transfer: Transfer | None, hold: Hold | None) -> bool:
    """Not every protocol has a confirm: a hold that stands is one."""
    if transfer is None:
        return hold is None
    if transfer.state is State.CONFIRMED:
        return hold is not None and hold.counts and _content(hold) == (transfer.session.player_id, transfer.amount)
    return hold is None or hold.state in {HoldState.UNDONE, HoldState.BURIED}


def _imbalances(evidence: Evidence) -> Iterator[str]:
    """What each player should have by the journal, to the last digit, and whether the ledger adds up in itself."""
    due = _due(evidence)
    for operator, ledger in evidence.ledgers.items():
        yield from ledger.violations()
        for player, account in ledger.accounts.items():
            has = money(account.balance, account.currency)
            if has != due[operator, player]:
                yield f"{operator} {player}: {has}, due by the journal: {due[operator, player]}"


def _due(evidence: Evidence) -> defaultdict[tuple[str, str], Money]:
    due: defaultdict[tuple[str, str], Money] = defaultdict(lambda: OPENED_WITH)
    for transfer in evidence.transfers.values():
        if transfer.state is State.CONFIRMED and transfer.amount is not None:
            account = (transfer.operator, transfer.session.player_id)
            change = transfer.amount.amount
            signed = change if transfer.direction is Direction.DEPOSIT else change.copy_negate()
            due[account] = money(_EXACT.add(due[account].amount, signed), CURRENCY)
    return due


def _broken_words(evidence: Evidence, sent: Mapping[Key, int]) -> Iterator[str]:
    for told in evidence.told:
        key = key_of(told)
        transfer = evidence.transfers.get(key)
        if told.held and (transfer is None or transfer.fate is not Fate.TAKEN or sent.get(key) != 1):
            yield f"{_name(key)}: its withdraw got a 200, but {_is(transfer)}"
        if len({answer.balance for answer in told.holds if answer.ok}) > 1:
            yield f"{_name(key)}: two instances told different balances"
        if told.held and told.asked is not None and not told.end.ok and told.purchase.operator != STUBBORN:
            yield f"{_name(key)}: its withdraw got a 200, its {told.asked} was refused: {told.end.text}"
        if told.asked is not None and told.end.ok and (transfer is None or transfer.state is not _ENDED[told.asked]):
            yield f"{_name(key)}: its {told.asked} got a 200, but {_is(transfer)}"


def _left_standing(evidence: Evidence) -> Iterator[str]:
    """A withdraw without a 200 never counts, whether the game asked for the rollback or left it to the gateway."""
    for told in evidence.told:
        transfer = evidence.transfers.get(key_of(told))
        if not told.held and transfer is not None and transfer.state is not State.ROLLED_BACK:
            yield f"{_name(key_of(told))}: its withdraw failed ({_answers(told)}), but {_is(transfer)}"
        if not told.held and told.asked is not None and not told.end.ok and told.purchase.operator != STUBBORN:
            yield f"{_name(key_of(told))}: its rollback was refused: {told.end.text}"


def _lost_reasons(evidence: Evidence) -> Iterator[str]:
    kept: defaultdict[Key, set[str]] = defaultdict(set)
    for each in evidence.reasons:
        kept[each.key].add(each.reason.text)
    for transfer in evidence.transfers.values():
        if transfer.state is State.ROLLED_BACK and not kept[transfer.key]:
            yield f"{_name(transfer.key)} has no reason"
    for told in evidence.told:
        if told.asked is Decision.ROLLBACK and told.end.ok and reason_of(told.purchase.id) not in kept[key_of(told)]:
            yield f"{_name(key_of(told))} has lost the game's reason"


def _content(hold: Hold) -> tuple[str, Money | None]:
    return hold.player_id, None if hold.amount is None else money(hold.amount.amount, hold.amount.currency)


def _name(key: Key) -> str:
    return f"{key.operator} {key.direction} {key.id}"


def _is(transfer: Transfer | None) -> str:
    if transfer is None:
        return "it is in no journal"
    return f"{_name(transfer.key)} is {transfer.state} ({transfer.amount} of {transfer.session.player_id})"


def _described(hold: Hold | None) -> str:
    return "there is nothing" if hold is None else f"it is {hold.state} ({hold.amount} of {hold.player_id})"


def _answers(told: Told) -> str:
    return " and ".join(f"{answer.code} {answer.text}" if answer.status else "no answer" for answer in told.holds)
