"""One seed is everything: the same events in the same order, byte for byte, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def log_of(seed: int, hash_seed: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", "log", "--seed", str(seed)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("seed", [3, 8, 19])
def test_the_same_seed_gives_the_same_event_log_byte_for_byte(seed: int) -> None:
    first = log_of(seed, "1")
    assert len(first) > 5_000
    assert log_of(seed, "2") == first


def test_another_seed_gives_another_log() -> None:
    assert log_of(3, "1") != log_of(4, "1")
