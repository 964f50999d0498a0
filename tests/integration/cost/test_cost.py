"""No call becomes a tenth dearer unnoticed: bytecodes are counted, which no other load on the machine changes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bench.cost import Meter

ROOT = Path(__file__).parents[3]
BUDGETS = {
    (3, 11): {"balance": 0.629, "rollback": 1.277, "purchase": 1.257},
    (3, 13): {"balance": 0.622, "rollback": 1.239, "purchase": 1.219},
    (3, 14): {"balance": 0.604, "rollback": 1.232, "purchase": 1.207},  # as much more as 3.13: not measured itself
}
"""Bytecodes of each flow as a multiple of what the aiohttp pass-through takes for it, by version of Python: each has
bytecodes of its own, and was measured."""

VERSION = sys.version_info[:2]
BUDGET = BUDGETS.get(VERSION, BUDGETS[3, 13])
TOLERANCE = 0.05 if VERSION in BUDGETS else 0.3
"""For a version that was never measured, no figure is on record."""


@cache
def costs() -> dict[str, float]:
    """Measured in a process of its own: whoever traces this one (coverage does) would be in the way."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.cost"], cwd=ROOT, check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("flow", BUDGET)
def test_a_call_costs_what_it_is_known_to_cost(flow: str) -> None:
    assert costs()[flow] == pytest.approx(BUDGET[flow], rel=TOLERANCE), (
        "dearer: find out why; cheaper: lower the budget, or the next tenth will not be noticed"
    )


def steps(count: int) -> Iterator[int]:
    for _ in range(count):
        yield 1


def counted(count: int) -> int:
    meter = Meter()
    with meter.running():
        sum(steps(count))
    return meter.count


def test_the_meter_counts_the_same_work_the_same_and_a_tenth_more_as_a_tenth_more() -> None:
    counted(1000)  # the first call of any code is counted in part: see the meter
    once, again, more = counted(1000), counted(1000), counted(1100)
    assert once == again
    assert more / once == pytest.approx(1.1, rel=0.01)
