"""Three gateways on a real PostgreSQL and one alone on SQLite, all real processes, with operators and players.

Each operator is there for one trouble of its own, so that many can be made at the same time. Times that are days in
production are seconds here.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import aiohttp

from gateway.demo.shop import Shop
from tests.chaos.game import PATIENCE_S, Balancer
from tests.monitoring.log_pipe import LogPipe
from tests.monitoring.odd_gateway import WORLD, World
from tests.monitoring.operators import Operator
from tests.monitoring.shopping import Shoppers
from tests.support.gateway_process import GatewayProcess
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.postgres_proxy import FaultyProxy, faulty_proxy
from tests.support.stage import open_shop, payments_of

TOKEN: Final = "a-token-for-the-admin-listener"
COMMAND: Final = (sys.executable, "-m", "tests.monitoring.odd_gateway")
ROOT: Final = Path(__file__).parents[2]
OBJECTIVES: Final = {"calls": "99.9%", "latency": "500ms"}
DELIVERY: Final = {
    "schedule": ["0s", "200ms", "500ms"],
    "then_every": "1s",
    "until": "10m",
    "late_arrival_window": "1s",
}
ASIDE: Final = "aside"
"""The second journal of the three gateways, in a PostgreSQL of its own, and the operator that is kept there."""

REST_S: Final = 20.0
MOST_CONNECTIONS: Final = 20
"""Of the lone gateway: what a test can open."""

FENCED: Final = "fenced"
"""Another operator of the lone gateway: the game may not call for it from this machine."""

PAYS: Final = "careless"
"""The operator that has payments."""

LONE: Final = "lone"
"""The operator of the gateway on SQLite."""


class OddGateway(GatewayProcess):
    """A gateway whose world a test moves. It keeps its ports over restarts; `instance` is its label in Prometheus."""

    def __init__(self, content: Mapping[str, Any], folder: Path) -> None:
        folder.mkdir()
        self.world = World(folder)
        self.world.set_clock(0)
        self.world.set_memory_limit(None)
        ports = {section: {**content.get(section, {}), "port": free_port()} for section in ("server", "admin")}
        self.content = {**content, **ports}
        self.instance = f"127.0.0.1:{self.content['admin']['port']}"
        super().__init__(self.content, folder, {WORLD: str(folder), "PYTHONPATH": str(ROOT)}, COMMAND)
        self.log_pipe = LogPipe(self.log_file)

    def open_log(self) -> IO[bytes]:
        return self.log_pipe.open()


class Fleet:
    """`gateways` are the three; `databases` are those of their journals, by the journals' names. `proxy` stands between
    the third gateway and the first of these."""

    def __init__(
        self,
        databases: dict[str, PostgresServer],
        operators: dict[str, Operator],
        gateways: list[OddGateway],
        lone: OddGateway,
        proxy: FaultyProxy,
    ) -> None:
        self.databases = databases
        self.operators = operators
        self.gateways = gateways
        self.lone = lone
        self.proxy = proxy
        self.shoppers: dict[str, Shoppers] = {}
        self._balancer: Balancer | None = None

    async def start(self) -> None:
        """Starts all gateways, on journals that are empty."""
        status, said = await self.gateways[0].command("migrate")
        assert status == 0, said
        await asyncio.gather(*(gateway.start() for gateway in self.every_gateway))

    @property
    def every_gateway(self) -> list[OddGateway]:
        return [*self.gateways, self.lone]

    def send_players(self, client: aiohttp.ClientSession, every_s: Mapping[str, float]) -> None:
        """Makes the shoppers at every operator, who buy as often as this says."""
        dice = random.Random(1)
        urls = [partial(getattr, gateway, "wallet_url") for gateway in self.gateways]
        self._balancer = Balancer(client, urls, dice)
        alone = Balancer(client, [lambda: self.lone.wallet_url], dice)
        for name in self.operators:
            self.shoppers[name] = Shoppers(name, alone if name == LONE else self._balancer, every_s[name])

    def rest(self, gateway: OddGateway) -> None:
        """The balancer sends nothing there for a while, as after a failed check of its readiness."""
        assert self._balancer is not None
        self._balancer.avoid(self.gateways.index(gateway), REST_S)

    def targets(self) -> list[str]:
        return [gateway.instance for gateway in self.every_gateway]


@asynccontextmanager
async def fleet(folder: Path, plan: Mapping[str, Mapping[str, Any]]) -> AsyncIterator[Fleet]:
    """Starts it all in this folder but for the gateways. `plan` says how each operator of the three differs from an
    ordinary one."""
    async with AsyncExitStack() as stack:
        operators = {name: Operator(name, **differs) for name, differs in {**plan, LONE: {}}.items()}
        for operator in operators.values():
            stack.push_async_callback(operator.close)
            await operator.open()
        shop = await stack.enter_async_context(open_shop())
        databases = dict(await asyncio.gather(*(_database(name, folder, stack) for name in ("default", ASIDE))))
        proxy = await stack.enter_async_context(faulty_proxy(databases["default"].port))
        ordinary = {name: operator for name, operator in operators.items() if name != LONE}
        # The second one has workers, so that every alert is also judged by what they say together.
        gateways = [
            OddGateway(
                {**_shared(databases, ordinary, shop, port), "workers": workers}, folder / f"gateway-{number + 1}"
            )
            for number, (port, workers) in enumerate(((None, 1), (None, 2), (proxy.port, 1)))
        ]
        lone = OddGateway(_lone(operators[LONE]), folder / LONE)
        for gateway in (*gateways, lone):
            stack.callback(gateway.log_pipe.close)
            stack.push_async_exit(gateway)  # kills it, if it runs
        yield Fleet(databases, operators, gateways, lone, proxy)


async def _database(name: str, folder: Path, stack: AsyncExitStack) -> tuple[str, PostgresServer]:
    server = await asyncio.to_thread(PostgresServer.start, folder)
    stack.callback(server.remove)
    return name, server


def _shared(
    databases: Mapping[str, PostgresServer], operators: Mapping[str, Operator], shop: Shop, port: int | None
) -> dict[str, Any]:
    """Its journal is reached at that port, if one is given. The game of one operator's payments is the shop."""
    common = _common(operators)
    common["operators"][PAYS] |= payments_of(shop)
    return {
        **common,
        "operators_server": {"host": "127.0.0.1", "port": 0},
        "journal": _journal(databases["default"].url_of("postgres", port)),
        "journals": {ASIDE: _journal(databases[ASIDE].url)},
    }


def _journal(url: str) -> dict[str, Any]:
    return {"url": url, "connections": 4, "connect_timeout": "1s", "statement_timeout": "1500ms"}


def _lone(operator: Operator) -> dict[str, Any]:
    content = _common({LONE: operator}, max_connections=MOST_CONNECTIONS)
    fenced = {"credentials": [{"username": FENCED, "password": "secret"}], "allow_ips": ["192.0.2.0/24"]}
    content["operators"][FENCED] = {**content["operators"][LONE], **fenced}
    return content


def _common(operators: Mapping[str, Operator], **server: Any) -> dict[str, Any]:
    return {
        "server": {"request_timeout": "3s", **server},
        "admin": {"token": TOKEN},
        "delivery": DELIVERY,
        "abandoned_after": "3s",
        "rollback_reasons": {"categories": [{"name": "goods", "match": "could not be delivered"}]},
        "operators": {name: {**operator.settings, "objectives": OBJECTIVES} for name, operator in operators.items()},
    }


@asynccontextmanager
async def shoppers(fleet: Fleet, every_s: Mapping[str, float]) -> AsyncIterator[None]:
    """Players buy at every operator of the fleet, while this is entered."""
    timeout = aiohttp.ClientTimeout(PATIENCE_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as client:
        fleet.send_players(client, every_s)
        buying = [asyncio.create_task(each.shop()) for each in fleet.shoppers.values()]
        try:
            yield
        finally:
            for task in buying:
                task.cancel()
            await asyncio.gather(*buying, return_exceptions=True)
