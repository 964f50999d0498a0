"""The operators of a simulation: each shipped adapter's simulated side on a ledger, with faults that come and go."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import msgspec

from gateway.money import canonical
from gateway.testing.faults import Fault, FaultRule, FaultyOperator, Reply
from gateway.testing.ledger import Event, Ledger, Seen
from gateway.testing.simulated import Act, Misunderstood, Order, Request, Simulated, Unknown, simulated_operators
from gateway.testing.stores import MemoryStore
from tests.simulation.dice import Dice
from tests.simulation.network import Weather
from tests.simulation.processes import Process

MONEY: Final = (Act.HOLD, Act.CONFIRM, Act.ROLLBACK)


class Sent(msgspec.Struct, frozen=True):
    """A request that a gateway wrote to an operator, as it left: `durable` is the state of the transfer that the
    journal would have shown if the power had gone at that moment, None for no transfer."""

    number: int
    at: float
    operator: str
    process: str
    act: str
    direction: str
    id: str
    path: str
    durable: str | None


class Handled(msgspec.Struct, frozen=True):
    """A request as an operator handled it: `number` is that of the request that was sent, `hold` what the ledger has
    of the transfer afterwards, `balance` the player's, `ok` whether the operator's own answer was a yes."""

    number: int
    at: float
    operator: str
    act: str
    direction: str
    id: str
    hold: str | None
    balance: str | None
    fault: str


class _Store(MemoryStore):
    """Remembers the fault that struck last."""

    fault = ""

    def append(self, event: Event) -> None:
        if isinstance(event, Seen):
            self.fault = event.fault
        super().append(event)


@cache
def _protocol(name: str) -> type[Simulated]:
    found: type[Simulated] = simulated_operators()[name].load()
    return found


class SimulatedOperator:
    """One operator: what reaches it, what it does, what it answers. `sent` and `handled` are its wire log."""

    def __init__(
        self,
        name: str,
        protocol: str,
        unknown: Unknown,
        dice: Dice,
        time: Callable[[], float],
        durable: Callable[[str, str, str], str | None],
    ) -> None:
        self.name = name
        self.protocol = protocol
        self.weather = Weather()
        self._store = _Store()
        self.ledger = Ledger(self._store)
        self.simulated = _protocol(protocol)(self.ledger, unknown)
        self.faulty = FaultyOperator(self.simulated, time, dice.chance)
        self.sent: list[Sent] = []
        self.handled: list[Handled] = []
        self._orders: list[Order] = []
        self.faults: dict[str, int] = {}
        self.balances: set[tuple[str, str]] = set()
        """Every balance that a player had when it answered, with the player's token."""
        self._time = time
        self._durable = durable

    @property
    def forgetful(self) -> bool:
        return self.simulated.unknown is Unknown.FORGET

    def adapter_settings(self, address: str) -> dict[str, Any]:
        return self.simulated.adapter_settings(f"http://{address}{self.simulated.base_path}")

    def suffer(self, faults: dict[Fault, float]) -> None:
        """From now on these faults happen with these chances."""
        self.faulty.switch(
            FaultRule(fault=fault, chance=chance, delay_s=1.0) for fault, chance in faults.items() if chance > 0
        )

    def written(self, request: Request, process: Process | None) -> int:
        order = self._understood(request)
        number = len(self.sent)
        self._orders.append(order)
        self.sent.append(
            Sent(
                number=number,
                at=self._time(),
                operator=self.name,
                process="" if process is None else process.name,
                act=order.act,
                direction=order.direction,
                id=order.id,
                path=request.path,
                durable=self._durable(self.name, order.direction, order.id) if order.act in MONEY else None,
            )
        )
        return number

    def handle(self, request: Request, number: int) -> Reply:
        order = self._orders[number]
        reply = self.faulty.handle(request)
        balance = self._balance(order)
        self.balances.add((order.token, balance or ""))
        fault = self._store.fault
        self.faults[fault] = self.faults.get(fault, 0) + 1
        hold = self.ledger.holds.get(order.reference)
        self.handled.append(
            Handled(
                number=number,
                at=self._time(),
                operator=self.name,
                act=order.act,
                direction=order.direction,
                id=order.id,
                hold=None if hold is None else str(hold.state),
                balance=balance,
                fault=fault,
            )
        )
        return reply

    def _understood(self, request: Request) -> Order:
        """Every request of a gateway must be one."""
        try:
            return self.simulated.understand(request)
        except Misunderstood as error:
            raise AssertionError(f"{self.name} does not understand {request}") from error

    def _balance(self, order: Order) -> str | None:
        account = next((one for one in self.ledger.accounts.values() if one.token == order.token), None)
        return None if account is None else f"{canonical(account.balance):f}"
