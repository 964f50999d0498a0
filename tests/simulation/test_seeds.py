"""The gateway under the simulator: a hundred seeds, each of which keeps every promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway.sandbox.simulated import simulated_operators
from tests.simulation.play import play
from tests.simulation.protocols import PROTOCOLS
from tests.simulation.report import outcome

BLOCK = 10
SEEDS = 100


def test_every_adapter_that_ships_takes_part() -> None:
    assert set(PROTOCOLS) == simulated_operators().keys()


def test_the_auditor_knows_what_operators_said() -> None:
    world = play(1)
    handled = [one for operator in world.operators.values() for one in operator.handled if one.fault == ""]
    world.close()
    assert handled
    assert [one for one in handled if one.said == ""] == []


@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_every_promise_is_kept_in_seeds_from(first: int) -> None:
    found = [outcome(seed) for seed in range(first, first + BLOCK)]
    assert [one.explanation for one in found if one.violations] == []


def test_a_campaign_plays_its_seeds_in_several_processes_however_this_python_starts_them() -> None:
    campaign = [sys.executable, "-m", "tests.simulation", "--workers", "2", "seeds", "--seeds", "2"]
    done = subprocess.run(campaign, cwd=Path(__file__).parents[2], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("make simulate: 2 seeds, no violation\n")
