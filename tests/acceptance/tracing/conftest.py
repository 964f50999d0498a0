from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.wire.sandbox import Sandbox, sandbox
from tests.support.collector import Collector, collector


@pytest.fixture
async def traces() -> AsyncIterator[Collector]:
    async with collector() as ours:
        yield ours


@pytest.fixture
async def operator() -> AsyncIterator[Sandbox]:
    async with sandbox("hub88") as ours:
        yield ours
