"""The game as it is told of payments: a shop that outlives every gateway, and does not always answer as it should."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from aiohttp import web

from gateway.demo.shop import Shop
from gateway.sandbox.faults import Fault

TIMEOUT_S: Final = 0.5
"""How long a gateway waits for its answer."""

DELAY_S: Final = 0.2
TOO_LATE_S: Final = 1.5 * TIMEOUT_S

FAULTS: Final = (
    Fault.DELAY,
    Fault.ERROR_BEFORE,
    Fault.ERROR_AFTER,
    Fault.HANG_BEFORE,
    Fault.HANG_AFTER,
    Fault.CUT_BEFORE,
    Fault.CUT_AFTER,
)
NOT_DONE: Final = frozenset({Fault.ERROR_BEFORE, Fault.HANG_BEFORE, Fault.CUT_BEFORE})
FAULTY: Final = 0.4
"""How often something goes wrong with a notice."""


class FaultyShop(Shop):
    """`acknowledged` are the orders for which it has said yes in time. A `closed` one takes nothing until it is healed:
    the payments that it is told of are parked."""

    def __init__(self, dice: random.Random, *, closed: bool) -> None:
        super().__init__()
        self.acknowledged: set[str] = set()
        self._dice = dice
        self._faults = (Fault.ERROR_BEFORE,) if closed else FAULTS
        self._chance = 1.0 if closed else FAULTY

    def heal(self) -> None:
        """It does nothing wrong from now on."""
        self._chance = 0.0

    async def _take(self, request: web.BaseRequest) -> web.Response:
        order = self.write_down(await request.read())
        fault = self._dice.choice(self._faults) if self._dice.random() < self._chance else None
        if fault not in NOT_DONE:
            self.hand_out(order)
        match fault:
            case Fault.ERROR_BEFORE | Fault.ERROR_AFTER:
                return web.Response(status=503)
            case Fault.CUT_BEFORE | Fault.CUT_AFTER:
                return _cut(request)
            case Fault.HANG_BEFORE | Fault.HANG_AFTER:
                await asyncio.sleep(TOO_LATE_S)
                return _cut(request)
            case Fault.DELAY:
                await asyncio.sleep(DELAY_S)
        self.acknowledged.add(order)
        return web.Response(text="OK")


def _cut(request: web.BaseRequest) -> web.Response:
    """Ends the connection. aiohttp needs a response object; this one is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
