"""The demo's operators: one for each of its protocols, on real sockets, with its ledger in a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.demo.plan import CURRENCY, Purchase
from gateway.money import parse
from gateway.operators import registry
from gateway.operators.adapter import Adapter
from gateway.sandbox.game_ids import GameIds
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import Simulated, Unknown, simulated_operators
from gateway.sandbox.stores import FileStore
from gateway.toolbox.http import basic_auth

HOST: Final = "127.0.0.1"
PASSWORD: Final = "password-of-the-demo"  # noqa: S105 - of a game and a gateway that live for a minute

GAME_CLIENT: Final = "https://game.example/play?lang={language}&currency={currency}"
"""Where the game's client is launched: nobody opens it."""

OPENED_WITH: Final = parse("90071992547409.93 XAG")
"""What each player begins with: 2^53 + 1 hundredths. No binary float holds that, so a float anywhere would show."""

FORGETFUL_EVERY: Final = 2
"""Every second operator forgets the rollback of a withdraw that it never saw, and books that withdraw if it comes
later: the gateway must then roll it back again."""


class DemoOperator:
    """One operator, with its server, its ledger, and the credentials of the game."""

    def __init__(self, name: str, simulated: type[Simulated], folder: Path, *, forgetful: bool) -> None:
        self.name = name
        self.ledger_file = folder / f"{name}.ledger"
        self.ledger = Ledger(FileStore(self.ledger_file))
        self.authorization = basic_auth(f"game-{name}", PASSWORD)
        self.payment_secret = f"secret of {name}'s payment system"
        self._simulated = simulated
        self._server = SandboxServer(simulated(self.ledger, Unknown.FORGET if forgetful else None))
        self._server.operator.game_ids = self._game_ids = self._ids_of_game()
        self._port = 0

    def _ids_of_game(self) -> GameIds:
        simulated = self._server.operator.simulated
        settings = simulated.adapter_settings(f"http://{HOST}{simulated.base_path}")
        return GameIds(self.name, self.name, settings, simulated.understand, CURRENCY)

    def enrol(self, players: int) -> None:
        """Opens an account and a session for each of so many players."""
        for player in range(1, players + 1):
            self.ledger.enrol(player_id(player), token(player), OPENED_WITH)

    def plan_faults(self, purchases: Iterable[Purchase]) -> None:
        """Sets the faults that are planned for these purchases, whose ids the ledger will have."""
        own = [purchase for purchase in purchases if purchase.operator == self.name]
        for purchase in own:
            self._game_ids.learn(purchase.direction, purchase.id)
        self._server.operator.switch(rule for purchase in own for rule in purchase.faults())

    async def open(self) -> None:
        """Accepts connections from now on, at the same address every time."""
        # The gateway's configuration names this port, so it stays the same after an outage.
        await self._server.start(HOST, self._port)
        self._port = int(self._server.url.rpartition(":")[2])

    async def stop_listening(self) -> None:
        """Cuts all connections, and refuses new ones until `open` is called again."""
        await self._server.close()

    async def close(self) -> None:
        """Stops listening, and closes the ledger's file."""
        await self.stop_listening()
        self.ledger.close()

    @property
    def has_deposits(self) -> bool:
        """Whether its contract has deposits. Raises `AdapterUnavailable`."""
        return registry.adapter(self.name).deposit is not Adapter.deposit

    def configuration(self, shop_url: str, shop_secret: str) -> dict[str, Any]:
        """Its part of the gateway's configuration; the game takes payments at `shop_url`, signed with its secret."""
        return {
            "adapter": self.name,
            "settings": self._simulated.adapter_settings(self._server.base_url),
            "credentials": [{"username": f"game-{self.name}", "password": PASSWORD}],
            "inbound": {"credentials": [{"username": f"operator-{self.name}", "password": PASSWORD}]},
            "launch": {"url": GAME_CLIENT, "verify": True},
            "payment": {
                "settings": {"secrets": [self.payment_secret]},
                "currency": CURRENCY,
                "game": {"url": shop_url, "secret": shop_secret},
            },
            "timeout": "1s",
            "breaker": {"failures": 10, "open_for": "500ms"},
        }


def demo_operators(protocols: Sequence[str], folder: Path) -> dict[str, DemoOperator]:
    """One operator for each of these protocols, by name, with its ledger in this folder."""
    found = simulated_operators()
    return {
        name: DemoOperator(name, found[name].load(), folder, forgetful=number % FORGETFUL_EVERY == 0)
        for number, name in enumerate(protocols)
    }


def player_id(player: int) -> str:
    """The operator's name for a player."""
    return f"player-{player}"


def token(player: int) -> str:
    """The token of a player's session."""
    return f"token-of-{player_id(player)}"
