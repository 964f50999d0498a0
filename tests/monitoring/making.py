"""How a trouble is written: a context that makes it when it is entered, and mends it when it is left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

from tests.monitoring.fleet import Fleet
from tests.monitoring.watch import Expected

Make = Callable[[Fleet], AbstractAsyncContextManager[None]]


class Trouble(NamedTuple):
    """Each alert in `fires` must fire between `make` being entered and left, and be resolved after that.

    It is made once the alerts of those named in `after` are resolved, and once those that it `hides`, or makes longer,
    are mended.
    """

    what: str
    make: Make
    fires: tuple[Expected, ...]
    after: tuple[str, ...] = ()
    hides: tuple[str, ...] = ()


@asynccontextmanager
async def in_background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs it while this is entered."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
