"""A simulated operator on real sockets, with an admin side to switch its faults and read its ledger while it runs.

The admin side answers JSON under `/_sandbox/`:

======  ==========  ================================================================================
GET     `ledger`    the players, the holds, and the balances that are wrong
GET     `wire`      every request in the order of arrival, with its call, id, headers and answer
GET     `faults`    the rules in force
PUT     `faults`    replace them: `[{"fault": "hang_after", "calls": ["withdraw"], "times": 1}]`
POST    `players`   enrol a player: `{"player_id": "p", "token": "t", "balance": "100 XAG"}`
POST    `sessions`  open one more session of a player: `{"player_id": "p", "token": "t2"}`
DELETE  `sessions`  end a session: `{"token": "t"}`
POST    `launch`    call the gateway for the game's URL: `{"token": "t", "language": "en"}`
POST    `query`     ask it how a transfer has ended: `{"direction": "deposit", "id": "1234"}`
POST    `payments`  let a player pay, and call back: `{"player_id": "p", "price": "4.99", "trick": "twice"}`
POST    `notices`   what a gateway calls to tell the game of a payment
GET     `notices`   what the game was told, and the goods that it handed out, by order
======  ==========  ================================================================================
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.money import MoneyError, parse
from gateway.operators.adapter import HttpResponse
from gateway.sandbox.around import AroundWallet, NoGateway
from gateway.sandbox.faults import Ending, FaultRule, FaultyOperator, Reply
from gateway.sandbox.ledger import Account, Hold
from gateway.sandbox.simulated import Request, Simulated

ADMIN_PATH: Final = "/_sandbox/"
SHUTDOWN_S: Final = 0.1

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER, on, 0 seconds: closing the socket sends a reset (RST) instead of a FIN."""


class Enrolment(msgspec.Struct, forbid_unknown_fields=True):
    """The body that enrols a player; `balance` is written ``"100 XAG"``."""

    player_id: str
    token: str
    balance: str


class OpenedSession(msgspec.Struct, forbid_unknown_fields=True):
    """The body that opens one more session of an enrolled player."""

    player_id: str
    token: str


class EndedSession(msgspec.Struct, forbid_unknown_fields=True):
    """The body that ends a session."""

    token: str


class LedgerReport(msgspec.Struct):
    """The ledger as the admin side shows it."""

    accounts: list[Account]
    holds: list[Hold]
    violations: list[str]


class SandboxServer:
    """Serves a simulated operator over HTTP. `operator` is where faults are switched, `ledger` holds its books.

    `gateway` is what it calls when it is told to: its part of a gateway's operators' listener, such as
    ``http://127.0.0.1:8081/operators/acme``.
    """

    def __init__(
        self, simulated: Simulated, now: Callable[[], float] = time.time, *, gateway: str | None = None
    ) -> None:
        self.operator = FaultyOperator(simulated, now)
        self.ledger = simulated.ledger
        self._around = AroundWallet(gateway)
        self._around_handlers: Mapping[tuple[str, str], Callable[[bytes], Awaitable[object]]] = {
            ("POST", "launch"): self._around.launch,
            ("POST", "query"): self._around.query,
            ("POST", "payments"): self._around.pay,
        }
        self._runner: web.ServerRunner | None = None
        self.url = ""

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Returns once connections are accepted. `url` then is the address, without a slash at its end."""
        # Cancellation, since a handler that hangs on purpose must end with its connection.
        server = web.Server(self._handle, access_log=None, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def base_url(self) -> str:
        """The `base_url` for an adapter's settings."""
        return self.url + self.operator.simulated.base_path

    async def close(self) -> None:
        """Stops listening, and cuts the connections that still wait for an answer."""
        if self._runner is not None:
            await self._runner.cleanup()
        await self._around.close()

    def around_configuration(self, currency: str) -> dict[str, Any]:
        """What an operator's part of the gateway's configuration says of calls from this operator, the launch, and
        payments in this currency."""
        return self._around.configuration(f"{self.url}{ADMIN_PATH}notices", currency)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if request.path.startswith(ADMIN_PATH):
            return await self._administer(request.method, request.path.removeprefix(ADMIN_PATH), body)
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = self.operator.handle(Request(request.method, request.raw_path, headers, body))
        return await _send_reply(reply, request)

    async def _administer(self, method: str, name: str, body: bytes) -> web.Response:
        handler = self._admin_handlers.get((method, name))
        calls_gateway = self._around_handlers.get((method, name))
        try:
            if handler is not None:
                return _json_response(200, handler(self, body))
            if calls_gateway is not None:
                return _json_response(200, await calls_gateway(body))
        except (msgspec.DecodeError, MoneyError, NoGateway) as error:
            return _json_response(400, {"error": str(error)})
        return _json_response(404, {"error": f"no {method} {ADMIN_PATH}{name}"})

    def _get_ledger(self, _: bytes) -> LedgerReport:
        return LedgerReport(
            list(self.ledger.accounts.values()), list(self.ledger.holds.values()), self.ledger.violations()
        )

    def _get_wire(self, _: bytes) -> Any:
        return [
            {
                **msgspec.structs.asdict(request),
                "body": request.body.decode(errors="replace"),
                "answer": None if request.answer is None else _shown_answer(request.answer),
            }
            for request in self.ledger.wire()
        ]

    def _get_faults(self, _: bytes) -> list[FaultRule]:
        return self.operator.rules

    def _put_faults(self, body: bytes) -> list[FaultRule]:
        self.operator.switch(msgspec.json.decode(body, type=list[FaultRule]))
        return self.operator.rules

    def _enrol(self, body: bytes) -> Account:
        wanted = msgspec.json.decode(body, type=Enrolment)
        self.ledger.enrol(wanted.player_id, wanted.token, parse(wanted.balance))
        return self.ledger.accounts[wanted.player_id]

    def _open_session(self, body: bytes) -> OpenedSession:
        wanted = msgspec.json.decode(body, type=OpenedSession)
        if wanted.player_id not in self.ledger.accounts:
            raise msgspec.ValidationError(f"player {wanted.player_id!r} is not enrolled; POST it to players first")
        self.ledger.open_session(wanted.player_id, wanted.token)
        return wanted

    def _end_session(self, body: bytes) -> EndedSession:
        wanted = msgspec.json.decode(body, type=EndedSession)
        self.ledger.end_session(wanted.token)
        return wanted

    def _take_notice(self, body: bytes) -> str:
        self._around.notices.take(body)
        return "OK"

    def _get_notices(self, _: bytes) -> object:
        return self._around.show_notices()

    _admin_handlers: Final = {
        ("GET", "ledger"): _get_ledger,
        ("GET", "wire"): _get_wire,
        ("GET", "faults"): _get_faults,
        ("PUT", "faults"): _put_faults,
        ("POST", "players"): _enrol,
        ("POST", "sessions"): _open_session,
        ("DELETE", "sessions"): _end_session,
        ("POST", "notices"): _take_notice,
        ("GET", "notices"): _get_notices,
    }


async def _send_reply(reply: Reply, request: web.BaseRequest) -> web.StreamResponse:
    """Sends the reply as its `ending` says."""
    transport = request.transport
    if reply.delay_s:
        await asyncio.sleep(reply.delay_s)
    if reply.ending is Ending.HANG:
        await asyncio.Event().wait()  # until the client closes the connection: aiohttp then cancels this
    if reply.answer is None or transport is None:
        return _reset_connection(transport)
    if reply.ending is Ending.HALF:
        return _send_half(reply.answer, transport)
    return web.Response(body=reply.answer.body, status=reply.answer.status, headers=reply.answer.headers)


def _shown_answer(answer: HttpResponse) -> dict[str, Any]:
    return {"status": answer.status, "headers": answer.headers, "body": answer.body.decode(errors="replace")}


def _reset_connection(transport: asyncio.Transport | None) -> web.Response:
    """Resets the connection. aiohttp needs a response object; this one is never sent."""
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    return web.Response()


def _send_half(answer: HttpResponse, transport: asyncio.Transport) -> web.Response:
    """Sends the head and half of the body, then closes the connection. The response that is returned is never sent."""
    lines = [f"HTTP/1.1 {answer.status} Answer", *(f"{name}: {value}" for name, value in answer.headers.items())]
    head = "\r\n".join([*lines, f"Content-Length: {len(answer.body)}", "", ""]).encode()
    transport.write(head + answer.body[: len(answer.body) // 2])
    transport.close()
    return web.Response()


def _json_response(status: int, value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
