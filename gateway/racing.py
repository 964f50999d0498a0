"""Alternatives of which one is enough, none of them waited for: each has the time that all have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeVar

NEXT_AFTER_S: Final = 0.25
"""How long one alternative is tried alone before the next one is tried beside it; what RFC 8305 recommends."""

T = TypeVar("T")


async def first_to_succeed(
    attempts: Sequence[Callable[[], Coroutine[Any, Any, T]]], within_s: float, discard: Callable[[T], object]
) -> T:
    """Begins one attempt after the other, each as soon as one has failed or had its moment, and takes the first that
    succeeds. Raises what the last one raised.

    The caller bounds the time; it says `within_s` so that the last attempt begins in the first half of it. Every other
    attempt is cancelled, and given to `discard` if it has just succeeded: also when the caller is cancelled. Nobody
    waits for that: it is over in the loop's next turns, and a cancellation of the caller could get lost meanwhile.
    """
    next_after_s = min(NEXT_AFTER_S, within_s / (2 * len(attempts)))
    waiting = list(reversed(attempts))
    running: set[asyncio.Task[T]] = set()

    def discard_late(attempt: asyncio.Task[T]) -> None:
        if not attempt.cancelled() and attempt.exception() is None:
            discard(attempt.result())

    try:
        while True:
            if waiting:
                running.add(asyncio.create_task(waiting.pop()()))
            done, _ = await asyncio.wait(
                running, timeout=next_after_s if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for attempt in done:
                running.remove(attempt)
                if attempt.exception() is None or not (running or waiting):
                    return attempt.result()
    finally:
        for attempt in running:
            attempt.cancel()
            attempt.add_done_callback(discard_late)
