"""A simulated operator with one player, in the test's own process, so that its wire and books can be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from gateway.money import parse
from gateway.sandbox.faults import FaultRule
from gateway.sandbox.ledger import Hold, Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import simulated_operators
from gateway.sandbox.stores import MemoryStore
from gateway.wire.calls import WalletCall
from tests.support.wallet_client import TOKEN


class Sandbox:
    """One operator. The game's user has its protocol's name, and the password `pw`."""

    def __init__(self, protocol: str, balance: str) -> None:
        self.protocol = protocol
        self.credentials = f"{protocol}:near-password"
        self.ledger = Ledger(MemoryStore())
        self.ledger.enrol("player", TOKEN, parse(balance))
        self.server = SandboxServer(simulated_operators()[protocol].load()(self.ledger))

    def go_wrong(self, *rules: FaultRule) -> None:
        """These faults from now on, and no others."""
        self.server.operator.switch(rules)

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Its part of the gateway's configuration."""
        ours = {
            "adapter": self.protocol,
            "settings": self.server.operator.simulated.adapter_settings(self.server.base_url),
            "credentials": [{"username": self.protocol, "password": "near-password"}],
            "timeout": "2s",
            "breaker": {"failures": 1_000_000},
            "delivery": {"schedule": ["0s", "50ms"], "then_every": "100ms", "late_arrival_window": "50ms"},
        }
        return {**ours, **changes}

    def sent(self, call: WalletCall, id: str | None = None) -> list[bytes]:
        """The bodies of the calls that have arrived (about that transfer)."""
        return [seen.body for seen in self.ledger.wire() if seen.call == call and id in {None, seen.id}]

    def hold(self, id: str) -> Hold | None:
        return next((hold for hold in self.ledger.holds.values() if hold.id == id), None)


@asynccontextmanager
async def sandbox(protocol: str, balance: str = "1000000 XAG") -> AsyncIterator[Sandbox]:
    operator = Sandbox(protocol, balance)
    await operator.server.start()
    try:
        yield operator
    finally:
        await operator.server.close()


async def until(condition: Callable[[], bool]) -> None:
    """Returns once it holds, which takes no more than seconds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)
