"""What the gateways counted, held against what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from tests.simulation.database import Version
from tests.simulation.evidence import PAYMENT, Evidence, Violation
from tests.simulation.gateways import Gateway
from tests.simulation.protocols import asks_once

Labels = tuple[str, ...]

DELIVERING: Final = frozenset({"confirming", "rolling_back"})
FINAL: Final = frozenset({"confirmed", "rolled_back"})
KNOWN_BY_THE_JOURNAL_ALONE: Final = frozenset({"delivery_tries_total"})
DECISIONS: Final = {"confirmed": "confirm", "rolled_back": "rollback"}
ENDS: Final = {
    "confirmWithdrawal": "confirm",
    "confirmDeposit": "confirm",
    "rollbackWithdrawal": "rollback",
    "rollbackDeposit": "rollback",
    "deliverPayment": "payment",
}
CALLS: Final = {
    ("hold", "withdraw"): "withdraw",
    ("confirm", "withdraw"): "confirmWithdrawal",
    ("rollback", "withdraw"): "rollbackWithdrawal",
    ("hold", "deposit"): "deposit",
    ("confirm", "deposit"): "confirmDeposit",
    ("rollback", "deposit"): "rollbackDeposit",
}


def metrics_true(evidence: Evidence) -> Iterator[Violation]:
    """Every counter equals what happened. One that died with its gateway, or was never told that a commit went
    through, may have counted less, never more."""
    exact = evidence.journal_was_well
    for name, happened, labels in (
        ("transfers_ended_total", _ended(evidence), ("operator", "direction", "state")),
        ("deliveries_total", _delivered(evidence), ("operator", "decision")),
        ("delivery_tries_total", _tried(evidence), ("operator", "decision", "verdict")),
        ("parked_total", _parked(evidence), ("operator",)),
        ("rollback_reasons_total", _reasons(evidence), ("operator", "source", "category")),
    ):
        counted = _counted(evidence, name, labels)
        for key in sorted(counted.keys() | happened.keys()):
            more = counted[key] > happened[key] and name not in KNOWN_BY_THE_JOURNAL_ALONE
            if more or (exact and counted[key] != happened[key]):
                yield Violation("metrics_true", f"{name}{key} is {counted[key]}, it happened {happened[key]} times")
    yield from _calls_counted(evidence)
    yield from _tallies_true(evidence)


def _ended(evidence: Evidence) -> Counter[Labels]:
    """By a gateway: delivered, or never sent."""
    return Counter((after.operator, str(after.direction), after.state) for _, after in _ends(evidence))


def _delivered(evidence: Evidence) -> Counter[Labels]:
    return Counter(
        (after.operator, "payment" if after.direction == PAYMENT else DECISIONS[after.state])
        for before, after in _ends(evidence)
        if before in DELIVERING
    )


def _ends(evidence: Evidence) -> Iterator[tuple[str, Version]]:
    """Each with the state that it came from, empty where there was no row before."""
    for versions in _versions(evidence):
        states = ["", *(version.state for version in versions)]
        for before, after in zip(states, versions, strict=False):
            if before in {*DELIVERING, "sending", ""} and after.state in FINAL and after.by:
                yield before, after


def _versions(evidence: Evidence) -> Iterator[list[Version]]:
    yield from evidence.versions.values()
    yield from evidence.payment_versions.values()


def _tried(evidence: Evidence) -> Counter[Labels]:
    """By what was written down of each try; if the journal did not take it, nobody knows of it."""
    return Counter(
        (attempt["operator"], ENDS[attempt["call"]], attempt["verdict"])
        for attempts in evidence.attempts.values()
        for attempt in attempts
        if attempt["call"] in ENDS
    )


def _parked(evidence: Evidence) -> Counter[Labels]:
    """Each revision once: a row whose player is filled in later has a version more, and parks no second time."""
    return Counter(
        (operator,)
        for versions in _versions(evidence)
        for operator, _ in {(one.operator, one.revision) for one in versions if one.state == "parked"}
    )


def _reasons(evidence: Evidence) -> Counter[Labels]:
    """Each as often as it was given."""
    given: Counter[Labels] = Counter()
    for reasons in evidence.reasons.values():
        for reason in reasons:
            if reason["source"] != "person":
                given[reason["operator"], reason["source"], reason["category"]] += reason["times"]
    return given


def _counted(evidence: Evidence, name: str, labels: Labels) -> Counter[Labels]:
    """A counter's values over all gateways, by these of its labels."""
    counts: Counter[Labels] = Counter()
    for gateway in evidence.world.retired:
        for sample, value in _samples(gateway, name):
            counts[tuple(sample[label] for label in labels)] += int(value)
    return +counts


def _calls_counted(evidence: Evidence) -> Iterator[Violation]:
    """Each gateway counts each request that it sent, by call; and each answer that it gave."""
    for gateway in evidence.world.retired:
        answers = sum(value for _, value in _samples(gateway, "call_seconds_count"))
        told = sum(1 for one in evidence.world.told if one.gateway == gateway.name)
        if answers < told or (gateway.stopped and answers != told):
            yield Violation("metrics_true", f"{gateway.name} counted {answers:g} answers of {told}")
        for operator in evidence.world.operators.values():
            if asks_once(operator.protocol):
                yield from _requests_counted(gateway, operator.name, _sent(evidence, gateway, operator.name))


def _sent(evidence: Evidence, gateway: Gateway, operator: str) -> Counter[str]:
    sent = evidence.world.operators[operator].sent
    acts = ((one.act, one.direction) for one in sent if one.process == gateway.name)
    return Counter(CALLS[act] for act in acts if act in CALLS)


def _requests_counted(gateway: Gateway, operator: str, sent: Counter[str]) -> Iterator[Violation]:
    counted: Counter[str] = Counter()
    for labels, value in _samples(gateway, "operator_call_seconds_count"):
        if labels["operator"] == operator and labels["verdict"] != "unsent" and labels["call"] in CALLS.values():
            counted[labels["call"]] += int(value)
    for call in sorted(counted.keys() | sent.keys()):
        more, fewer = counted[call] > sent[call], counted[call] < sent[call]
        # Who wakes after the time for a call is over takes it for sent, even if it had not got so far: the safe way.
        if (more and not gateway.process.has_stood_still) or (fewer and gateway.stopped):
            text = f"{gateway.name} counted {counted[call]} of {call} to {operator}, it sent {sent[call]}"
            yield Violation("metrics_true", text)


def _tallies_true(evidence: Evidence) -> Iterator[Violation]:
    """The gauges of those that served to the end show what is unfinished."""
    unfinished = Counter(
        (row["operator"], row["direction"], row["state"]) for row in evidence.rows.values() if row["state"] not in FINAL
    )
    unfinished += Counter(
        (operator, direction, state)
        for (operator, direction, _), state in evidence.payments.items()
        if state not in FINAL
    )
    for gateway in evidence.world.last:
        shown: Counter[Labels] = Counter()
        for labels, value in _samples(gateway, "transfers"):
            shown[labels["operator"], labels["direction"], labels["state"]] += int(value)
        if +shown != unfinished:
            yield Violation(
                "metrics_true", f"{gateway.name} shows {dict(+shown)} as unfinished, it is {dict(unfinished)}"
            )


def _samples(gateway: Gateway, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for sample in gateway.samples():
        if sample.name == f"mm_gateway_{name}":
            yield sample.labels, sample.value
