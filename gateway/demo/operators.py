"""The demo's operators: one of each protocol that can be simulated, on real sockets, with its books in a file."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from gateway.demo.plan import Purchase
from gateway.money import parse
from gateway.operators.toolkit import basic_auth
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import Simulated, Unknown, simulated_operators
from gateway.sandbox.stores import FileStore

HOST: Final = "127.0.0.1"
PASSWORD: Final = "demo"  # noqa: S105 - of a game and a gateway that live for a minute

OPENED_WITH: Final = parse("90071992547409.93 XAG")
"""What each player begins with: 2^53 + 1 hundredths, which no binary float holds."""

FORGETFUL_EVERY: Final = 2
"""Every second operator forgets that it was told to roll back what it had never seen, so that a withdraw that comes
after its rollback is booked."""


class DemoOperator:
    """One operator, and what the game needs to play with it."""

    def __init__(self, name: str, simulated: type[Simulated], folder: Path, *, forgetful: bool) -> None:
        self.name = name
        self.ledger_file = folder / f"{name}.ledger"
        self.ledger = Ledger(FileStore(self.ledger_file))
        self.authorization = basic_auth(f"game-{name}", PASSWORD)
        self._simulated = simulated
        self._server = SandboxServer(simulated(self.ledger, Unknown.FORGET if forgetful else None))
        self._port = 0

    def enrol(self, players: int) -> None:
        for player in range(1, players + 1):
            self.ledger.enrol(player_id(player), token(player), OPENED_WITH)

    def expect(self, purchases: Iterable[Purchase]) -> None:
        """Will do wrong what is planned for these."""
        own = [purchase for purchase in purchases if purchase.operator == self.name]
        self._server.operator.switch(rule for purchase in own for rule in purchase.faults())

    async def open(self) -> None:
        """Accepts connections from now on, at the same address every time."""
        await self._server.start(HOST, self._port)
        self._port = int(self._server.url.rpartition(":")[2])

    async def leave(self) -> None:
        """Refuses connections until it is opened again, and cuts those that there are."""
        await self._server.close()

    async def close(self) -> None:
        await self.leave()
        self.ledger.close()

    @property
    def configuration(self) -> dict[str, Any]:
        """Its part of the gateway's configuration."""
        return {
            "adapter": self.name,
            "settings": self._simulated.adapter_settings(self._server.base_url),
            "credentials": [{"username": f"game-{self.name}", "password": PASSWORD}],
            "timeout": "1s",
            "breaker": {"failures": 10, "open_for": "500ms"},
        }


def all_operators(folder: Path) -> dict[str, DemoOperator]:
    """One for each protocol, by name, its books in a file of this folder."""
    return {
        name: DemoOperator(name, found.load(), folder, forgetful=number % FORGETFUL_EVERY == 0)
        for number, (name, found) in enumerate(sorted(simulated_operators().items()))
    }


def player_id(player: int) -> str:
    """The operator's name for a player."""
    return f"player-{player}"


def token(player: int) -> str:
    """The token of a player's session."""
    return f"session-of-player-{player}"
