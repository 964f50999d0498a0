from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.runtimes import FarOperator, far_operator


@pytest.fixture
async def far() -> AsyncIterator[FarOperator]:
    """A simulated operator on a real socket."""
    async with far_operator() as far:
        yield far
