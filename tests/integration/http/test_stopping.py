"""A stop and a request that end in the same turn of the loop."""

from __future__ import annotations

import asyncio

import structlog
from aiohttp import web

from gateway.http.connection import CallServer
from gateway.http.refusals import Refusals
from gateway.settings import ServerSettings
from gateway.telemetry.metrics import WALLET, Metrics
from tests.support.doors import ROLLBACK, request


async def test_a_request_that_ends_just_as_the_stop_gives_up_on_it_is_answered_and_is_no_error() -> None:
    loop = asyncio.get_running_loop()
    arrived, released = asyncio.Event(), loop.create_future()

    async def handle(_: web.BaseRequest) -> web.StreamResponse:
        arrived.set()
        await released
        return web.Response(text="late")

    game_server = CallServer(handle, ServerSettings(), lambda _: True, Refusals(WALLET, Metrics()))
    listening = await loop.create_server(game_server, "127.0.0.1", 0)
    with structlog.testing.capture_logs() as logged:
        reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
        writer.write(request("/wallet/rollbackWithdrawal", ROLLBACK))
        await arrived.wait()
        (connection,) = game_server.connections
        stopping = asyncio.ensure_future(connection.shutdown(60))
        await asyncio.sleep(0)
        released.set_result(None)
        stopping.cancel()  # what happens to it when its time is over
        await asyncio.gather(stopping, return_exceptions=True)
        assert (await reader.readuntil(b"late")).startswith(b"HTTP/1.1 200")
        writer.close()
        listening.close()
    assert logged == []
