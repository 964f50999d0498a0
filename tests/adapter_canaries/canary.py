"""A small mistake in an adapter, such as people make, and what the suite says of it.

Every canary must be seen by a behaviour of the suite, or say why it does no harm.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import msgspec

from gateway.operators import registry
from gateway.sandbox.simulated import simulated_operators
from gateway.testing.behaviours import BEHAVIOURS, Grade
from gateway.testing.subject import Subject
from gateway.testing.suite import Passing, check_behaviour
from tests.support.mutation import Edit, mutated

SLOW: Final = frozenset(
    {
        "an_answer_that_proves_nothing_is_unknown",
        "only_the_contracts_statuses_are_a_yes",
        "no_status_proves_anything_alone",
        "no_status_alone_answers_a_read",
        "an_unclear_answer_to_a_read_is_an_error",
        "a_late_hold_is_undone",
    }
)
"""The behaviours that take most of the suite's time."""

IN_ORDER: Final = sorted(BEHAVIOURS.values(), key=lambda each: (each.name in SLOW, list(Grade).index(each.grade)))
"""The quick behaviours first, of these the ones that concern money."""


class AdapterCanary(msgspec.Struct, frozen=True):
    """A mistake, named for what it breaks. `harmless` is the reason why no behaviour need see it, empty if one must."""

    adapter: str
    name: str
    edits: tuple[Edit, ...]
    harmless: str = ""


class Sighting(msgspec.Struct, frozen=True):
    """What became of a canary: the first behaviour that saw it and its grade, both empty if none did."""

    canary: AdapterCanary
    behaviour: str
    grade: str
    took_s: float

    @property
    def is_right(self) -> bool:
        """Whether it was seen, or is said to be harmless and was not."""
        return bool(self.behaviour) is not bool(self.canary.harmless)


def canary(adapter: str, name: str, *edits: Edit, harmless: str = "") -> AdapterCanary:
    """A canary, for `functools.partial`."""
    return AdapterCanary(adapter, name, edits, harmless)


def hunted(canary: AdapterCanary) -> Sighting:
    """Plays the suite on the adapter with the mistake in it, until a behaviour sees it."""
    begun = time.perf_counter()
    with mutated(canary.edits):
        behaviour = asyncio.run(_first_failing(canary.adapter))
    took_s = time.perf_counter() - begun
    return Sighting(canary, behaviour, BEHAVIOURS[behaviour].grade if behaviour else "", took_s)


async def _first_failing(adapter: str) -> str:
    subject = Subject(registry.adapter(adapter), simulated_operators()[adapter].load())
    for behaviour in IN_ORDER:
        result = await check_behaviour(behaviour, subject)
        if result.passing is Passing.FAILED:
            return behaviour.name
    return ""
