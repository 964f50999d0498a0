"""What is broken on purpose is seen. `make canaries` lets all of them fly; here those that the first seeds catch."""

from __future__ import annotations

import pytest

from tests.simulation.canaries import CANARIES, Canary, alive
from tests.simulation.hunt import hunted

QUICK = (
    ("a withdraw is sent before it is durable", "written_first"),
    ("a withdraw without an answer is sent again", "sent_once"),
    ("the compare-and-set compares nothing", "never_both"),
    ("synchronous is NORMAL", "written_first"),
    ("money goes through a float", "answers_true"),
)


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_every_canary_still_fits_the_gateway(canary: Canary) -> None:
    with alive(canary):
        assert canary.edits


@pytest.mark.parametrize("name, invariant", QUICK)
def test_a_canary_is_caught(name: str, invariant: str) -> None:
    (canary,) = (one for one in CANARIES if one.name == name)
    assert invariant in hunted(canary, most=6).invariants


def test_canaries_are_told_apart_by_name() -> None:
    assert len({canary.name for canary in CANARIES}) == len(CANARIES) >= 12
