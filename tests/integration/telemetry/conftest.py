from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.collector import Collector, collector
from tests.support.runtimes import FarOperator, far_operator


@pytest.fixture
async def far() -> AsyncIterator[FarOperator]:
    async with far_operator() as far:
        yield far


@pytest.fixture
async def traces(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    async with collector() as ours:
        yield ours
