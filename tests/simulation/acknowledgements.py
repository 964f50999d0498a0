"""What counts as said: a yes that was heard counts, nothing else does, and what is durable is acknowledged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from tests.simulation.evidence import Evidence, Key, Violation
from tests.simulation.games import CONFIRMS, HOLDS, Told
from tests.simulation.hearing import is_no, is_word, is_yes
from tests.simulation.operators import Handled
from tests.simulation.protocols import asks_once
from tests.support.virtual_time import EPOCH

OK: Final = 200
DECLINED: Final = frozenset(range(100, 107))
PENDING: Final = 120
UNCLEAR: Final = 121
NOT_SENT: Final = 122
BAD_REQUEST: Final = 130

DELIVERING: Final = frozenset({"confirming", "rolling_back"})
ENDS: Final = {"confirm": "confirmed", "rollback": "rolled_back"}
ATTEMPTS: Final = {
    ("confirm", "withdraw"): "confirmWithdrawal",
    ("confirm", "deposit"): "confirmDeposit",
    ("rollback", "withdraw"): "rollbackWithdrawal",
    ("rollback", "deposit"): "rollbackDeposit",
}
LEASE_S: Final = 20.0
"""How long a gateway may take at most to send a hold and to write down what came of it."""
WRITING_S: Final = 6.0
"""How long a gateway may take to write down what it has heard."""
MEASURED_S: Final = 0.001
"""How exactly times can be compared that were measured by different clocks."""
PATIENCE_S: Final = 7.9
"""After this a gateway may say that a call is still being worked on."""
LEFT_ALONE: Final = "circuit breaker"
"""What a gateway says when its breaker is open."""
READS: Final = frozenset({"verifySession", "getBalance"})


def yes_counts(evidence: Evidence) -> Iterator[Violation]:
    """A yes to a confirm or rollback that reached a gateway is written down as one, whatever balance came with it."""
    for key in evidence.keys:
        for one in _heard(evidence, key):
            if one.act in ENDS and is_yes(evidence, one) and not _is_written_as_yes(evidence, key, one):
                yield Violation("yes_counts", f"the operator's yes ({one.fault or one.said}) did not count", key)


def held_only_if_sent(evidence: Evidence) -> Iterator[Violation]:
    """A hold is answered with a yes only if it went to the operator, which took it."""
    for key in evidence.keys:
        for told in evidence.told[key]:
            if told.asked.call not in HOLDS or told.status != OK:
                continue
            if not any(one.act == "hold" and one.at <= told.at for one in evidence.handled[key]):
                yield Violation("held_only_if_sent", "the game was told yes, and nobody had sent the hold", key)


def ends_acknowledged(evidence: Evidence) -> Iterator[Violation]:
    """What is durably confirmed or rolled back is acknowledged, with a balance wherever one is known."""
    for key in evidence.keys:
        for told in evidence.told[key]:
            if told.asked.call in HOLDS:
                continue
            if told.status != OK and _is_denied(evidence, key, told):
                yield Violation("ends_acknowledged", f"it was told {told.code}, though it was done", key)
            row = evidence.rows.get(key)
            if told.status == OK and not told.balance and row is not None and row["hold_balance"] is not None:
                yield Violation("ends_acknowledged", "no balance was told, though one is known", key)


def parked_only_in_doubt(evidence: Evidence) -> Iterator[Violation]:
    """Nothing is given up that the operator has ended, nor what it refused at first and refused to undo; unless a hold
    that went out late has begun it anew."""
    for key in evidence.keys:
        if ("rolled_back", "rolling_back") in pairwise(version.state for version in evidence.versions[key]):
            continue
        for version in evidence.versions[key]:
            if version.state != "parked":
                continue
            heard = [one for one in _heard(evidence, key) if one.at < version.at]
            ends = [one for one in heard if one.act == version.wants]
            if any(is_yes(evidence, one) for one in ends):
                yield Violation("parked_only_in_doubt", f"parked after a yes to the {version.wants}", key)
            if _refused(evidence, heard) and any(is_no(evidence, one) for one in ends):
                yield Violation("parked_only_in_doubt", "parked, though the operator had refused the hold", key)


def repeat_is_one_try(evidence: Evidence) -> Iterator[Violation]:
    """A game that asks for what is parked gets one try: neither its time nor its count of tries begins anew."""
    for key in evidence.keys:
        for before, after in pairwise(evidence.versions[key]):
            taken_up = before.state == "parked" and after.state in DELIVERING and after.by and after.owner
            if taken_up and (before.decided_at, before.tries) != (after.decided_at, after.tries):
                yield Violation("repeat_is_one_try", f"tries {before.tries} became {after.tries}, begun anew", key)


def nothing_for_nothing(evidence: Evidence) -> Iterator[Violation]:
    """For a hold that was never written to the operator, no end is sent either."""
    for key, row in evidence.rows.items():
        acts = {sent.act for sent in evidence.sent[key]}
        opened = evidence.versions[key][0]
        well = evidence.fared_well(opened.by, opened.at + LEASE_S)
        if not row["adopted"] and acts and "hold" not in acts and well:
            yield Violation("nothing_for_nothing", f"{sorted(acts)} was sent, and never the hold", key)


def ended_unsent(evidence: Evidence) -> Iterator[Violation]:
    """What begins as ended is a hold that a game had asked for, and that nobody ever sent."""
    for key in evidence.keys:
        first = next(iter(evidence.versions[key]), None)
        if first is None or first.state != "rolled_back":
            continue
        asked = any(one.call in HOLDS and one.at <= first.at for one in evidence.asked[key])
        if evidence.sent[key] or not asked:
            yield Violation("ended_unsent", "it was ended without a word, and had not been refused", key)


def breaker_fair(evidence: Evidence) -> Iterator[Violation]:
    """An operator is left alone only after it was silent as often as is configured, at calls of that kind. A gateway
    that stood still takes the time that it missed for the operator's silence."""
    spoken = {
        name: {one.number for one in operator.handled if is_word(one)}
        for name, operator in evidence.world.operators.items()
    }
    for told in evidence.world.told:
        call = told.asked.call
        if told.code != NOT_SENT or LEFT_ALONE not in told.text or not (call in HOLDS or call in READS):
            continue
        gateway = evidence.world.gateway(told.gateway)
        if gateway is None or gateway.process.has_stood_still:
            continue
        limit = evidence.breaker_limit(told.asked.operator)
        times = _silences(evidence, told, spoken[told.asked.operator])
        if times < limit:
            text = f"{told.gateway} sent no {call} to {told.asked.operator}, silent {times} times of {limit}"
            yield Violation("breaker_fair", text)


def words_only_inform(evidence: Evidence) -> Iterator[Violation]:
    """Every call of the games is one: no description and no reason is a cause to refuse it."""
    for told in evidence.world.told:
        if told.code == BAD_REQUEST:
            key = (told.asked.operator, told.asked.direction, told.asked.id)
            yield Violation("words_only_inform", f"{told.asked.call} was refused: {told.text}", key)


def reasons_counted(evidence: Evidence) -> Iterator[Violation]:
    """The same reason given again is counted, not kept again. A gateway that never heard whether its own was written
    writes it once more."""
    for key in evidence.keys:
        kept = Counter((one["source"], one["who"], one["text"]) for one in evidence.reasons[key])
        for (source, _, text), times in kept.items():
            unheard = source == "gateway" and (evidence.world.journal_losses or evidence.world.database.failures)
            if times > 1 and not unheard:
                yield Violation("reasons_counted", f"{source}'s {text!r:.40} is kept {times} times", key)


INVARIANTS: Final = (
    yes_counts,
    held_only_if_sent,
    ends_acknowledged,
    parked_only_in_doubt,
    repeat_is_one_try,
    nothing_for_nothing,
    ended_unsent,
    breaker_fair,
    words_only_inform,
    reasons_counted,
)


def _is_denied(evidence: Evidence, key: Key, told: Told) -> bool:
    """Whether it was done when the call came, and the answer is no other than that. A gateway may run out of time; a
    call that comes before the end may be told that it is pending, never that the end is unclear."""
    wanted = "confirmed" if told.asked.call in CONFIRMS else "rolled_back"
    if evidence.state_at(key, told.at) != wanted:
        return False
    if told.code == UNCLEAR:
        return True
    if any(told.reached_at < version.at <= told.at for version in evidence.versions[key]):
        return False
    return told.code in {PENDING, *DECLINED} and told.at - told.reached_at < PATIENCE_S


def _heard(evidence: Evidence, key: Key) -> Iterator[Handled]:
    """What reached a gateway that could write it down."""
    senders = {sent.number: sent.process for sent in evidence.sent[key]}
    for one in evidence.handled[key]:
        if one.heard_at is not None and evidence.fared_well(senders[one.number], one.heard_at + WRITING_S):
            yield one


def _is_written_as_yes(evidence: Evidence, key: Key, heard: Handled) -> bool:
    """Whether the try during which it was heard counts as a success."""
    assert heard.heard_at is not None
    at, call = EPOCH + heard.heard_at, ATTEMPTS[heard.act, heard.direction]
    return any(
        one["call"] == call
        and one["verdict"] == "success"
        and one["at"] <= at <= one["at"] + one["took_s"] + MEASURED_S
        for one in evidence.attempts[key]
    )


def _refused(evidence: Evidence, heard: list[Handled]) -> bool:
    return any(one.act == "hold" and is_no(evidence, one) for one in heard)


def _silences(evidence: Evidence, told: Told, spoken: set[int]) -> int:
    """How often the operator had kept this gateway waiting in vain, or could not be reached. `spoken` are the numbers
    of the requests that it answered in words."""
    operator = evidence.world.operators[told.asked.operator]
    acts = {"hold"} if told.asked.call in HOLDS else {"verify", "balance"}
    if not asks_once(operator.protocol):  # its holds may ask whose session it is first
        acts |= {"verify", "balance"}
    silent = [
        sent
        for sent in operator.sent
        if sent.process == told.gateway and sent.act in acts and sent.at < told.at and sent.number not in spoken
    ]
    unconnected = [
        at
        for at, process, name in evidence.world.network.unconnected
        if (process, name) == (told.gateway, operator.name) and at < told.at
    ]
    return len(silent) + len(unconnected)
