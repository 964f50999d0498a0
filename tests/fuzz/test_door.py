from __future__ import annotations

from random import Random

from tests.fuzz import door
from tests.fuzz.under_fire import gateway_under_fire

INPUTS = 1000
SEED = 20_261_124


async def test_the_real_door_gives_documented_answers_to_a_thousand_broken_requests_and_goes_on_working() -> None:
    answered = await door.attacked(INPUTS, SEED)
    assert answered.total() >= INPUTS
    assert {200, 400, 401} <= {*answered}


async def test_a_request_may_be_cut_in_two_after_each_of_its_bytes() -> None:
    async with gateway_under_fire() as (gateway, far):
        await door.Door(gateway, far, Random(0)).split_everywhere()
        assert sum(seen.call == "getBalance" for seen in far.ledger.wire()) == len(door.GOOD) - 1
