"""Every test of the doors runs on both loops: asyncio's own, and the one that the gateway runs on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from tests.support.doors import Game, wallet_door


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def game() -> AsyncIterator[Game]:
    """The door of one operator, with the default limits."""
    async with wallet_door() as game:
        yield game
