"""The gateway under the simulator: three hundred seeds, each of which keeps every promise."""

from __future__ import annotations

import pytest

from gateway.testing.simulated import simulated_operators
from tests.simulation.__main__ import outcome
from tests.simulation.plan import PROTOCOLS

BLOCK = 25
SEEDS = 300


def test_every_adapter_that_ships_takes_part() -> None:
    assert set(PROTOCOLS) == simulated_operators().keys()


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_promise_is_kept_in_seeds_from(first: int) -> None:
    found = [outcome(seed) for seed in range(first, first + BLOCK)]
    assert [one.explanation for one in found if one.violations] == []
