"""The operators of a simulation: each shipped adapter's simulated side on a ledger, with faults that come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Context, Decimal
from functools import cache
from typing import Any, Final

import msgspec

from gateway.money import canonical
from gateway.operators import HttpResponse, Kind
from gateway.sandbox.faults import EXTRA_DIGITS, Fault, FaultRule, FaultyOperator, Reply
from gateway.sandbox.game_ids import GameIds
from gateway.sandbox.ledger import Account, Event, Ledger, Seen
from gateway.sandbox.simulated import Act, Manner, Misunderstood, Order, Request, Unknown, simulated_operators
from gateway.sandbox.stores import MemoryStore
from tests.simulation.dice import Dice
from tests.simulation.games import CURRENCY
from tests.simulation.network import Weather
from tests.simulation.plan import WINDOW_S
from tests.simulation.processes import Process

EXACT: Final = Context(prec=200)

UNITS: Final = (-3, 0, 2, 3, 5)
"""Protocols count in whole units of a currency, in thousands, or in ones that have these places after the point."""

MONEY: Final = (Act.HOLD, Act.CONFIRM, Act.ROLLBACK)


class Sent(msgspec.Struct, frozen=True):
    """A request that a gateway wrote to an operator, as it left: `durable` is the state of the transfer that the
    journal would have shown if the power had gone at that moment, None for no transfer; `player` is whom it names
    beside the session, empty for nobody."""

    number: int
    at: float
    operator: str
    process: str
    act: str
    direction: str
    id: str
    path: str
    token: str
    player: str
    durable: str | None


class Handled(msgspec.Struct):
    """A request as an operator handled it: `number` is that of the request that was sent, `hold` what the ledger has
    of the transfer afterwards, `balance` the player's. `said` is the operator's own word: yes, or why not, empty where
    a fault kept it from saying any. `heard_at` is when the whole answer reached a gateway that waited for it."""

    number: int
    at: float
    operator: str
    act: str
    direction: str
    id: str
    hold: str | None
    balance: str | None
    fault: str
    token: str
    said: str
    heard_at: float | None = None


class _Store(MemoryStore):
    """Remembers the fault that struck last."""

    fault = ""

    def append(self, event: Event) -> None:
        if isinstance(event, Seen):
            self.fault = event.fault
        super().append(event)


YES: Final = "yes"


@cache
def _protocol(name: str) -> Any:
    """The protocol's simulated side, which also keeps in `said` what it answered to `about`."""
    found: Any = simulated_operators()[name].load()

    class Noting(found):  # type: ignore[misc]  # whichever it is
        about: Order | None = None
        said = ""
        game_ids: GameIds | None = None

        def understand(self, request: Request) -> Order:
            order: Order = super().understand(request)
            return order if self.game_ids is None else msgspec.structs.replace(order, id=self.game_ids.id_of(order))

        def yes(self, order: Order, account: Account) -> HttpResponse:
            self._note(order, YES)
            answer: HttpResponse = super().yes(order, account)
            return answer

        def no(self, order: Order, kind: Kind) -> HttpResponse:
            self._note(order, str(kind))
            answer: HttpResponse = super().no(order, kind)
            return answer

        def _note(self, order: Order, said: str) -> None:
            # The operator's copy holds the request that it was read from.
            if msgspec.structs.replace(order, request=None) == self.about:
                self.said = said

    return Noting


class _Draws:
    """Chances of faults. Two copies of one request that are to have the same fate get the same ones."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._of: dict[int, list[float]] = {}
        self._drawn: list[float] = []
        self._again: list[float] = []

    def begin(self, number: int, *, same: bool) -> None:
        """What is drawn from now on is about this request; the `same` as last time, if it was seen before."""
        self._again = list(self._of.get(number, ())) if same else []
        self._drawn = self._of[number] = []

    def __call__(self) -> float:
        chance = self._again.pop(0) if self._again else self._dice.chance()
        self._drawn.append(chance)
        return chance


class SimulatedOperator:
    """One operator: what reaches it, what it does, what it answers. `sent` and `handled` are its wire log."""

    def __init__(
        self,
        name: str,
        protocol: str,
        unknown: Unknown,
        manner: Manner,
        dice: Dice,
        time: Callable[[], float],
        durable: Callable[[str, str, str], str | None],
    ) -> None:
        self.name = name
        self.protocol = protocol
        self.weather = Weather()
        self._store = _Store()
        self.ledger = Ledger(self._store)
        self.simulated = _protocol(protocol)(self.ledger, unknown, manner)
        self.game_ids = GameIds(name, protocol, self.adapter_settings("10.0.0.0"), self.simulated.understand, CURRENCY)
        self.simulated.game_ids = self.game_ids
        self._draws = _Draws(dice)
        self.faulty = FaultyOperator(self.simulated, time, self._draws, late_within_s=WINDOW_S)
        self.sent: list[Sent] = []
        self.handled: list[Handled] = []
        self._orders: list[Order] = []
        self.faults: dict[str, int] = {}
        self.balances: set[tuple[str, str]] = set()
        """Every balance that a player had, or was told, when it answered, after the player's id."""
        self.over_at: dict[str, float] = {}
        """When sessions ended, by their tokens."""
        self._time = time
        self._durable = durable

    @property
    def forgetful(self) -> bool:
        return bool(self.simulated.unknown is Unknown.FORGET)

    @property
    def manner(self) -> Manner:
        manner: Manner = self.simulated.manner
        return manner

    def adapter_settings(self, address: str) -> dict[str, Any]:
        settings: dict[str, Any] = self.simulated.own_settings(f"http://{address}{self.simulated.base_path}")
        return settings

    def suffer(self, faults: dict[Fault, float], troubles: Iterable[FaultRule] = ()) -> None:
        """From now on these troubles happen, and of what they leave these faults with these chances."""
        rules = [FaultRule(fault=fault, chance=chance, delay_s=1.0) for fault, chance in faults.items() if chance > 0]
        self.faulty.switch([*troubles, *rules])

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
                token=order.token,
                player=order.player,
                durable=self._durable(self.name, order.direction, order.id) if order.act in MONEY else None,
            )
        )
        return number

    def handle(self, request: Request, number: int) -> tuple[Reply, int]:
        order = self._orders[number]
        self._draws.begin(number, same=self.weather.twins_together)
        self.simulated.about, self.simulated.said = order, ""
        reply = self.faulty.handle(request)
        fault = self._store.fault
        self._note_balances(order, fault)
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
                balance=self._balance(order),
                fault=fault,
                token=order.token,
                said=self.simulated.said,
            )
        )
        return reply, len(self.handled) - 1

    def player_of(self, token: str) -> str:
        """Whose session this is or was, empty for nobody's."""
        # An operator that answers as if to another session (`as_another`) gives a name that is nobody's: by all that a
        # gateway can know, it is that of the session it asked about.
        account = self.ledger.owner(token) or self.ledger.owner(token.removesuffix("-"))
        return "" if account is None else account.player_id

    def end_session(self, token: str) -> None:
        self.ledger.end_session(token)
        self.over_at.setdefault(token, self._time())

    def heard(self, handled: int) -> None:
        self.handled[handled].heard_at = self._time()

    def _understood(self, request: Request) -> Order:
        """Every request of a gateway must be one."""
        try:
            order: Order = self.simulated.understand(request)
        except Misunderstood as error:
            raise AssertionError(f"{self.name} does not understand {request}") from error
        return order

    def _balance(self, order: Order) -> str | None:
        account = self.ledger.owner(order.token)
        return None if account is None else _written(account.balance)

    def _note_balances(self, order: Order, fault: str) -> None:
        """Of whoever's session it was, and of whoever's transfer."""
        hold = self.ledger.holds.get(order.reference)
        of_hold = None if hold is None else self.ledger.accounts.get(hold.player_id)
        for account in (self.ledger.owner(order.token), of_hold):
            if account is not None:
                self.balances.add((account.player_id, _written(account.balance)))
                if fault == Fault.MANY_DIGITS:
                    self.balances |= {(account.player_id, spoilt) for spoilt in _with_extra_digits(account.balance)}


def _with_extra_digits(balance: Decimal) -> Iterator[str]:
    """The balance as the fault has it told, in each unit that a protocol may count in."""
    for places in UNITS:
        yield f"{EXACT.add(balance, EXTRA_DIGITS.scaleb(-places)):f}"


def _written(balance: Decimal) -> str:
    return f"{canonical(balance):f}"
