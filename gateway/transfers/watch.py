"""Waiting for what somebody else, here or on another instance, is doing to a transfer."""

from __future__ import annotations

import asyncio
from typing import Final

from gateway.operators.operator import Operator
from gateway.records import Key, Transfer
from gateway.transfers import refusals
from gateway.transfers.context import Context, await_journal

FIRST_PAUSE_S: Final = 0.01
LONGEST_PAUSE_S: Final = 0.25


class Watch:
    """Looks at one transfer again and again, for as long as one call may wait (`Context.wait_limit_s`)."""

    def __init__(self, context: Context, operator: Operator, key: Key) -> None:
        self._context = context
        self._journal = context.journal(operator)
        self._key = key
        self._until = context.clock.monotonic() + context.wait_limit_s
        self._pause_s = FIRST_PAUSE_S

    async def look(self) -> Transfer | None:
        """The row as it stands. Raises `WalletError` if the journal cannot be read."""
        return await await_journal(
            self._journal.find(self._key), "what came of an earlier call cannot be looked up; ask again"
        )

    async def look_again(self) -> Transfer | None:
        """The row once it may have changed. Raises `WalletError`, also when the call has waited for too long."""
        await self.wait()
        return await self.look()

    async def wait(self) -> None:
        """Returns once the row may have changed. Raises `WalletError` when the call has waited for too long."""
        left_s = self._until - self._context.clock.monotonic()
        if left_s <= 0:
            raise refusals.still_waiting(self._key.id)
        # Work in this process wakes us when it is done; of another instance's nobody tells, so the row is polled.
        if self._key in self._context.single_flight:
            await self._wait_until_done(left_s)
            return
        await asyncio.sleep(min(self._pause_s, left_s))
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    async def _wait_until_done(self, left_s: float) -> None:
        try:
            async with asyncio.timeout(left_s):
                await self._context.single_flight.wait_until_done(self._key)
        except TimeoutError:
            return
