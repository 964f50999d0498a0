"""Simulated operators in the test's own process, each on a port that it keeps while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from adapters.quantum.simulated import SimulatedQuantum
from gateway.money import money
from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.stores import MemoryStore
from gateway.wire.calls import WalletCall
from tests.support.ports import free_port

HOLDS: Final = (WalletCall.WITHDRAW, WalletCall.DEPOSIT)
CONFIRMS: Final = (WalletCall.CONFIRM_WITHDRAWAL, WalletCall.CONFIRM_DEPOSIT)
ROLLBACKS: Final = (WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT)
ENDS: Final = (*CONFIRMS, *ROLLBACKS)
CURRENCY: Final = "XAG"
PLAYERS: Final = 10
PATIENCE_S: Final = 60.0
LOOK_S: Final = 0.1


class Operator:
    """One operator: `settings` are its part of the gateways' configuration."""

    def __init__(self, name: str, **differs: Any) -> None:
        self.name = name
        self.ledger = Ledger(MemoryStore())
        self._server = SandboxServer(SimulatedQuantum(self.ledger))
        self._port = free_port()
        self._differs = differs
        for player in range(PLAYERS):
            self.ledger.enrol(f"player-{player}", token(player), money("1000000000", CURRENCY))

    async def open(self) -> None:
        """Accepts connections from now on, at the same address every time."""
        await self._server.start(port=self._port)

    async def close(self) -> None:
        """Cuts all connections, and refuses new ones until `open`."""
        await self._server.close()

    def go_wrong(self, fault: Fault, *calls: WalletCall, **how: Any) -> None:
        """From now on, at these calls; at all, if none is named. `how` is of `FaultRule`."""
        self._server.operator.switch([FaultRule(fault=fault, calls=calls, **how)])

    def behave(self) -> None:
        self._server.operator.switch([])

    async def until_seen(self, call: WalletCall, ids: Iterable[str]) -> None:
        """Returns once this call has come for each of these transfers."""
        async with asyncio.timeout(PATIENCE_S):
            while not set(ids) <= {seen.id for seen in self.ledger.wire() if seen.call == call}:
                await asyncio.sleep(LOOK_S)

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "adapter": "quantum",
            "settings": SimulatedQuantum.adapter_settings(self._server.base_url),
            "credentials": [{"username": self.name, "password": "secret"}],
            "timeout": "1s",
            "breaker": {"failures": 5, "open_for": "500ms"},
            **self._differs,
        }


def token(player: int) -> str:
    return f"session-of-player-{player}"
