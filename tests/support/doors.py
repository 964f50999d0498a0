"""The wallet door on a real socket before a coordinator that does as a test says, and clients that speak raw HTTP."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

from gateway.http.access_log import AccessLog
from gateway.http.connection import CallServer
from gateway.http.listener import Listener
from gateway.http.refusals import Refusals
from gateway.http.routing import RoutingTable
from gateway.http.wallet import WalletHandler
from gateway.money import Money, money
from gateway.operators.adapter import Player
from gateway.operators.operator import Operator
from gateway.records import Decision, Direction
from gateway.settings import LogSettings, OperatorSettings, ServerSettings
from gateway.telemetry.metrics import WALLET, Metrics
from gateway.transfers.coordinator import Coordinator

BALANCE = money("51800", "XAG")
ROLLBACK = b'{"token": "t", "mmTransactionId": "1234abcd", "rollbackReason": "Withdraw request failed."}'
WITHDRAW = b'{"token": "t", "mmTransactionId": "1234abcd", "amount": {"amount": 1.50, "currencyCode": "XAG"}}'
PATIENCE_S = 20.0
REPLY = b'{"mmTransactionId":"1234abcd","balance":{"amount":51800,"currencyCode":"XAG"}}'


class ScriptedCoordinator:
    """Remembers what it was asked; answers at once, or when `may_answer` is set, or with `error`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answered = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.was_asked = asyncio.Event()
        self.error: Exception | None = None
        self.nickname = "Nick"

    async def verify_session(self, operator: Operator, token: str) -> Player:
        await self._answer(operator.name, "verify_session", token)
        return Player(player_id="p1", balance=BALANCE, nickname=self.nickname)

    async def get_balance(self, operator: Operator, token: str) -> Money:
        return await self._answer(operator.name, "get_balance", token)

    async def hold(
        self, operator: Operator, direction: Direction, *, token: str, id: str, amount: Money, description: str
    ) -> Money:
        return await self._answer(operator.name, "hold", direction, token, id, amount, description)

    async def end(
        self,
        operator: Operator,
        direction: Direction,
        decision: Decision,
        *,
        token: str,
        id: str,
        amount: Money | None = None,
        reason: object = None,
    ) -> Money:
        return await self._answer(operator.name, "end", direction, decision, token, id, amount, reason)

    async def _answer(self, *asked: Any) -> Money:
        self.asked.append(asked)
        self.was_asked.set()
        await self.may_answer.wait()
        self.answered += 1
        if self.error is not None:
            raise self.error
        return BALANCE


class Answered(NamedTuple):
    """An HTTP answer, taken apart: header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error_code(self) -> int:
        code: int = json.loads(self.body)["errorCode"]
        return code

    @property
    def error_text(self) -> str:
        text: str = json.loads(self.body)["errorDescription"]
        return text


class Client:
    """A connection that sends exactly the bytes it is given."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Answered:
        """The next answer, whole. Raises `IncompleteReadError` if there is none, `TimeoutError` if none comes."""
        async with asyncio.timeout(PATIENCE_S):
            return await self._answer()

    async def _answer(self) -> Answered:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await self.reader.readexactly(int(headers["content-length"]))
        return Answered(int(head[0].split()[1]), headers, body)

    async def rest(self) -> bytes:
        """All that comes until the connection ends, however it ends."""
        received = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while chunk := await self.reader.read(65536):
                    received += chunk
        return received

    async def asked(self, data: bytes) -> Answered:
        await self.send(data)
        return await self.answer()

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


class Game:
    """The door under test, and what a game does with it."""

    def __init__(
        self,
        door: WalletHandler,
        coordinator: ScriptedCoordinator,
        metrics: Metrics,
        port: int,
        server: CallServer,
    ) -> None:
        self.door = door
        self.server = server
        self.coordinator = coordinator
        self.metrics = metrics
        self.port = port
        self._clients: list[Client] = []

    async def connect(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Client:
        client = Client(*await asyncio.open_connection(host, self.port, ssl=tls))
        self._clients.append(client)
        return client

    async def post(
        self, path: str, body: bytes, credentials: str | None = "JohnDoe:MyPass", **headers: str
    ) -> Answered:
        client = await self.connect()
        return await client.asked(request(path, body, credentials, **headers))

    async def hang_up(self) -> None:
        for client in self._clients:
            await client.close()

    def counted(self, outcome: str, call: str = "rollbackWithdrawal", operator: str = "acme") -> float:
        """How many calls the metrics have seen."""
        return self._sample("count", outcome, call, operator)

    def took_s(self, outcome: str, call: str = "rollbackWithdrawal", operator: str = "acme") -> float:
        """How long they took together, as the metrics have it."""
        return self._sample("sum", outcome, call, operator)

    def refused(self, reason: str) -> float:
        """How many refusals the metrics have seen."""
        labels = {"listener": WALLET, "reason": reason}
        return self.metrics.registry.get_sample_value("mm_gateway_refused_total", labels) or 0

    def _sample(self, kind: str, outcome: str, call: str, operator: str) -> float:
        labels = {"operator": operator, "call": call, "outcome": outcome}
        return self.metrics.registry.get_sample_value(f"mm_gateway_call_seconds_{kind}", labels) or 0


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def request(path: str, body: bytes, credentials: str | None = "JohnDoe:MyPass", **headers: str) -> bytes:
    """A POST as the game sends it; underscores in names of headers stand for dashes."""
    fields = {"Host": "gateway", "Content-Type": "application/json", "Content-Length": str(len(body))}
    if credentials is not None:
        fields["Authorization"] = basic(credentials)
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def operator(**settings: Any) -> OperatorSettings:
    ours = {"adapter": "none", "credentials": [{"username": "JohnDoe", "password": "MyPass"}]}
    return OperatorSettings.model_validate({**ours, **settings})


def front(server: ServerSettings, operators: dict[str, OperatorSettings]) -> RoutingTable:
    return RoutingTable(
        {name: cast("Operator", SimpleNamespace(name=name, settings=settings)) for name, settings in operators.items()},
        server,
    )


@asynccontextmanager
async def wallet_door(
    *, tls: ssl.SSLContext | None = None, operators: dict[str, OperatorSettings] | None = None, **server: Any
) -> AsyncIterator[Game]:
    """Opens the door of one operator, `acme` (or of those given), on 127.0.0.1."""
    settings = ServerSettings.model_validate(server)
    coordinator, metrics = ScriptedCoordinator(), Metrics()
    ours = front(settings, operators or {"acme": operator()})
    access = AccessLog(LogSettings(level="error"))
    door = WalletHandler(cast("Coordinator", coordinator), metrics, access, ours)
    connections = CallServer(door.handle, settings, door.admits, Refusals(WALLET, metrics))
    listener = Listener.bind("127.0.0.1", 0)
    listener.serve(connections, tls)
    game = Game(door, coordinator, metrics, listener.port, connections)
    try:
        yield game
    finally:
        coordinator.may_answer.set()
        listener.close()
        await game.hang_up()
        connections.pre_shutdown()
        await connections.shutdown(1)
        await door.wait_idle()
        door.close()
