"""The demo's game as it is told of payments: it delivers goods for each, and does not always acknowledge at once."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from typing import Any, Final

from aiohttp import web

from gateway.demo.operators import HOST

SECRET: Final = "the game's"  # noqa: S105 - of a game that lives for a minute
PATH: Final = "/pay/quantum"
REFUSED_FIRST: Final = 3
"""Of every third order the game does not acknowledge the first notice: it has taken it, and its answer is lost."""


class Shop:
    """Takes notices of payments at `url`. `notices` has their bodies, by order, as they came; `goods` counts how often
    goods were handed out for an order. With `tls` it serves HTTPS."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.notices: dict[str, list[bytes]] = {}
        self.goods: Counter[str] = Counter()
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
        body = await request.read()
        notice: dict[str, Any] = json.loads(body)
        order = str(notice["cpOrderId"])
        seen = self.notices.setdefault(order, [])
        seen.append(body)
        if len(seen) == 1:
            self.goods[order] += 1  # an order that comes again has its goods already
            if len(self.notices) % REFUSED_FIRST == 0:
                return web.Response(status=500)
        return web.Response(text="OK")
