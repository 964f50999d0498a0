"""Duplicates that land on two instances at the same moment."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from itertools import starmap

from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from gateway.wire.errors import ErrorCode
from tests.support.doors import Answered
from tests.support.gateway_process import GatewayProcess
from tests.support.instances import call
from tests.support.runtimes import FarOperator

TIMES = 100


async def both(pair: list[GatewayProcess], id: str, amount: int) -> tuple[Answered, Answered]:
    first, second = (
        call(gateway, WalletCall.WITHDRAW, id, amount={"amount": amount, "currencyCode": "XAG"}) for gateway in pair
    )
    return await asyncio.gather(first, second)


def sent(far: FarOperator) -> Counter[str]:
    return Counter(seen.id for seen in far.ledger.wire() if seen.call == WalletCall.WITHDRAW)


async def test_each_is_sent_once_and_both_get_the_same_answer(pair: list[GatewayProcess], far: FarOperator) -> None:
    ids = [f"order-{number}" for number in range(TIMES)]
    answers = await asyncio.gather(*starmap(both, ((pair, id, 1) for id in ids)))
    assert sent(far) == Counter(ids)
    assert {first.status for first, _ in answers} == {200}
    assert [first.body for first, _ in answers] == [second.body for _, second in answers]


async def test_both_are_refused_and_who_waits_for_the_other_is_told_the_same(
    pair: list[GatewayProcess], far: FarOperator
) -> None:
    far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.5)
    ids = [f"order-{number}" for number in range(TIMES // 5)]
    answers = await asyncio.gather(*starmap(both, ((pair, id, 5000) for id in ids)))
    assert sent(far) == Counter(ids)
    assert [first.body for first, _ in answers] == [second.body for _, second in answers]
    assert {json.loads(first.body)["errorCode"] for first, _ in answers} == {ErrorCode.FUNDS}
