"""All randomness of one seed, in streams of their own: what one part draws changes nothing for the others."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """A stream of chances, the same for the same seed and name, on every machine and in every process."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(f"{seed}/{name}")
        self.chance = self._random.random
        self.between = self._random.uniform
        self.whole = self._random.randint

    def happens(self, chance: float) -> bool:
        """True in this part of all cases."""
        return chance > 0 and self.chance() < chance

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self._random.randrange(len(choices))]

    def some_of(self, choices: Sequence[T]) -> list[T]:
        """Any number of them, in any order."""
        return self._random.sample(choices, self._random.randint(0, len(choices)))

    def pause(self, mean_s: float) -> float:
        """A wait until something that happens once in `mean_s` seconds."""
        return self._random.expovariate(1 / mean_s)
