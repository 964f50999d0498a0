"""What is broken on purpose is seen. `make canaries` lets all of them fly; here those that the first seeds catch."""

from __future__ import annotations

import pytest

from tests.simulation.canaries import CANARIES, Canary, alive
from tests.simulation.hunt import hunted

QUICK = (
    "a withdraw is sent before it is durable",
    "a withdraw without an answer is sent again",
    "the compare-and-set compares nothing",
    "synchronous is NORMAL",
    "money goes through a float",
)


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.name)
def test_every_canary_still_fits_the_gateway(canary: Canary) -> None:
    with alive(canary):
        assert canary.edits


@pytest.mark.parametrize("name", QUICK)
def test_a_canary_is_caught(name: str) -> None:
    (canary,) = (one for one in CANARIES if one.name == name)
    assert hunted(canary, most=6).seed is not None


def test_canaries_are_told_apart_by_name() -> None:
    assert len({canary.name for canary in CANARIES}) == len(CANARIES) >= 12
