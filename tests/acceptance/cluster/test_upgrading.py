"""Gateways that are replaced one after the other, and a program that is older than its journal."""

from __future__ import annotations

import asyncio
import random
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from gateway.sandbox.faults import Fault
from gateway.wire.calls import WalletCall
from tests.chaos.game import Answer, Balancer
from tests.support.gateway_process import DiedAtStart, GatewayProcess
from tests.support.instances import call, configuration, gateways, operator, until_ready
from tests.support.runtimes import FarOperator, message

AT_ONCE = 8
PRICE = {"amount": 0.01, "currencyCode": "XAG"}


class Drained(Balancer):
    """Sends nothing to instances that are taken out, and tells when what was sent to them before has been answered."""

    def __init__(self, client: aiohttp.ClientSession, instances: list[GatewayProcess]) -> None:
        urls = [partial(getattr, gateway, "wallet_url") for gateway in instances]
        super().__init__(client, urls, random.Random(1))
        self.out: set[int] = set()
        self._under_way: set[asyncio.Future[None]] = set()

    async def post(self, operator: str, call: WalletCall, body: bytes) -> Answer:
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._under_way.add(answered)
        try:
            return await super().post(operator, call, body)
        finally:
            self._under_way.discard(answered)
            answered.set_result(None)

    async def drain(self, instance: int) -> None:
        self.out = {instance}
        if self._under_way:
            await asyncio.wait(set(self._under_way))

    def _order(self) -> list[int]:
        return [instance for instance in super()._order() if instance not in self.out]


async def play(balancer: Balancer, name: str, over: asyncio.Event) -> int:
    """Purchases, one after the other, of which every call succeeds. Returns how many."""
    done = 0
    while not over.is_set():
        for wallet_call in (WalletCall.WITHDRAW, WalletCall.CONFIRM_WITHDRAWAL):
            answer = await balancer.post("JohnDoe", wallet_call, message(wallet_call, f"{name}-{done}", amount=PRICE))
            assert answer.ok, answer
        done += 1
    return done


async def test_no_call_fails_while_gateways_are_replaced_one_after_the_other(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    over = asyncio.Event()
    acme = operator(far, credentials=[{"username": "JohnDoe", "password": "secret"}])
    async with (
        gateways(tmp_path, configuration(journal_url, {"acme": acme})) as pair,
        aiohttp.ClientSession() as client,
    ):
        balancer = Drained(client, pair)
        games = [asyncio.create_task(play(balancer, str(number), over)) for number in range(AT_ONCE)]
        for number, gateway in enumerate(pair):
            await balancer.drain(number)
            assert await gateway.stop() == 0
            await gateway.start()
            await until_ready(gateway)
            balancer.out = set()
        over.set()
        purchases = sum(await asyncio.gather(*games))
    assert purchases >= AT_ONCE
    assert far.seen(WalletCall.WITHDRAW) == far.seen(WalletCall.CONFIRM_WITHDRAWAL) == purchases


async def test_a_stop_lets_a_withdraw_in_flight_finish(tmp_path: Path, far: FarOperator, journal_url: str) -> None:
    async with gateways(tmp_path, configuration(journal_url, {"acme": operator(far)}), count=1) as (gateway,):
        far.go_wrong(Fault.DELAY, WalletCall.WITHDRAW, delay_s=0.5)
        in_flight = asyncio.create_task(call(gateway, WalletCall.WITHDRAW))
        await far.until_seen(WalletCall.WITHDRAW)
        assert await gateway.stop() == 0
        assert (await in_flight).status == 200


async def test_an_older_program_refuses_a_newer_journal_in_one_line(
    tmp_path: Path, far: FarOperator, journal_url: str
) -> None:
    async with gateways(tmp_path, configuration(journal_url, {"acme": operator(far)}), count=1) as (gateway,):
        assert await gateway.stop() == 0
        connection = await asyncpg.connect(journal_url)
        await connection.execute("INSERT INTO journal_migrations (number, name) VALUES (999, '0999_next.sql')")
        await connection.close()
        with pytest.raises(DiedAtStart, match="newer") as died:
            await gateway.start()
        assert died.value.status == 1
        status, said = await gateway.command("migrate")
        assert (status, "newer" in said) == (1, True)
        assert "Traceback" not in gateway.log
