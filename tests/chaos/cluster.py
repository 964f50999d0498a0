"""What the play is played on: one PostgreSQL, the operators, and several gateways, all of them real processes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from gateway.clock import SystemClock
from gateway.demo.shop import SECRET
from gateway.journal import open_journal
from gateway.journal.interface import Journal
from gateway.sandbox.simulated import Unknown
from gateway.settings import JournalSettings
from gateway.telemetry.metrics import Metrics
from tests.chaos.operators import OperatorProcess, faults_of
from tests.chaos.payments import secret_of
from tests.chaos.plan import ACME, BETA, CURRENCY, PROTOCOLS, STUBBORN, Sizes
from tests.chaos.questions import credentials_of
from tests.chaos.shop import TIMEOUT_S as GAME_TIMEOUT_S
from tests.chaos.shop import FaultyShop
from tests.support.gateway_process import GatewayProcess
from tests.support.postgres import PostgresServer

TIMEOUT_S: Final = 0.5
LEASE_S: Final = 2 * TIMEOUT_S + 10
"""How long a gateway's row is its own: `Context.lease`."""

UNKNOWN: Final = {ACME: Unknown.FORGET, BETA: None, STUBBORN: None}
"""One operator forgets what it was told to roll back in vain: a withdraw that arrives late takes money there, and only
a second rollback gives it back."""

BREAKER: Final = {"failures": 10, "open_for": "500ms"}
DELIVERY: Final = {
    "schedule": ["0s", "200ms", "500ms", "1s"],
    "then_every": "2s",
    "until": "10m",
    "late_arrival_window": "1s",
}


class Cluster:
    """`instances` are the gateways, of which each has a folder and a configuration of its own; `shops` are the game as
    it is told of each operator's payments."""

    def __init__(
        self,
        database: PostgresServer,
        operators: list[OperatorProcess],
        shops: Mapping[str, FaultyShop],
        instances: list[GatewayProcess],
    ) -> None:
        self.database = database
        self.operators = operators
        self.shops = shops
        self.instances = instances

    async def journal(self) -> Journal:
        """A look at the journal beside the gateways. The caller closes it."""
        settings = JournalSettings(url=self.database.url, statement_timeout=60)
        return await open_journal("default", settings, Metrics(), SystemClock(), beside=True)

    async def heal(self, *names: str) -> None:
        """These operators do nothing wrong from now on, and neither does the game with their payments."""
        for operator in self.operators:
            if operator.name in names:
                await operator.switch([])
                self.shops[operator.name].heal()


@asynccontextmanager
async def cluster(folder: Path, sizes: Sizes) -> AsyncIterator[Cluster]:
    """Starts all of it, its files in this folder, on an empty database."""
    async with AsyncExitStack() as stack:
        database = await asyncio.to_thread(PostgresServer.start, folder)
        stack.callback(database.remove)
        operators = [OperatorProcess(name, protocol, folder, UNKNOWN[name]) for name, protocol in PROTOCOLS.items()]
        for operator in operators:
            stack.push_async_callback(operator.stop)
            await operator.start()
            await operator.switch(faults_of(operator.name))
        shops = {name: FaultyShop(random.Random(sizes.seed), closed=name == STUBBORN) for name in PROTOCOLS}
        for shop in shops.values():
            stack.push_async_callback(shop.close)
            await shop.open()
        content = configuration(database.url, operators, shops)
        gateways = [
            GatewayProcess(content, _new(folder / f"gateway-{number + 1}")) for number in range(sizes.instances)
        ]
        status, said = await gateways[0].command("migrate")
        assert status == 0, said
        for gateway in gateways:
            await stack.enter_async_context(gateway)
        yield Cluster(database, operators, shops, gateways)


def configuration(
    journal_url: str, operators: list[OperatorProcess], shops: Mapping[str, FaultyShop]
) -> dict[str, Any]:
    """As in production, but for times in seconds that are days there."""
    return {
        "server": {"request_timeout": "3s"},
        "operators_server": {"host": "127.0.0.1", "port": 0},
        "journal": {"url": journal_url, "connections": 6, "connect_timeout": "1s", "statement_timeout": "2s"},
        "delivery": DELIVERY,
        "operators": {operator.name: _operator(operator, shops[operator.name]) for operator in operators},
    }


def _operator(operator: OperatorProcess, shop: FaultyShop) -> dict[str, Any]:
    own: dict[str, Any] = {"delivery": {"until": "4s"}} if operator.name == STUBBORN else {}
    return {
        "adapter": operator.protocol,
        "settings": operator.settings,
        "credentials": [{"username": operator.name, "password": "secret"}],
        "inbound": {"credentials": [credentials_of(operator.name)]},
        "payment": {
            "settings": {"secrets": [secret_of(operator.name)]},
            "currency": CURRENCY,
            "game": {"url": shop.url, "secret": SECRET, "timeout": _ms(GAME_TIMEOUT_S), "breaker": BREAKER},
        },
        "timeout": _ms(TIMEOUT_S),
        "breaker": BREAKER,
        **own,
    }


def _ms(seconds: float) -> str:
    return f"{int(seconds * 1000)}ms"


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder
