"""The short form of `make attack`: a few attacks at once after the other, on a gateway with little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.attack.attacks import ATTACKS
from tests.attack.play import MEMORY_LIMIT, MIB, campaign

SECONDS: Final = 1.0


async def test_the_gateway_holds_against_a_hostile_neighbour(tmp_path: Path) -> None:
    async with campaign(tmp_path) as played:
        results = [await played.attack(name, SECONDS) for name, attack in ATTACKS.items() if attack.in_short]
        assert await played.problems() == []
        assert await played.gateway.stop() == 0
    assert {result.name: result.refused for result in results if result.refused} == {}
    assert all(result.calls for result in results)
    assert max(result.peak_mib for result in results) < MEMORY_LIMIT / MIB
