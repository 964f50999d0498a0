"""An operator that speaks the quantum contract, and answers as the session's token says: `long-1` gives a player with a
long id, `deep-1` a deep answer, and so on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Final

from aiohttp import web

BALANCE: Final = {"amount": 1, "currencyCode": "XAG"}


def _player(id: str, **more: object) -> bytes:
    return json.dumps({"playerId": id, "balance": BALANCE, **more}).encode()


ODD: Final[dict[str, Callable[[], bytes]]] = {
    "long": lambda: _player("p" * 60_000),
    "controls": lambda: _player("p\x00\x1b[2J\u202e\r\n"),
    "deep": lambda: b'{"playerId": ' + b"[" * 30_000,
    "members": lambda: b"{" + b",".join(b'"k%d":[]' % number for number in range(5000)) + b"}",
    "number": lambda: b'{"playerId": "p", "balance": {"amount": ' + b"9" * 60_000 + b', "currencyCode": "XAG"}}',
    "exponent": lambda: b'{"playerId": "p", "balance": {"amount": 1e999999999, "currencyCode": "XAG"}}',
    "currency": lambda: json.dumps({"playerId": "p", "balance": {"amount": 1, "currencyCode": "X" * 60_000}}).encode(),
    "name": lambda: _player("p", nickname="n" * 60_000),
    "error": lambda: json.dumps({"errorCode": 1, "errorDescription": "e" * 60_000}).encode(),
    "endless": lambda: b"x" * 4 * 2**20,
    "empty": lambda: b"",
}


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    token = str(json.loads(await request.read()).get("token", ""))
    made = ODD.get(token.partition("-")[0])
    return web.Response(body=_player(f"of-{token[:40]}") if made is None else made(), content_type="application/json")


async def serve(port: int) -> None:
    """Until it is killed."""
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True).start()
    await asyncio.Event().wait()
