"""Whole gateways in this process, before simulated operators, all on real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.quantum.simulated import SimulatedQuantum
from gateway.clock import Clock
from gateway.money import money
from gateway.runtime import Runtime
from gateway.runtime.listeners import Addresses
from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import HoldState, Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.stores import MemoryStore
from gateway.settings import Settings
from gateway.wire.calls import WalletCall
from tests.support.doors import Answered, Client, request

TOKEN = "token"


class FarOperator:
    """A simulated operator with one player who has a session."""

    def __init__(self) -> None:
        self.ledger = Ledger(MemoryStore())
        self.ledger.enrol("player", TOKEN, money("1000", "XAG"))
        self.server = SandboxServer(SimulatedQuantum(self.ledger))

    def go_wrong(self, fault: Fault, *calls: WalletCall, times: int | None = None, delay_s: float = 1.0) -> None:
        self.server.operator.switch([FaultRule(fault=fault, calls=calls, times=times, delay_s=delay_s)])

    def behave(self) -> None:
        self.server.operator.switch([])

    def seen(self, call: WalletCall) -> int:
        """How many such calls have arrived."""
        return sum(seen.call == call for seen in self.ledger.wire())

    def state_of(self, id: str) -> HoldState | None:
        return next((hold.state for hold in self.ledger.holds.values() if hold.id == id), None)

    async def until_seen(self, call: WalletCall, times: int = 1) -> None:
        async with asyncio.timeout(10):
            while self.seen(call) < times:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def far_operator() -> AsyncIterator[FarOperator]:
    far = FarOperator()
    await far.server.start()
    try:
        yield far
    finally:
        await far.server.close()


def operator_to(far: FarOperator, **settings: Any) -> dict[str, Any]:
    """An operator's part of a configuration."""
    return {
        "adapter": "quantum",
        "settings": SimulatedQuantum.adapter_settings(far.server.base_url),
        "credentials": [{"username": "JohnDoe", "password": "MyPass"}],
        "timeout": 2.0,
        "delivery": {"schedule": [0.05], "then_every": 0.05, "jitter": 0.0},
    } | settings


def settings_for(folder: Path, operators: dict[str, dict[str, Any]], **other: Any) -> Settings:
    ours: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": 0},
        "admin": {"port": 0},
        "journal": {"url": f"sqlite:///{folder / 'journal.db'}"},
        "operators": operators,
    }
    return Settings.model_validate({**ours, **other})


class Running:
    """A gateway that serves, and what a game and whoever runs it do with it."""

    def __init__(self, runtime: Runtime, addresses: Addresses) -> None:
        self.runtime = runtime
        self.addresses = addresses
        self.wallet_port = int(addresses.wallet.rpartition(":")[2])
        self.admin_port = int(addresses.admin.rpartition(":")[2])
        self._stopped = False

    async def stop(self) -> None:
        """Stops the gateway, unless that was done before."""
        if not self._stopped:
            self._stopped = True
            await self.runtime.stop()

    async def connect(self) -> Client:
        return Client(*await asyncio.open_connection("127.0.0.1", self.wallet_port))

    async def call(
        self, call: WalletCall, id: str = "1", credentials: str = "JohnDoe:MyPass", **fields: Any
    ) -> Answered:
        client = await self.connect()
        try:
            return await client.asked(request(f"/wallet/{call}", message(call, id, **fields), credentials))
        finally:
            await client.close()

    async def page(self, path: str, **headers: str) -> Answered:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.admin_port))
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        try:
            return await client.asked(f"GET {path} HTTP/1.1\r\nHost: g\r\n{fields}\r\n".encode())
        finally:
            await client.close()


def message(call: WalletCall, id: str = "1", **fields: Any) -> bytes:
    """A call's body."""
    content: dict[str, Any] = {"token": TOKEN, "mmTransactionId": id}
    if call in {WalletCall.WITHDRAW, WalletCall.DEPOSIT, WalletCall.CONFIRM_WITHDRAWAL, WalletCall.CONFIRM_DEPOSIT}:
        content["amount"] = {"amount": 10, "currencyCode": "XAG"}
    return json.dumps(content | fields).encode()


@asynccontextmanager
async def running(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Running]:
    """Starts a gateway, and stops it unless the test has done so. Without `clock` it has this machine's."""
    runtime = Runtime(settings, clock)
    gateway = Running(runtime, await runtime.start())
    try:
        yield gateway
    finally:
        await gateway.stop()
