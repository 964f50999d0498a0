"""The cost of calls and of lists does not grow with the journal. The whole measurement is
`python -m tests.load.postgres_growth`."""

from __future__ import annotations

import statistics

from tests.load.lists import AT_MOST_S
from tests.load.postgres_growth import growth
from tests.support.postgres_shelf import server_url

ROWS = 50_000
ROUNDS = 40
AT_MOST = 2.0
"""Loose, since few rounds beside other tests are not exact; one scan of the table would cost a hundred times more."""


async def test_a_withdraw_and_a_claim_cost_about_the_same_beside_many_finished_transfers() -> None:
    measured, listed = await growth(server_url(), ROWS, ROUNDS, index=None)
    assert [one.name for one in measured] == ["one withdraw", "32 withdraws at once", "a claim of 32"]
    assert [str(one) for one in measured if one.ratio > AT_MOST] == []
    assert statistics.median(listed.took_s) < AT_MOST_S
