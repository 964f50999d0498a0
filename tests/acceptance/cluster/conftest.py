from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.gateway_process import GatewayProcess
from tests.support.instances import configuration, gateways, operator
from tests.support.postgres import PostgresServer, create_schema, drop_schema
from tests.support.postgres_shelf import server_url
from tests.support.runtimes import FarOperator, far_operator


@pytest.fixture
async def far() -> AsyncIterator[FarOperator]:
    async with far_operator() as far:
        yield far


@pytest.fixture
async def journal_url() -> AsyncIterator[str]:
    """Of an empty schema on the server that tests share."""
    url = await create_schema(server_url())
    yield url
    await drop_schema(url)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PostgresServer]:
    """A server of the test's own, to be stopped and started."""
    server = PostgresServer.start(tmp_path)
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture
async def pair(tmp_path: Path, far: FarOperator, journal_url: str) -> AsyncIterator[list[GatewayProcess]]:
    """Two gateways on one journal, which let a call wait for longer than leases are."""
    content = configuration(journal_url, {"acme": operator(far)}, server={"request_timeout": "50s"})
    async with gateways(tmp_path, content) as pair:
        yield pair
