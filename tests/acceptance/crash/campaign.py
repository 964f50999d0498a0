"""A chain of crashes: the gateway is started armed, driven until it dies, and started again armed for the next.

So every start but the last recovers from one crash on its way to another. At the end of the chain it is started once
more, unarmed; game and gateway finish what they have begun, and everything is audited.
"""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from gateway.crashpoints import POINTS
from tests.acceptance.crash.drives import way_to
from tests.support.auditing import story, violations
from tests.support.gateway_process import DiedAtStart
from tests.support.journal_places import STORES
from tests.support.stage import Stage, staged

DIED_S: Final = 90.0
TOLD_STORIES: Final = 3
LOG_CHARACTERS: Final = 3000


class Crash(NamedTuple):
    """Where the gateway is to die: the `nth` time that it comes by `point`."""

    point: str
    nth: int

    def __str__(self) -> str:
        return f"{self.point}:{self.nth}"


class NotReached(Exception):
    """The gateway did not die where it was to; the text says what it did instead."""


class Outcome(NamedTuple):
    """What came of a chain: the crashes in their order, how many transfers were audited, and what was wrong."""

    crashes: tuple[Crash, ...]
    transfers: int
    problems: list[str]


def points_of(store: str) -> list[str]:
    """The points that a gateway with this journal can come by; those of a command are tests/integration/cli's."""
    others = ("move.", *(f"{name}." for name in STORES if name != store))
    return sorted(point for point in POINTS if not point.startswith(others))


def chains_of(points: Iterable[str], length: int, chance: random.Random) -> list[list[Crash]]:
    """All these points, shuffled, each with an `nth` within its reach, in chains of about this length."""
    shuffled = sorted(points)
    chance.shuffle(shuffled)
    count = -(-len(shuffled) // length)
    return [list(_crashes(shuffled[first::count], chance)) for first in range(count)]


async def run_chain(store: str, crashes: Sequence[Crash], folder: Path, seed: int) -> Outcome:
    """Carries a chain out in this empty folder. Raises `NotReached`."""
    chance = random.Random(seed)
    async with staged(folder, STORES[store](folder), chance) as stage:
        for crash in crashes:
            await _crash(stage, crash)
        await stage.gateway.start()
        problems = await stage.finished()
        problems += await stage.payment_problems()
        evidence = await stage.evidence()
        found = violations(evidence)
        told = [key for key in sorted(evidence.keys) if any(" ".join(key) in each for each in found)]
        problems += [*found, *(story(evidence, key) for key in told[:TOLD_STORIES])]
        if (status := await stage.gateway.stop()) != 0:
            problems.append(f"the gateway stopped with status {status}")
        return Outcome(tuple(crashes), len(evidence.keys), problems)


def _crashes(points: Iterable[str], chance: random.Random) -> Iterable[Crash]:
    for point in points:
        way = way_to(point)
        if way.after:
            yield Crash(way.after, chance.randint(1, way_to(way.after).reach))
        yield Crash(point, chance.randint(1, way.reach))


async def _crash(stage: Stage, crash: Crash) -> None:
    """Starts the gateway armed, and drives it until it is dead."""
    before = _deaths(stage, crash.point)
    status = await _driven_to_death(stage, crash)
    if status != -signal.SIGKILL or _deaths(stage, crash.point) != before + 1:
        raise NotReached(f"{crash}: it ended with status {status}: {stage.gateway.log[-LOG_CHARACTERS:]}")
    stage.restore()


async def _driven_to_death(stage: Stage, crash: Crash) -> int:
    try:
        await stage.gateway.start(crash_at=str(crash))
    except DiedAtStart as died:
        return died.status
    try:
        async with asyncio.timeout(DIED_S):
            await way_to(crash.point).drive(stage)
            while stage.gateway.running:
                await asyncio.sleep(0.02)
    except TimeoutError as error:
        raise NotReached(f"{crash}: it still runs: {stage.gateway.log[-LOG_CHARACTERS:]}") from error
    return await stage.gateway.ended()


def _deaths(stage: Stage, point: str) -> int:
    return stage.gateway.log.count(f"killed at crash point {point}\n") if stage.gateway.log_file.exists() else 0
