"""The real gateway is killed with SIGKILL at every named point of its code, on both journals, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from tests.acceptance.crash.campaign import Crash, chains_of, points_of, run_chain
from tests.support.journal_places import STORES

LENGTH = 8
SHARES = 2
"""Into so many tests a journal's chains are divided, which run side by side."""

SEED = 20260


def chains(store: str) -> list[list[Crash]]:
    return chains_of(points_of(store), LENGTH, random.Random(SEED))


@pytest.mark.parametrize("store", STORES)
def test_the_chains_come_by_every_point(store: str) -> None:
    assert {crash.point for chain in chains(store) for crash in chain} == set(points_of(store))
    assert len(points_of(store)) >= 36


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("store", STORES)
async def test_nothing_is_lost_wherever_the_gateway_is_killed(store: str, share: int, tmp_path: Path) -> None:
    async def killed(number: int, chain: list[Crash]) -> list[str]:
        folder = tmp_path / str(number)
        folder.mkdir()
        outcome = await run_chain(store, chain, folder, SEED + number)
        assert outcome.crashes == tuple(chain)
        return outcome.problems

    mine = list(enumerate(chains(store)))[share::SHARES]
    problems = await asyncio.gather(*(killed(number, chain) for number, chain in mine))
    assert [problem for each in problems for problem in each] == []
