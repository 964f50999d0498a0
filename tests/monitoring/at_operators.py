"""Troubles of operators, and of games that play there."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from gateway.sandbox.faults import Fault
from gateway.sandbox.payment_system import PaidOrder, Trick, callbacks
from gateway.wire.calls import WalletCall
from tests.monitoring.fleet import Fleet
from tests.monitoring.making import Make
from tests.monitoring.operators import ENDS
from tests.monitoring.shopping import Manner
from tests.support.stage import PAYMENT_SECRET

READS: Final = (WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE)


def misbehaving(operator: str, fault: Fault, *calls: WalletCall, **how: Any) -> Make:
    """It does so at these calls, at all if none is named. `how` is of `FaultRule`."""

    @asynccontextmanager
    async def misbehave(fleet: Fleet) -> AsyncIterator[None]:
        fleet.operators[operator].go_wrong(fault, *calls, **how)
        try:
            yield
        finally:
            fleet.operators[operator].behave()

    return misbehave


def stuck(operator: str) -> Make:
    """It never acknowledges the end of one transfer, the next but one."""

    @asynccontextmanager
    async def refuse_one(fleet: Fleet) -> AsyncIterator[None]:
        shoppers = fleet.shoppers[operator]
        one = shoppers.id_of(shoppers.bought + 1)
        async with misbehaving(operator, Fault.DECLINE, *ENDS, ids=(one,))(fleet):
            yield

    return refuse_one


def away(*operators: str) -> Make:
    """Their connections are cut, and new ones refused."""

    @asynccontextmanager
    async def stay_away(fleet: Fleet) -> AsyncIterator[None]:
        for name in operators:
            await fleet.operators[name].close()
        try:
            yield
        finally:
            for name in operators:
                await fleet.operators[name].open()

    return stay_away


def game(operator: str, manner: Manner) -> Make:
    """The game does not keep to the contract there."""

    @asynccontextmanager
    async def misplay(fleet: Fleet) -> AsyncIterator[None]:
        fleet.shoppers[operator].take_to(manner)
        try:
            yield
        finally:
            fleet.shoppers[operator].take_to(Manner.CONTRACT)

    return misplay


def changing_the_price(operator: str) -> Make:
    """Its payment system tells of one order twice, with two prices."""

    @asynccontextmanager
    async def change_the_price(fleet: Fleet) -> AsyncIterator[None]:
        url = f"{fleet.gateways[0].operators_url}/operators/{operator}/pay/quantum"
        order = PaidOrder(
            id="twice", player_id="u", product_id="gems", price="4.99", paid_at=time.time(), trick=Trick.OTHER_PRICE
        )
        said = []
        for (body,) in callbacks(order, PAYMENT_SECRET):
            async with aiohttp.request("POST", url, data=body) as answer:
                said.append(answer.status)
        assert said == [200, 400]
        yield

    return change_the_price


def parking(operator: str) -> Make:
    """It refuses every end for longer than `delivery.until`. What is parked stays so until a person has it tried
    again, when the operator is mended."""

    @asynccontextmanager
    async def park(fleet: Fleet) -> AsyncIterator[None]:
        async with misbehaving(operator, Fault.DECLINE, *ENDS)(fleet):
            yield
        gateway = fleet.gateways[0]
        words = ("--operator", operator, "--who", "test", "--why", "the operator is mended")
        listed: list[Any] = [operator]
        while listed:  # what was being tried when it was mended may be parked after all
            status, said = await gateway.command("retry", "--all-parked", *words)
            assert status == 0, said
            status, said = await gateway.command(
                "transfers", "--state", "parked", "--operator", operator, "--json", "--limit", "100000"
            )
            assert status == 0, said
            listed = json.loads(said)

    return park
