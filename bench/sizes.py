"""How long and how large the runs are: of the whole bench, and of the quick one that only shows that all works."""

from __future__ import annotations

from typing import Final, NamedTuple


class Sizes(NamedTuple):
    """`rounds` of `seconds` for each contestant; `finished` and `due` are rows of a journal."""

    rounds: int
    seconds: float
    finished: int
    due: int
    due_beside_finished: int


FULL: Final = Sizes(rounds=5, seconds=3.0, finished=10_000_000, due=1_000_000, due_beside_finished=20_000)
QUICK: Final = Sizes(rounds=1, seconds=0.5, finished=50_000, due=10_000, due_beside_finished=2_000)
