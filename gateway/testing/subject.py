"""The adapter under test with its simulated operator, and what its contract can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from gateway.money import Money, money
from gateway.operators.adapter import Adapter
from gateway.records import WALLET_DIRECTIONS, Decision, Direction
from gateway.sandbox.simulated import Act, Simulated
from gateway.wire.calls import END_CALL, HOLD_CALL, WalletCall


class Move(NamedTuple):
    """One of the calls that move money."""

    direction: Direction
    act: Act
    call: WalletCall

    @property
    def is_hold(self) -> bool:
        return self.act is Act.HOLD

    @property
    def is_confirm(self) -> bool:
        return self.act is Act.CONFIRM

    @property
    def is_rollback(self) -> bool:
        return self.act is Act.ROLLBACK


HOLDS: Final = {direction: Move(direction, Act.HOLD, HOLD_CALL[direction]) for direction in WALLET_DIRECTIONS}
CONFIRMS: Final = {
    direction: Move(direction, Act.CONFIRM, END_CALL[direction, Decision.CONFIRM]) for direction in WALLET_DIRECTIONS
}
ROLLBACKS: Final = {
    direction: Move(direction, Act.ROLLBACK, END_CALL[direction, Decision.ROLLBACK]) for direction in WALLET_DIRECTIONS
}


A_BASE_URL: Final = "http://127.0.0.1/"
"""Where nothing is sent to."""


def has_deposits(adapter: type[Adapter]) -> bool:
    """Whether the adapter's contract has deposits."""
    return adapter.deposit is not Adapter.deposit


class Subject(NamedTuple):
    """What is tested. `settings` replaces some of the adapter's settings."""

    adapter: type[Adapter]
    simulated: type[Simulated]
    settings: Mapping[str, Any] = {}

    @property
    def has_deposits(self) -> bool:
        return has_deposits(self.adapter)

    @property
    def directions(self) -> tuple[Direction, ...]:
        return WALLET_DIRECTIONS if self.has_deposits else (Direction.WITHDRAW,)

    @property
    def ends(self) -> list[Move]:
        return [ends[direction] for ends in (CONFIRMS, ROLLBACKS) for direction in self.directions]

    @property
    def moves(self) -> list[Move]:
        """Every call that moves money."""
        return [*(HOLDS[direction] for direction in self.directions), *self.ends]

    @property
    def currency(self) -> str:
        return self.simulated.currencies[0]

    @property
    def tokens_hold_players(self) -> bool:
        """Whether a session's token holds its player's name, in the form that the setting `session_token` says."""
        return "{player}" in str(self.simulated.adapter_settings(A_BASE_URL).get("session_token"))

    @property
    def amount(self) -> Money:
        """What is moved where the amount does not matter."""
        return money("2.5", self.currency)

    @property
    def variants(self) -> list[Subject]:
        """The same adapter under each of its settings: the default ones, and the others."""
        return [self, *(self._replace(settings=settings) for settings in self.simulated.other_settings())]
