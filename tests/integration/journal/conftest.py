from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.journal.copy import CopyableJournal
from tests.support.journals import SHELVES, Journals


@pytest.fixture(params=sorted(SHELVES))
async def journals(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Journals]:
    shelf = SHELVES[request.param](tmp_path)
    await shelf.prepare()
    try:
        async with AsyncExitStack() as stack:
            yield Journals(shelf, stack)
    finally:
        await shelf.discard()


@pytest.fixture
async def journal(journals: Journals) -> CopyableJournal:
    return await journals.open()
