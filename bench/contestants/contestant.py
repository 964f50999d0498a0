"""What all contestants have in common: a name, a way to start, and a port that answers the game."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.cores import Cores
from bench.processes import Program

HERE = Path(__file__).parent


class ContestantMissing(Exception):
    """The contestant is not installed on this machine; the text says what would install it."""


class Place(NamedTuple):
    """Where a contestant runs: its cores, a folder for its files, the operator's port, and the Python of the bench's
    own environment."""

    cores: Cores
    home: Path
    operator_port: int
    bench_python: Path

    @property
    def upstream(self) -> str:
        return f"http://127.0.0.1:{self.operator_port}"


class RunningContestant(NamedTuple):
    """A contestant that accepts calls."""

    name: str
    program: Program
    port: int


class Contestant(NamedTuple):
    """`start` raises `ContestantMissing`, or `BenchError` for a program that does not come up."""

    name: str
    title: str
    start: Callable[[Place], RunningContestant]
