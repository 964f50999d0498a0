"""aiohttp's server and client as a typed pass-through: requests and answers are validated, nothing is remembered."""

from __future__ import annotations

import argparse
from decimal import Decimal
from typing import Any

import uvloop
from aiohttp import BasicAuth, ClientSession, TCPConnector, web
from pydantic import BaseModel


class Money(BaseModel):
    amount: Decimal
    currencyCode: str


class Request(BaseModel):
    token: str
    mmTransactionId: str | None = None
    amount: Money | None = None
    txDescription: str | None = None
    rollbackReason: str | None = None


class Reply(BaseModel):
    balance: Money
    token: str | None = None
    playerId: str | None = None
    mmTransactionId: str | None = None


UPSTREAM = web.AppKey("upstream", str)
CLIENT = web.AppKey("client", ClientSession)


async def client(app: web.Application) -> Any:
    async with ClientSession(auth=BasicAuth("gateway", "secret"), connector=TCPConnector(limit=0)) as session:
        app[CLIENT] = session
        yield


async def pass_on(request: web.Request) -> web.Response:
    call = Request.model_validate_json(await request.read())
    url = f"{request.app[UPSTREAM]}/wallet/{request.match_info['call']}"
    body = call.model_dump_json(exclude_none=True)
    async with request.app[CLIENT].post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        reply = Reply.model_validate_json(await answer.read())
    return web.Response(text=reply.model_dump_json(exclude_none=True), content_type="application/json")


def application(upstream: str) -> web.Application:
    app = web.Application()
    app[UPSTREAM] = upstream
    app.cleanup_ctx.append(client)
    app.router.add_post("/wallet/{call}", pass_on)
    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    given = parser.parse_args()
    uvloop.install()
    web.run_app(application(given.upstream), host="127.0.0.1", port=given.port, access_log=None, print=None)


if __name__ == "__main__":
    main()
