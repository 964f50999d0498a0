"""Lets each canary fly until a seed catches it."""

from __future__ import annotations

import time
from typing import Final

import msgspec

from tests.simulation.auditor import audited
from tests.simulation.canaries import Canary, alive
from tests.simulation.play import play

MOST_SEEDS: Final = 3_000
"""A canary that so many seeds do not see is not caught. Most are caught within twenty; three need a coincidence that
hundreds of seeds bring once (the latest: 1701)."""


class Catch(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a canary: the seed that saw it first and by which invariants, after so many; None: none did."""

    canary: str
    seed: int | None
    invariants: tuple[str, ...]
    seeds: int
    took_s: float


def hunted(canary: Canary, most: int = MOST_SEEDS) -> Catch:
    """Plays seeds with the mutation until one is found out."""
    begun = time.perf_counter()
    for seed in range(1, most + 1):
        seen = _seen(canary, seed)
        if seen:
            took_s = time.perf_counter() - begun
            return Catch(canary=canary.name, seed=seed, invariants=seen, seeds=seed, took_s=took_s)
    took_s = time.perf_counter() - begun
    return Catch(canary=canary.name, seed=None, invariants=(), seeds=most, took_s=took_s)


HEADING: Final = f"{'canary':<66}{'seed':>5}  caught by"


def line_of(catch: Catch) -> str:
    """A catch as a line of the table."""
    seed = "none" if catch.seed is None else str(catch.seed)
    return f"{catch.canary:<66}{seed:>5}  {', '.join(catch.invariants) or 'NOT CAUGHT'}"


def _seen(canary: Canary, seed: int) -> tuple[str, ...]:
    with alive(canary):
        world = play(seed)
    try:
        return tuple(dict.fromkeys(violation.invariant for violation in audited(world)))
    finally:
        world.close()
