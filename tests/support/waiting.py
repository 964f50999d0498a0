"""Waiting for a condition instead of for a time: as long as it takes, and no longer than a test may hang."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

LONGEST_S: Final = 10.0

T = TypeVar("T")


async def until(condition: Callable[[], T]) -> T:
    """What the condition gives once that is true. Fails after `LONGEST_S`."""
    async with asyncio.timeout(LONGEST_S):
        while not (found := condition()):
            await asyncio.sleep(0)
    return found
