"""What many seeds came to: how much was done, what went wrong on purpose, what was reached, and what was found."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from itertools import pairwise
from typing import Final

import msgspec

from tests.simulation.auditor import audited, explained
from tests.simulation.evidence import Evidence
from tests.simulation.invariants import LEGAL
from tests.simulation.plan import FAULTS
from tests.simulation.play import play
from tests.simulation.world import World

TRANSITIONS: Final = frozenset(
    (before, after) for before, follow in LEGAL.items() if before is not None for after in follow
)
STATES: Final = frozenset(state for state in LEGAL if state is not None)

MISHAPS: Final = (
    "answer cut",
    "answer lost",
    "answer to the game lost",
    "clock jumps",
    "clock leaps and comes back",
    "configuration reloaded",
    "connection refused",
    "connection unreachable",
    "disk does not sync",
    "disk full",
    "game asks for what is parked",
    "game's request lost",
    "game's request sent twice",
    "gateway cut off from its journal",
    "gateway restarted",
    "gateway stands still",
    "gateway stands still with a request in hand",
    "journal failed",
    "message late",
    "operator refuses to end anything",
    "person hastens",
    "person resolves",
    "person resolves what is being delivered",
    "person retries",
    "power cut",
    "process killed",
    "request handled twice",
    "request lost",
    "session ends",
)
"""What must have struck somewhere before a report counts as complete, beside the operators' own faults."""

COMPLETE: Final = 300
"""From so many seeds on, everything must have been reached."""


class Outcome(msgspec.Struct, kw_only=True):
    """One seed's result. `digest` is that of its whole event log."""

    seed: int
    violations: list[str]
    explanation: str
    digest: str
    virtual_s: float
    operations: Counter[str]
    struck: Counter[str]
    states: set[str]
    transitions: set[tuple[str, str]]


def outcome(seed: int) -> Outcome:
    """Plays and audits one seed."""
    world = play(seed)
    try:
        return outcome_of(world)
    finally:
        world.close()


def outcome_of(world: World) -> Outcome:
    """Audits a world, and says what it was made of."""
    violations = audited(world)
    evidence = Evidence(world)
    versions = evidence.versions.values()
    return Outcome(
        seed=world.plan.seed,
        violations=[violation.invariant for violation in violations],
        explanation=explained(world, violations) if violations else "",
        digest=blake2b(evidence.log().encode(), digest_size=16).hexdigest(),
        virtual_s=world.loop.time(),
        operations=_operations(world),
        struck=_struck(world),
        states={version.state for each in versions for version in each},
        transitions={(a.state, b.state) for each in versions for a, b in pairwise(each)},
    )


def report(found: list[Outcome], took_s: float) -> tuple[str, bool]:
    """The report's text, and whether all is well: nothing violated, and of many seeds nothing left out."""
    operations = sum((one.operations for one in found), Counter[str]())
    struck = sum((one.struck for one in found), Counter[str]())
    states = set[str]().union(*(one.states for one in found))
    transitions = set[tuple[str, str]]().union(*(one.transitions for one in found))
    hours = sum(one.virtual_s for one in found) / 3600
    failed = [one for one in found if one.violations]
    missing = [
        *(f"state {state}" for state in sorted(STATES - states)),
        *(f"transition {a} -> {b}" for a, b in sorted(TRANSITIONS - transitions)),
        *(f"mishap: {name}" for name in sorted({*MISHAPS, *FAULTS} - struck.keys())),
    ]
    if len(found) < COMPLETE:
        missing = []
    lines = [
        *(one.explanation for one in failed),
        "operations",
        *_counted(operations),
        "mishaps",
        *_counted(struck),
        f"states reached: {len(states & STATES)} of {len(STATES)}",
        f"transitions reached: {len(transitions & TRANSITIONS)} of {len(TRANSITIONS)}",
        *(f"never reached: {what}" for what in missing),
        f"{hours:,.0f} simulated hours in {took_s:.0f} s: {hours / took_s:.2f} hours per second",
    ]
    return "\n".join(lines), not failed and not missing


def summary(outcomes: list[Outcome]) -> str:
    """One plain line."""
    failed = [str(one.seed) for one in outcomes if one.violations]
    told = f"violations in {len(failed)}: {', '.join(failed[:20])}" if failed else "no violation"
    return f"make simulate: {len(outcomes)} seeds, {told}"


def _counted(counts: Counter[str]) -> list[str]:
    return [f"  {count:>10,}  {name}" for name, count in sorted(counts.items())]


def _operations(world: World) -> Counter[str]:
    counts = Counter(f"game asks {one.call}" for one in world.asked)
    counts.update(f"gateway answers {one.status}" for one in world.told)
    counts.update(f"gateway sends {sent.act}" for operator in world.operators.values() for sent in operator.sent)
    counts["journal commits"] = world.database.commits
    return counts


def _struck(world: World) -> Counter[str]:
    counts = Counter(world.mishaps)
    counts.update(world.network.counted)
    counts["journal failed"] = world.database.failures + world.journal_losses
    for operator in world.operators.values():
        counts.update({fault: times for fault, times in operator.faults.items() if fault})
    return +counts
