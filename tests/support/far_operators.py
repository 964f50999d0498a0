"""Simulated operators of every protocol and temper, on real sockets, with books that are files: for whole games."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from adapters.hub88.simulated import SimulatedHub88
from adapters.quantum.simulated import SimulatedQuantum
from gateway.money import Money, money
from gateway.records import Direction
from gateway.sandbox.faults import Fault, FaultRule
from gateway.sandbox.ledger import Ledger, Seen
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import Simulated, Unknown
from gateway.sandbox.stores import FileStore, MemoryStore
from gateway.wire.calls import WalletCall

HOLDS: Final = (WalletCall.WITHDRAW, WalletCall.DEPOSIT)
ENDS: Final = (
    WalletCall.CONFIRM_WITHDRAWAL,
    WalletCall.ROLLBACK_WITHDRAWAL,
    WalletCall.CONFIRM_DEPOSIT,
    WalletCall.ROLLBACK_DEPOSIT,
)
MISFORTUNES: Final = (
    FaultRule(fault=Fault.DECLINE, calls=HOLDS, chance=0.06),
    FaultRule(fault=Fault.ERROR_BEFORE, calls=HOLDS, chance=0.03),
    FaultRule(fault=Fault.ERROR_AFTER, calls=HOLDS, chance=0.04),
    FaultRule(fault=Fault.CUT_AFTER, calls=HOLDS, chance=0.04),
    FaultRule(fault=Fault.HALF, calls=HOLDS, chance=0.03),
    FaultRule(fault=Fault.GARBAGE, calls=HOLDS, chance=0.03),
    FaultRule(fault=Fault.WRONG_ID, calls=HOLDS, chance=0.02),
    FaultRule(fault=Fault.HANG_AFTER, calls=HOLDS, chance=0.02),
    FaultRule(fault=Fault.LATE, calls=HOLDS, chance=0.03),
    FaultRule(fault=Fault.ERROR_BEFORE, calls=ENDS, chance=0.05),
    FaultRule(fault=Fault.ERROR_AFTER, calls=ENDS, chance=0.05),
    FaultRule(fault=Fault.CUT_BEFORE, calls=ENDS, chance=0.04),
    FaultRule(fault=Fault.CUT_AFTER, calls=ENDS, chance=0.04),
    FaultRule(fault=Fault.WRONG_TYPE, calls=ENDS, chance=0.03),
    FaultRule(fault=Fault.OTHER_ERROR, calls=ENDS, chance=0.03),
    FaultRule(fault=Fault.DUPLICATE, chance=0.05),
    FaultRule(fault=Fault.DELAY, chance=0.03, delay_s=0.1),
)
"""About a third of the holds fail, and a fifth of the ends."""

OPENED_WITH: Final = 1_000_000
PASSWORD: Final = "of-the-game"


class Kind(NamedTuple):
    """What sort of operator it is: how it speaks, what it says of rollbacks that it has no hold for, its currency,
    and what the gateway's configuration says of it besides."""

    simulated: type[Simulated]
    unknown: Unknown | None
    currency: str
    settings: dict[str, Any]


KINDS: Final[dict[str, Kind]] = {
    "acme": Kind(SimulatedQuantum, None, "XAG", {"adapter": "quantum"}),
    "oblivion": Kind(SimulatedQuantum, Unknown.FORGET, "XAG", {"adapter": "quantum"}),
    "hub": Kind(SimulatedHub88, None, "EUR", {"adapter": "hub88"}),
}


class FarOperator:
    """One operator: its server, its books, and the players that have sessions there."""

    def __init__(self, name: str, kind: Kind, store: FileStore | MemoryStore, players: int) -> None:
        self.name = name
        self.currency = kind.currency
        self.store = store
        self.ledger = Ledger(store)
        self.server = SandboxServer(kind.simulated(self.ledger, kind.unknown))
        self.tokens: list[str] = []
        self._kind = kind
        for _ in range(players):
            self.welcome()

    def welcome(self) -> str:
        """The session of a new player."""
        number = len(self.tokens)
        token = f"session-{number}-at-{self.name}"
        self.ledger.enrol(f"player-{number}", token, money(str(OPENED_WITH), self.currency))
        self.tokens.append(token)
        return token

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Its part of the gateway's configuration."""
        adapter = self._kind.simulated.adapter_settings(self.server.base_url)
        credentials = [{"username": self.name, "password": PASSWORD}]
        return {**self._kind.settings, "settings": adapter, "credentials": credentials, **changes}

    def switch(self, *rules: FaultRule) -> None:
        self.server.operator.switch(rules)

    def amount(self, chance: random.Random) -> Money:
        return Money(Decimal(chance.randint(1, 10_000)).scaleb(-2), self.currency)

    def book_outside(self, id: str, token: str, amount: Money) -> None:
        """A withdraw that the operator took before there was a gateway."""
        account = self.ledger.session(token)
        self.ledger.hold(account, Direction.WITHDRAW, f"{Direction.WITHDRAW}:{id}", id, amount)

    def seen(self, call: WalletCall, id: str) -> bool:
        return any((seen.call, seen.id) == (call, id) for seen in self.ledger.wire())

    def wire(self) -> Iterator[Seen]:
        return self.ledger.wire()

    def balances(self) -> set[Decimal]:
        """Every balance that any player has ever had here."""
        replayed = Ledger(MemoryStore())
        found: set[Decimal] = set()
        for event in self.store.events():
            if not isinstance(event, Seen):
                replayed._apply(event)
                found.update(account.balance for account in replayed.accounts.values())
        return found


class FarOperators(dict[str, FarOperator]):
    """One of each of these kinds, their books in `folder`; the servers run while this is entered."""

    def __init__(self, folder: Path, chance: random.Random, kinds: dict[str, Kind] = KINDS, players: int = 4) -> None:
        self._held = ExitStack()
        for name, kind in kinds.items():
            store = FileStore(folder / f"{name}.ledger")
            self._held.callback(store.close)
            self[name] = FarOperator(name, kind, store, players)
            self[name].server.operator._chance = chance.random

    def misbehave(self) -> None:
        for operator in self.values():
            operator.switch(*MISFORTUNES)

    def behave(self) -> None:
        for operator in self.values():
            operator.switch()

    async def __aenter__(self) -> Self:
        for operator in self.values():
            await operator.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for operator in self.values():
            await operator.server.close()
        self._held.close()
