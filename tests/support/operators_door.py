"""The operators' door on a real socket, before a real journal, and an operator that calls there."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from gateway.clock import SystemClock
from gateway.http.access_log import AccessLog
from gateway.http.connection import CallServer
from gateway.http.inbound import InboundHandlers, InboundServices
from gateway.http.inbound_calls import INBOUND
from gateway.http.listener import Listener
from gateway.http.operators_listener import OperatorsHandler
from gateway.http.operators_routing import OperatorsRouting
from gateway.http.refusals import Refusals
from gateway.journal.interface import Journal
from gateway.operators.operator import Operator
from gateway.settings import InboundSettings, LogSettings, OperatorSettings, OperatorsServerSettings
from gateway.telemetry.metrics import OPERATORS, Metrics
from tests.support.doors import Answered, Client, ScriptedCoordinator, request
from tests.support.inline_journal import InlineJournal

QUERY = "/operators/acme/payment/queryWithdrawal"
MINE = "acme-user:acme-password"
TOKEN = "acme-bearer-token"


class Caller:
    """The door under test, and what an operator does with it."""

    def __init__(
        self, door: OperatorsHandler, server: CallServer, journal: Journal, metrics: Metrics, port: int
    ) -> None:
        self.door = door
        self.server = server
        self.journal = journal
        self.metrics = metrics
        self.port = port
        self._clients: list[Client] = []

    async def connect(self, tls: ssl.SSLContext | None = None) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.port, ssl=tls))
        self._clients.append(client)
        return client

    async def post(
        self, path: str = QUERY, body: bytes = b"", credentials: str | None = MINE, **headers: str
    ) -> Answered:
        client = await self.connect()
        return await client.asked(request(path, body or asking("1234abcd"), credentials, **headers))

    async def query(self, id: str, path: str = QUERY) -> dict[str, Any]:
        answered = await self.post(path, asking(id))
        assert answered.status == 200, answered.body
        told: dict[str, Any] = json.loads(answered.body)
        return told

    def counted(self, outcome: str, operator: str = "acme", call: str = "queryWithdrawal") -> float:
        labels = {"operator": operator, "call": call, "outcome": outcome}
        return self.metrics.registry.get_sample_value("mm_gateway_inbound_call_seconds_count", labels) or 0

    def refused(self, reason: str) -> float:
        labels = {"listener": OPERATORS, "reason": reason}
        return self.metrics.registry.get_sample_value("mm_gateway_refused_total", labels) or 0

    async def hang_up(self) -> None:
        for client in self._clients:
            await client.close()


def asking(id: str) -> bytes:
    return json.dumps({"mmTransactionId": id}).encode()


def inbound(**settings: Any) -> InboundSettings:
    """What operator acme authenticates with, other than usual where `settings` says so."""
    username, _, password = MINE.partition(":")
    usual = {"credentials": [{"username": username, "password": password}], "tokens": [{"token": TOKEN}]}
    return InboundSettings.model_validate(usual | settings)


def routing(
    inbounds: Mapping[str, InboundSettings | None], handlers: InboundHandlers = INBOUND, **server: Any
) -> OperatorsRouting:
    operators = {
        name: SimpleNamespace(name=name, journal="default", settings=OperatorSettings(adapter="none", inbound=one))
        for name, one in inbounds.items()
    }
    return OperatorsRouting(
        cast("dict[str, Operator]", operators), OperatorsServerSettings.model_validate(server), handlers
    )


@asynccontextmanager
async def operators_door(
    folder: Path,
    inbounds: Mapping[str, InboundSettings | None] | None = None,
    handlers: InboundHandlers = INBOUND,
    tls: ssl.SSLContext | None = None,
    journal: Journal | None = None,
    **server: Any,
) -> AsyncIterator[Caller]:
    """Opens the door of one operator, `acme` (or of those given), on 127.0.0.1."""
    metrics = Metrics()
    journal = journal or InlineJournal.at(folder / "journal.db")
    services = InboundServices(
        journals={"default": journal},
        coordinator=cast("Any", ScriptedCoordinator()),
        payments=cast("Any", None),
        metrics=metrics,
        clock=SystemClock(),
    )
    ours = routing({"acme": inbound()} if inbounds is None else inbounds, handlers, **server)
    door = OperatorsHandler(services, AccessLog(LogSettings(level="error")), ours)
    connections = CallServer(door.handle, ours.server, door.admits, Refusals(OPERATORS, metrics))
    listener = Listener.bind("127.0.0.1", 0)
    listener.serve(connections, tls)
    caller = Caller(door, connections, journal, metrics, listener.port)
    try:
        yield caller
    finally:
        listener.close()
        await caller.hang_up()
        connections.pre_shutdown()
        await connections.shutdown(1)
        await door.wait_idle()
        door.close()
