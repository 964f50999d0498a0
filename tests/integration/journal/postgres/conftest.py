from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.support.journals import Journals
from tests.support.postgres import PostgresServer
from tests.support.postgres_shelf import PostgresShelf


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server for this module alone, to be stopped, killed and paused. Every test leaves it running."""
    server = PostgresServer.start(tmp_path_factory.mktemp("postgres"))
    try:
        yield server
    finally:
        server.remove()


@asynccontextmanager
async def journals_on(shelf: PostgresShelf) -> AsyncIterator[Journals]:
    await shelf.prepare()
    try:
        async with AsyncExitStack() as stack:
            yield Journals(shelf, stack)
    finally:
        await shelf.discard()


@pytest.fixture
async def journals(tmp_path: Path) -> AsyncIterator[Journals]:
    """Of a schema on the server that tests share."""
    async with journals_on(PostgresShelf(tmp_path)) as journals:
        yield journals


@pytest.fixture
async def own_journals(tmp_path: Path, server: PostgresServer) -> AsyncIterator[Journals]:
    """Of a schema on this module's own server."""
    async with journals_on(PostgresShelf(tmp_path, server.url)) as journals:
        yield journals
