"""Audits a world after its end: every promise, and for each that is broken the transfer's whole story."""

from __future__ import annotations

from typing import Final

from tests.simulation import acknowledgements, invariants, paid, payers
from tests.simulation.evidence import Evidence, Violation
from tests.simulation.world import World

INVARIANTS: Final = (*invariants.INVARIANTS, *payers.INVARIANTS, *acknowledgements.INVARIANTS, *paid.INVARIANTS)

STORIES: int = 3
"""How many transfers' stories are told of one seed."""


def audited(world: World) -> list[Violation]:
    """What is wrong; empty if every promise was kept."""
    evidence = Evidence(world)
    return [violation for invariant in INVARIANTS for violation in invariant(evidence)]


def explained(world: World, violations: list[Violation]) -> str:
    """The violations of a seed, with how to see them again."""
    evidence = Evidence(world)
    lines = [f"seed {world.plan.seed}: {len(violations)} violations; again with: make simulate SEED={world.plan.seed}"]
    lines += [f"{one.invariant}: {one.text} {'' if one.key is None else one.key}" for one in violations]
    told = dict.fromkeys(violation.key for violation in violations if violation.key is not None)
    for key in list(told)[:STORIES]:
        lines += [f"the story of {key}:", *evidence.story_of(key)]
    return "\n".join(lines)
