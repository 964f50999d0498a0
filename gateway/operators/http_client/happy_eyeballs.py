"""The first of several addresses that takes a connection, none of them waited for: RFC 8305, called happy eyeballs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from gateway.operators.http_client.connection import OperatorConnection

NEXT_AFTER_S: Final = 0.25
"""How long one address is tried alone before the next one is tried beside it; what RFC 8305 recommends."""

Attempt = Callable[[], Coroutine[Any, Any, OperatorConnection]]


async def first_to_connect(attempts: Sequence[Attempt], within_s: float) -> OperatorConnection:
    """Begins one attempt after the other, each as soon as one has failed or had its moment, and takes the first that
    succeeds. Raises what the last one raised.

    The caller bounds the time; it says `within_s` so that the last attempt begins in the first half of it. Every other
    attempt is cancelled, and closed if it has just succeeded: also when the caller is cancelled. Nobody waits for that:
    it is over in the loop's next turns, and a cancellation of the caller could get lost meanwhile.
    """
    next_after_s = min(NEXT_AFTER_S, within_s / (2 * len(attempts)))
    waiting = list(reversed(attempts))
    running: set[asyncio.Task[OperatorConnection]] = set()
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
            attempt.add_done_callback(_discard)


def _discard(attempt: asyncio.Task[OperatorConnection]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().abort()
