"""The demo's game as it is told of payments: it delivers goods for each, and does not always acknowledge at once."""

from __future__ import annotations

import ssl
from typing import Final

from aiohttp import web

from gateway.demo.operators import HOST
from gateway.sandbox.notices import Notices

SECRET: Final = "the game's"  # noqa: S105 - of a game that lives for a minute
PATH: Final = "/pay/quantum"
REFUSED_FIRST: Final = 3
"""Of every third order the game does not acknowledge the first notice: it has taken it, and its answer is lost."""


class Shop(Notices):
    """Takes notices of payments at `url`. With `tls` it serves HTTPS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self._tls = tls
        self._runner: web.ServerRunner | None = None
        self.url = ""

    async def open(self) -> None:
        """Accepts connections from now on."""
        self._runner = web.ServerRunner(web.Server(self._take))
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, 0, ssl_context=self._tls)
        await site.start()
        self.url = f"{site.name.rsplit(':', 1)[0]}:{self._runner.addresses[0][1]}{PATH}"

    async def close(self) -> None:
        """Cuts all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.BaseRequest) -> web.Response:
        if self.take(await request.read()) and len(self.bodies) % REFUSED_FIRST == 0:
            return web.Response(status=500)
        return web.Response(text="OK")
