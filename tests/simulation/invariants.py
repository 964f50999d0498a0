"""The promises, each as a function from the evidence to what breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec

from gateway.sandbox.ledger import HoldState
from tests.simulation.database import Version
from tests.simulation.evidence import Evidence, Key, Violation
from tests.simulation.games import CONFIRMS, CURRENCY, HOLDS, ROLLBACKS, Told
from tests.simulation.hearing import is_no, is_word, is_yes
from tests.simulation.metrics import metrics_true
from tests.simulation.operators import YES, Sent
from tests.simulation.protocols import has_deposits, rules_ends_out
from tests.support.virtual_time import EPOCH

Invariant = Callable[[Evidence], Iterator[Violation]]

CONFIRMED: Final = frozenset({"confirming", "confirmed"})
ROLLED_BACK: Final = frozenset({"rolling_back", "rolled_back"})
ENDED: Final = frozenset({"held", "confirmed", "rolled_back", "parked"})

DURABLE_BEFORE: Final = {
    "hold": frozenset({"sending", *ROLLED_BACK, "parked"}),
    "confirm": frozenset({*CONFIRMED, "parked"}),
    "rollback": frozenset({*ROLLED_BACK, "parked"}),
}
"""The states one of which must be durable when a request leaves. A hold may be on its way to be undone already: a
gateway that stood still finds that out when it records the outcome."""

LEGAL: Final[dict[str | None, set[str]]] = {
    None: {"sending", "confirming", "rolling_back", "rolled_back"},
    "sending": {"sending", "held", "rolling_back", "rolled_back"},
    "held": {"held", "confirming", "rolling_back"},
    "confirming": {"confirming", "confirmed", "parked"},
    "confirmed": set(),
    "rolling_back": {"rolling_back", "rolled_back", "parked"},
    "rolled_back": {"rolling_back"},
    "parked": {"confirming", "rolling_back", "confirmed", "rolled_back"},
}

OK: Final = 200
DELIVERING: Final = frozenset({"confirming", "rolling_back"})
INSTANCE: Final = "{}-0-0"
"""The id under which a gateway of this name claims."""

WELL_S: Final = 20.0
"""How long after it has sent a hold a gateway must be well for its outcome to be written down."""

PENDING: Final = 120
ID_REUSED: Final = 110
NO_JOURNAL: Final = 123
NOTHING_SENT: Final = frozenset({122, NO_JOURNAL})
"""Codes of a hold that may never have left; 123 also stands for one whose outcome was not recorded."""
TEXT_LIMIT: Final = 4096


def sent_once(evidence: Evidence) -> Iterator[Violation]:
    """A withdraw or deposit goes over the wire at most once."""
    for key in evidence.keys:
        times = sum(1 for sent in evidence.sent[key] if sent.act == "hold")
        if times > 1:
            yield Violation("sent_once", f"the hold was sent {times} times", key)


def written_first(evidence: Evidence) -> Iterator[Violation]:
    """Nothing that moves money is sent before its row is durable."""
    for key in evidence.keys:
        for sent in evidence.sent[key]:
            if sent.act in DURABLE_BEFORE and sent.durable not in DURABLE_BEFORE[sent.act]:
                yield Violation("written_first", f"{sent.act} was sent while {sent.durable} was durable", key)


def never_both(evidence: Evidence) -> Iterator[Violation]:
    """Confirm and rollback exclude each other, decided or sent."""
    for key in evidence.keys:
        acts = {sent.act for sent in evidence.sent[key]}
        states = {version.state for version in evidence.versions[key]}
        if {"confirm", "rollback"} <= acts:
            yield Violation("never_both", "confirm and rollback were both sent", key)
        if states & CONFIRMED and states & ROLLED_BACK:
            yield Violation("never_both", "confirm and rollback were both decided", key)


def failures_undone(evidence: Evidence) -> Iterator[Violation]:
    """A hold that went out and did not clearly succeed is rolled back, whether or not the game asks."""
    for key in evidence.keys:
        was_sent = any(sent.act == "hold" for sent in evidence.sent[key])
        succeeded = any(version.state == "held" for version in evidence.versions[key])
        if was_sent and not succeeded and evidence.state(key) not in {"rolled_back", "parked"}:
            yield Violation("failures_undone", f"the hold failed, but is {evidence.state(key)}", key)


def undone_afterwards(evidence: Evidence) -> Iterator[Violation]:
    """A hold that may have been taken, and is rolled back, was told so after it had been sent, not only before; unless
    a person has seen to it."""
    for key in evidence.keys:
        hold = next((sent for sent in evidence.sent[key] if sent.act == "hold"), None)
        if hold is None or evidence.state(key) != "rolled_back" or _ended_by_a_person(evidence, key):
            continue
        if not _may_be_taken(evidence, key, hold) or _died_telling_of_it(evidence, hold):
            continue
        if not any(sent.act == "rollback" and sent.at > hold.at for sent in evidence.sent[key]):
            yield Violation("undone_afterwards", "no rollback was sent after the hold", key)


def woken_in_time(evidence: Evidence) -> Iterator[Violation]:
    """Who stood still with a hold until others had taken it over, and can tell so by its clock, does not send it. It
    cannot tell where another's clock was ahead: then its own lease is not over."""
    if evidence.world.mishaps.get("clock jumps"):
        return
    for key, (process, slept_at) in evidence.world.slept_on.items():
        woke_at = next((at for at in process.woke_at if at > slept_at), 0.0)
        others = any(
            version.at < woke_at and version.by not in {"", process.name} for version in evidence.versions[key]
        )
        if others and any(sent.act == "hold" for sent in evidence.sent[key]):
            yield Violation("woken_in_time", "a hold that others had taken over was sent", key)


def delivered_or_parked(evidence: Evidence) -> Iterator[Violation]:
    """Every decision is delivered, or given up in the open, and only once its time is over."""
    for key, row in evidence.rows.items():
        if row["state"] not in ENDED:
            yield Violation("delivered_or_parked", f"it is still {row['state']} at the end", key)
    if not evidence.plan.jump_every_s:
        yield from _parked_too_soon(evidence)


def money_adds_up(evidence: Evidence) -> Iterator[Violation]:
    """Journal and ledger agree on every transfer, on every player's money, and in total."""
    for key in evidence.keys:
        if not _agree(evidence, key):
            hold = evidence.holds.get(key)
            found = "nothing" if hold is None else hold.state
            yield Violation("money_adds_up", f"the journal has {evidence.state(key)}, the operator {found}", key)
    for operator in evidence.world.operators.values():
        for text in operator.ledger.violations():
            yield Violation("money_adds_up", f"{operator.name}: {text}")
    for name, account in evidence.accounts():
        expected = account.opened_with + sum(_moved(evidence, name, account.player_id))
        if expected != account.balance:
            yield Violation(
                "money_adds_up", f"{name}: {account.player_id} has {account.balance}, by the journal {expected}"
            )


def nothing_undone_needlessly(evidence: Evidence) -> Iterator[Violation]:
    """A hold that the operator took while its gateway was well is held: nobody took its sender for dead."""
    for key in evidence.keys:
        sent = next((one for one in evidence.sent[key] if one.act == "hold"), None)
        if sent is None or not evidence.fared_well(sent.process, sent.at + WELL_S):
            continue
        recorded = any(one["verdict"] == "success" for one in evidence.attempts[key] if one["call"] in HOLDS)
        heard = any(one.act == "hold" and is_yes(evidence, one) for one in evidence.handled[key])
        if (recorded or heard) and not any(version.state == "held" for version in evidence.versions[key]):
            yield Violation("nothing_undone_needlessly", "the hold succeeded, and was rolled back all the same", key)


def answers_true(evidence: Evidence) -> Iterator[Violation]:
    """A 200 is never taken back; a failure never leaves the money taken; every number is the operator's own."""
    for key in evidence.keys:
        for told in evidence.told[key]:
            problem = _untrue(evidence, key, told)
            if problem:
                yield Violation("answers_true", f"{told.asked.call} was answered {told.status}, {problem}", key)


def reasons_kept(evidence: Evidence) -> Iterator[Violation]:
    """Every rollback has a reason, and every reason that the game gave and had acknowledged is kept as it was."""
    for key in evidence.keys:
        kept = [reason["text"] for reason in evidence.reasons[key] if reason["source"] == "game"]
        rolled_back = any(version.state in ROLLED_BACK for version in evidence.versions[key])
        if rolled_back and not evidence.reasons[key]:
            yield Violation("reasons_kept", "it was rolled back without a reason", key)
        for told in evidence.told[key]:
            if told.asked.call in ROLLBACKS and told.status == OK and not _kept(told.asked.reason).intersection(kept):
                yield Violation("reasons_kept", f"the reason {told.asked.reason!r:.60} is not among {kept!r:.200}", key)


def transitions_legal(evidence: Evidence) -> Iterator[Violation]:
    """Every change of a transfer is one that the rules allow, and what it is about never changes."""
    for key in evidence.keys:
        before: Version | None = None
        for version in evidence.versions[key]:
            if before is not None and _names_player(before, version):
                before = version
                continue
            came_from = None if before is None else before.state
            if version.state not in LEGAL[came_from]:
                yield Violation("transitions_legal", f"{came_from} was followed by {version.state}", key)
            if before is not None and not _follows(before, version):
                yield Violation("transitions_legal", f"revision {before.revision} became {version.revision}", key)
            if before is not None and _subject(before) != _subject(version):
                yield Violation("transitions_legal", f"{_subject(before)} became {_subject(version)}", key)
            before = version


def claims_respected(evidence: Evidence) -> Iterator[Violation]:
    """What came of a try is written only by who holds the transfer then: nobody undoes what others have done since."""
    for key in evidence.keys:
        holder = None
        for before, after in pairwise([None, *evidence.versions[key]]):
            assert after is not None
            if before is None or after.revision == before.revision:
                # Whoever is taken for dead, and is not, still holds what nobody else has claimed.
                holder = after.owner if before is None else holder
                continue
            if not after.by:
                yield from _taken_by_a_person(key, before, after)
                holder = after.owner
                continue
            outcome = before.state in DELIVERING and after.owner is None
            begun_anew = after.decided_at == after.changed_at
            if outcome and not begun_anew and holder != INSTANCE.format(after.by):
                yield Violation("claims_respected", f"{after.by} wrote to what {holder} held", key)
            holder = after.owner


def leases_respected(evidence: Evidence) -> Iterator[Violation]:
    """Nobody takes what another holds, as long as that one is well and its lease is running."""
    if evidence.plan.jump_every_s or evidence.world.journal_losses or evidence.world.database.failures:
        return
    for key in evidence.keys:
        holder: Version | None = None
        for after in evidence.versions[key]:
            if holder is None or after.revision > holder.revision:
                if holder is not None and _robbed(evidence, holder, after):
                    yield Violation("leases_respected", f"{after.owner} took it from {holder.owner}", key)
                holder = after


def durable_stays(evidence: Evidence) -> Iterator[Violation]:
    """What was committed is there after a crash."""
    for text in evidence.world.database.lost:
        yield Violation("durable_stays", text)


def nothing_forgotten(evidence: Evidence) -> Iterator[Violation]:
    """No transfer is pruned before its time, which never comes here."""
    for key in evidence.keys:
        if evidence.versions[key] and key not in evidence.rows:
            yield Violation("nothing_forgotten", "it was committed, and is not there at the end", key)


def all_in_order(evidence: Evidence) -> Iterator[Violation]:
    """Nothing failed in a way that nobody had thought of."""
    for text in evidence.world.problems:
        yield Violation("all_in_order", text)


INVARIANTS: Final[tuple[Invariant, ...]] = (
    sent_once,
    written_first,
    never_both,
    failures_undone,
    undone_afterwards,
    woken_in_time,
    delivered_or_parked,
    money_adds_up,
    nothing_undone_needlessly,
    answers_true,
    reasons_kept,
    transitions_legal,
    claims_respected,
    leases_respected,
    durable_stays,
    nothing_forgotten,
    metrics_true,
    all_in_order,
)


def _names_player(before: Version, after: Version) -> bool:
    """Whether only the player was filled in, which is no step of the transfer."""
    named = msgspec.structs.replace(before, at=after.at, by=after.by, player_id=after.player_id)
    return not before.player_id and bool(after.player_id) and after == named


def _decided_at(evidence: Evidence, version: Version) -> float:
    """In the simulation's time. One that stands still, or whose journal is away, commits long after it has decided; but
    nobody decides before the game has asked for anything."""
    first_asked_at = evidence.asked[version.key][0].at
    return version.at if version.decided_at is None else max(first_asked_at, version.decided_at - EPOCH)


def _parked_too_soon(evidence: Evidence) -> Iterator[Violation]:
    plan = evidence.plan.delivery
    until_s, every_s = plan.get("until", 48 * 3600.0), plan.get("then_every", 3600.0)
    for key in evidence.keys:
        begun_at = 0.0
        before: tuple[str, float | None] | None = None
        given_up: set[float | None] = set()  # decisions whose time was over once: each call of the game is one try more
        for version in evidence.versions[key]:
            decision = version.state, version.decided_at
            if version.state in {"confirming", "rolling_back"} and before != decision:
                begun_at = _decided_at(evidence, version)
            # By the clock of who gives it up, who may write it much later. Where nobody's clock was wrong since the
            # start, by the real one too: what is done to a clock later must change nothing.
            given_up_at = version.changed_at - EPOCH
            if not evidence.world.mishaps.get("clock jumps"):
                given_up_at = min(given_up_at, version.at)
            tried_for_s = given_up_at - begun_at
            if version.state == "parked":
                too_soon = tried_for_s < until_s - 1.2 * every_s and not _is_ruled_out(evidence, key, version.at)
                if version.decided_at not in given_up and too_soon:
                    yield Violation("delivered_or_parked", f"parked after {tried_for_s:.1f} s", key)
                given_up.add(version.decided_at)
            before = decision


def _is_ruled_out(evidence: Evidence, key: Key, at: float) -> bool:
    """Whether the gateway may know by then that this end can never succeed: the contract has no such transfers, or a
    code that says so, and the operator has answered in words."""
    protocol = evidence.world.operators[key[0]].protocol
    if (key[1] == "deposit" and not has_deposits(protocol)) or evidence.is_rolled_back_blindly(key):
        return True
    heard = (one for one in evidence.handled[key] if one.heard_at is not None and one.heard_at <= at)
    return rules_ends_out(protocol) and any(is_word(one) and one.said != YES for one in heard)


def _agree(evidence: Evidence, key: Key) -> bool:
    hold = evidence.holds.get(key)
    match evidence.state(key):
        case None:
            return key in evidence.outside or hold is None
        case "held":
            return hold is not None and hold.state is HoldState.HELD
        case "confirmed":
            return evidence.counts(key) or evidence.unanswerable(key)
        case "rolled_back":
            return hold is None or not hold.counts
        case "parked":
            undone = hold is not None and hold.state is HoldState.UNDONE
            confirmed = hold is not None and hold.state is HoldState.CONFIRMED
            return not (undone if evidence.wants(key) == "confirm" else confirmed)
        case _:
            return False


def _moved(evidence: Evidence, operator: str, player: str) -> Iterator[Decimal]:
    """What the player's transfers add to the balance, by the journal where that knows."""
    for key in evidence.keys:
        hold = evidence.holds.get(key)
        if key[0] != operator or hold is None or hold.player_id != player or hold.amount is None:
            continue
        row = evidence.rows.get(key)
        amount = hold.amount.amount if row is None or row["amount"] is None else Decimal(row["amount"])
        known = evidence.state(key) in {"held", "confirmed", "rolled_back"}
        moved = evidence.state(key) != "rolled_back" if known else hold.counts
        if moved:
            yield amount if key[1] == "deposit" else -amount


def _may_be_taken(evidence: Evidence, key: Key, hold: Sent) -> bool:
    """As far as its sender knew: by what is written down, or, where the journal did not take that, because the sender
    lived on and had heard no refusal."""
    verdicts = {one["verdict"] for one in evidence.attempts[key] if one["call"] in HOLDS}
    if verdicts:
        return bool(verdicts & {"success", "unknown"})
    sender = evidence.world.gateway(hold.process)
    lived_on = sender is not None and sender.stopped
    return lived_on and not any(one.act == "hold" and is_no(evidence, one) for one in evidence.handled[key])


def _died_telling_of_it(evidence: Evidence, hold: Sent) -> bool:
    """Its sender stood still and sent it after others had undone it, then died between writing down that try and
    having it undone once more (decisions/073): only an operator that remembers the rollback protects from that."""
    sender = evidence.world.gateway(hold.process)
    is_late = hold.durable in ROLLED_BACK
    return is_late and sender is not None and sender.process.has_stood_still and not sender.stopped


def _ended_by_a_person(evidence: Evidence, key: Key) -> bool:
    return not evidence.versions[key][-1].by


def _taken_by_a_person(key: Key, before: Version, after: Version) -> Iterator[Violation]:
    """A person waits for whoever is at it."""
    if before.owner is not None and before.due_at is not None and before.due_at > EPOCH + after.at:
        yield Violation("claims_respected", f"a person wrote to what {before.owner} held", key)


def _robbed(evidence: Evidence, holder: Version, after: Version) -> bool:
    if holder.owner is None or after.owner in {None, holder.owner} or holder.due_at is None:
        return False
    gateway = evidence.world.gateway(holder.owner.removesuffix(INSTANCE.format("")))
    well = gateway is not None and gateway.well_until > after.at
    return well and holder.due_at > EPOCH + after.at


def _untrue(evidence: Evidence, key: Key, told: Told) -> str | None:
    if told.status != OK:
        return _untrue_failure(evidence, key, told) if told.asked.call in HOLDS else None
    if told.asked.call in HOLDS:
        return _beside_the_point(evidence, key, told) or _untrue_hold(evidence, key, told)
    state = "confirmed" if told.asked.call in CONFIRMS else "rolled_back"
    return _beside_the_point(evidence, key, told) or _untrue_end(evidence, key, told, state)


def _beside_the_point(evidence: Evidence, key: Key, told: Told) -> str | None:
    """A success must be about what was asked, digit for digit."""
    row = evidence.rows.get(key)
    if row is None:
        return "although the journal knows nothing of it"
    if told.id != told.asked.id:
        return f"about {told.id}"
    payer = evidence.payer(key)
    players = {payer} if payer else evidence.askers(key)
    if told.balance and not any((one, told.balance) in evidence.world.operators[key[0]].balances for one in players):
        return f"with a balance of {told.balance} that {' or '.join(sorted(players))} never had"
    if told.balance and row["amount"] and told.currency != CURRENCY:
        return f"with a balance in {told.currency}"
    if told.asked.amount and row["amount"] and Decimal(told.asked.amount) != Decimal(row["amount"]):
        return f"although it is about {row['amount']}, not {told.asked.amount}"
    return None


def _untrue_failure(evidence: Evidence, key: Key, told: Told) -> str | None:
    """Another copy of the same call may have been told that it succeeded; a game that confirms what it was told had
    failed has decided; who was told to ask again must do so; and that nothing was sent is true of the copy that is
    told so, even where another one goes out later, or at a gateway that shares no journal with this one just now, or
    went out earlier and could not be looked up."""
    if told.code in {PENDING, ID_REUSED} or _succeeded(evidence, key) or _confirmed_all_the_same(evidence, key, told):
        return None
    sent = [sent for sent in evidence.sent[key] if sent.act == "hold"]
    if told.code in NOTHING_SENT and all(one.at > told.at for one in sent):
        return None
    if told.code == NO_JOURNAL and not any(_by_itself(told, one) for one in sent):
        return None
    if evidence.counts(key) and evidence.state(key) not in {"rolled_back", "parked", None}:
        return f"but the money is taken, and it is {evidence.state(key)}"
    return None


def _by_itself(told: Told, sent: Sent) -> bool:
    """Whether who told it had sent this itself since it was asked."""
    return sent.process == told.gateway and told.asked.at <= sent.at <= told.at


def _untrue_hold(evidence: Evidence, key: Key, told: Told) -> str | None:
    asked_back = any(asked.call in ROLLBACKS for asked in evidence.asked[key])
    taken_back = any(version.state in ROLLED_BACK for version in evidence.versions[key])
    if taken_back and not asked_back:
        return "but was taken back unasked"
    if evidence.state_at(key, told.asked.at) in ROLLED_BACK:
        return "although it was being rolled back when it was asked"
    return None


def _untrue_end(evidence: Evidence, key: Key, told: Told, state: str) -> str | None:
    counts = state == "confirmed"
    # A withdraw that went out late may have begun the rollback anew while this answer was on its way.
    if not any(version.state == state and version.at <= told.at for version in evidence.versions[key]):
        return f"while it was {evidence.state_at(key, told.at)}"
    if evidence.state(key) != state and not _parked_anew(evidence, key):
        return f"but ended as {evidence.state(key)}"
    if evidence.counts(key) is not counts and not evidence.unanswerable(key):
        return f"but the money is {'not ' if counts else ''}taken"
    return None


def _parked_anew(evidence: Evidence, key: Key) -> bool:
    """A rollback that a late withdraw began anew, and that the operator then never acknowledged again."""
    states = [version.state for version in evidence.versions[key]]
    begun_anew = ("rolled_back", "rolling_back") in pairwise(states)
    return begun_anew and evidence.state(key) == "parked" and evidence.wants(key) == "rollback"


def _succeeded(evidence: Evidence, key: Key) -> bool:
    return any(told.asked.call not in ROLLBACKS and told.status == OK for told in evidence.told[key])


def _confirmed_all_the_same(evidence: Evidence, key: Key, told: Told) -> bool:
    asked = any(asked.call in CONFIRMS and asked.at > told.at for asked in evidence.asked[key])
    return asked and any(version.state in CONFIRMED for version in evidence.versions[key])


def _kept(reason: object) -> set[str]:
    """What must be kept of a reason: all of it, up to the limit; as JSON where it is no text that can be."""
    if reason is None:
        return {""}
    if not isinstance(reason, str):
        return {json.dumps(reason, separators=(",", ":"))}
    return {reason if len(reason) <= TEXT_LIMIT else reason[: TEXT_LIMIT - 1] + "…", json.dumps(reason)}


def _follows(before: Version, version: Version) -> bool:
    """Each change has the next revision; only who takes over from the dead leaves it as it is."""
    disowned = before.state == version.state and before.owner is not None and version.owner is None
    return version.revision == before.revision + 1 or (disowned and version.revision == before.revision)


def _subject(version: Version) -> tuple[object, ...]:
    return version.amount, version.currency, version.adopted, version.opened_at
