"""One seed, played: gateways between games and operators, a time of faults, then a calm in which all must end."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import json
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.clock import Clock
from gateway.money import money
from gateway.operators.registry import adapter, validate
from gateway.records import Direction, Key, Session, State, Transfer
from gateway.sandbox.faults import FaultRule
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics
from gateway.toolbox.http import basic_auth
from gateway.wire.calls import WalletCall
from tests.simulation import protocols
from tests.simulation.database import Database, Mishaps, SimulatedJournal
from tests.simulation.dice import Dice
from tests.simulation.disk import Disk
from tests.simulation.door import GameWire, request_of
from tests.simulation.games import CURRENCY, Asked, Game, Told
from tests.simulation.gateways import OPERATORS, Gateway, settings_of
from tests.simulation.network import Network, Weather
from tests.simulation.operators import SimulatedOperator
from tests.simulation.payments import GAMES_PATH, GAMES_SECRET, SECRET, Answered, OperatorsSide, Shop
from tests.simulation.plan import OperatorPlan, Plan
from tests.simulation.processes import Process, SimulatedLoop
from tests.simulation.protocols import opening_balances
from tests.support.memory_http import MemoryHttp

PATIENCE_S: Final = 15.0
"""How long a game waits for an answer."""
STOPPING_S: Final = 20.0
"""How long a gateway may take to stop."""
OK: Final = 200
PASSWORD: Final = "password-of-the-game"
CATEGORIES: Final = [{"name": "changed_mind", "match": "changed their mind"}]
_PATHS: Final = {"payment": "pay/quantum"}
UNFINISHED: Final = "state IN ('sending', 'confirming', 'rolling_back')"


class World:
    """Everything of one seed. What happened is in `story`, line by line, and in the logs of those who took part."""

    def __init__(self, plan: Plan, loop: SimulatedLoop) -> None:
        self.plan = plan
        self.loop = loop
        self.story: list[str] = []
        self.told: list[Told] = []
        self.asked: list[Asked] = []
        self.held_outside: set[tuple[str, str, str]] = set()
        self.mishaps: dict[str, int] = {}
        self.faulty = True
        self.over = False
        """Whether nobody asks anything any more."""
        self.problems: list[str] = []
        self.network = Network(Dice(plan.seed, "network"))
        loop.network = self.network
        self.disk = Disk("simulated", Dice(plan.seed, "disk"))
        self.database = Database(self.disk, loop.time)
        self.outside = contextvars.Context()
        self.operators = {one.name: self._operator(number) for number, one in enumerate(plan.operators)}
        self.shops = {one.name: self._shop(number) for number, one in enumerate(plan.operators)}
        self.operators_sides = {
            name: OperatorsSide(name, self, Dice(plan.seed, f"callbacks of {name}"), loop.time)
            for name in self.operators
        }
        self.answered: list[Answered] = []
        """What operators were answered at their own listener."""
        self.gateways: list[Gateway] = []
        self.retired: list[Gateway] = []
        self.slept_on: dict[Key, tuple[Process, float]] = {}
        """Holds with which a gateway stood still whose clock was right, and since when."""
        self.last: list[Gateway] = []
        """Those that served until the end."""
        self.weather = plan.game_weather
        self.journal_mishaps = plan.mishaps
        self.games = [self._game(number) for number in range(plan.games)]
        self._dice = Dice(plan.seed, "world")
        self.journals: list[SimulatedJournal] = []
        self._wires: dict[str, list[GameWire]] = {}
        self._names = itertools.count()
        self._settings = self._configuration(0)

    # Who takes part.

    def _operator(self, number: int) -> SimulatedOperator:
        one = self.plan.operators[number]
        dice = Dice(self.plan.seed, one.name)
        operator = SimulatedOperator(
            one.name, one.protocol, one.unknown, one.manner, dice, self.loop.time, self.database.durable_state
        )
        operator.weather = one.weather
        operator.suffer(one.faults, [*hiding(one), *refusing(one)])
        self.network.hosts[_address(number)] = operator
        return operator

    def _shop(self, number: int) -> Shop:
        one = self.plan.operators[number]
        dice = Dice(self.plan.seed, f"shop of {one.name}")
        shop = Shop(one.name, dice, self.loop.time, self.database.durable_state)
        shop.weather, shop.fails = one.weather, dice.one_of((0.0, 0.2, 0.6))
        self.network.hosts[_games_address(number)] = shop
        return shop

    def _game(self, number: int) -> Game:
        operator = self.plan.operators[number % len(self.plan.operators)].name
        dice = Dice(self.plan.seed, f"game-{number}")
        numbers = itertools.count(1000 * number)
        game = Game(f"game-{number}", operator, self, dice, lambda: next(numbers), self.loop.time)
        balance = dice.one_of(opening_balances(self.operators[operator].protocol))
        ledger = self.operators[operator].ledger
        ledger.enrol(game.player, game.token, money(balance, CURRENCY))
        ledger.enrol(f"{game.player}-rival", game.rivals_token, money("5000", CURRENCY))
        return game

    def begin_gateway(self) -> None:
        """Starts one more gateway."""
        name = f"gateway-{next(self._names)}"
        self.tell("starts", name)
        gateway = Gateway(name, self.loop, self._settings, self._open_journal, self._died)
        self.gateways.append(gateway)
        gateway.work.add_done_callback(lambda work: self._begun(gateway, work), context=self.outside)

    def _begun(self, gateway: Gateway, work: asyncio.Task[None]) -> None:
        """One that cannot start ends by itself, and is started again."""
        if not work.cancelled() and work.exception() is not None:
            self.tell("cannot start", gateway.name, type(work.exception()).__name__)
            gateway.process.kill()

    def _open_journal(self, name: str, metrics: Metrics, clock: Clock) -> SimulatedJournal:
        server = None if self.plan.alone else self.outside
        dice = Dice(self.plan.seed, f"journal of {name}")
        journal = SimulatedJournal(name, self.database, self.journal_mishaps, dice, metrics, server)
        journal.clock = clock
        self.journals.append(journal)
        return journal

    def _configuration(self, version: int) -> Settings:
        operators = {}
        for number, one in enumerate(self.plan.operators):
            settings = self.operators[one.name].adapter_settings(_address(number))
            operators[one.name] = {
                "adapter": one.protocol,
                "settings": settings,
                "credentials": [{"username": one.name, "password": PASSWORD}],
                "delivery": self.plan.delivery,
                "inbound": {"credentials": [{"username": one.name, "password": PASSWORD}]},
                "payment": _payment(number, one),
                **one.settings,
                **({"max_answer": 200_000 + version} if version else {}),
            }
        return settings_of(operators, {"request_timeout": 8.0, "stop_timeout": 6.0}, CATEGORIES)

    # What happens to them.

    def reload(self, gateway: Gateway) -> None:
        """Every operator is replaced while calls are in flight."""
        self._settings = self._configuration(next(self._names))
        self.tell("reloads", gateway.name)
        gateway.reload(self._settings)

    async def restart(self, gateway: Gateway) -> None:
        """Stops it as a deployment would, and begins another."""
        self.tell("stops", gateway.name)
        if not self.plan.alone:
            self.begin_gateway()
        stopped = gateway.stop()
        await asyncio.wait([stopped], timeout=STOPPING_S)
        if not gateway.process.alive:  # killed on the way, and begun again since
            return
        self.retire(gateway)
        if not gateway.stopped:
            self.count("process killed")  # as whoever has told a program to stop does in the end
        gateway.process.end()
        if self.plan.alone:
            self.begin_gateway()

    def retire(self, gateway: Gateway) -> None:
        """It is no more."""
        if gateway in self.gateways:
            self.gateways.remove(gateway)
            self.retired.append(gateway)

    def _died(self, process: Process) -> None:
        """A kill: all that it had open is cut, and somebody starts it again."""
        gateway = next(one for one in self.gateways if one.process is process)
        gateway.fares_ill()
        self.tell("dies", gateway.name)
        self.retire(gateway)
        for wire in self._wires.pop(gateway.name, []):
            wire.cut()
        if self.plan.alone:
            power = self.faulty and self._dice.happens(self.plan.power_cuts)
            self.count("power cut" if power else "process killed")
            self.disk.full = self.disk.failing = False
            self.database.crash(power=power)
        else:
            self.count("process killed")
        self.network.outside(self._dice.between(0.05, 3), self.begin_gateway)

    # Between a game and the gateways.

    async def call(self, asked: Asked, body: bytes) -> Told | None:
        self.asked.append(asked)
        if asked.id:
            self.operators[asked.operator].game_ids.learn(asked.direction, asked.id)
        heard: asyncio.Future[Told | None] = self.loop.create_future()
        copies = 2 if self.network.strikes(self.weather.twice, "game's request sent twice") else 1
        for copy in range(copies):
            if self.network.strikes(self.weather.lost, "game's request lost"):
                continue
            one = asked if copy == 0 else _copied(asked, copy)
            self.network.outside(self.network.takes_s(self.weather), self._deliver, one, body, heard)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(heard)
        except TimeoutError:
            return None

    def _deliver(self, asked: Asked, body: bytes, heard: asyncio.Future[Told | None]) -> None:
        ready = [one for one in self.gateways if one.accepts]
        if not ready:
            self._hear(None, heard)
            return
        gateway = self._dice.one_of(ready)
        request = request_of(f"/wallet/{asked.call}", basic_auth(asked.operator, PASSWORD), body)
        reached_at = self.loop.time()
        wire = GameWire(lambda answer: self._answered(gateway, asked, reached_at, answer, heard))
        self._wires.setdefault(gateway.name, []).append(wire)
        self.loop.call_soon(self._connect, gateway, wire, request, context=gateway.process.context.copy())

    def _connect(self, gateway: Gateway, wire: GameWire, request: bytes, listener: int = 0) -> None:
        """Runs in the gateway."""
        if not gateway.accepts:
            wire.cut()
            return
        wire.protocol = gateway.connect(wire, listener)
        wire.protocol.data_received(request)

    def _answered(
        self,
        gateway: Gateway,
        asked: Asked,
        reached_at: float,
        answer: tuple[int, bytes] | None,
        heard: asyncio.Future[Told | None],
    ) -> None:
        told = None if answer is None else _told(asked, reached_at, self.loop.time(), gateway.name, *answer)
        if told is not None:
            self.told.append(told)
            self.tell("answers", gateway.name, asked.call, asked.id, told.status, told.code, told.balance)
        if not self.network.strikes(self.weather.lost, "answer to the game lost"):
            self.network.outside(self.network.takes_s(self.weather), self._hear, told, heard)

    def _hear(self, told: Told | None, heard: asyncio.Future[Told | None]) -> None:
        if not heard.done():
            if told is not None:
                told.heard = True
            heard.set_result(told)

    # Between an operator and the gateways.

    async def call_as_operator(self, call: str, operator: str, direction: str, id: str, body: bytes) -> Answered | None:
        heard: asyncio.Future[Answered | None] = self.loop.create_future()
        if not self.network.strikes(self.weather.lost, "operator's request lost"):
            path = f"/operators/{operator}/{_PATHS.get(call, f'payment/{call}')}"
            request = request_of(path, basic_auth(operator, PASSWORD), body)
            asked = Answered(call, operator, direction, id, 0.0, 0.0, 0, {}, None)
            self.network.outside(self.network.takes_s(self.weather), self._deliver_operators, asked, request, heard)
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(heard)
        except TimeoutError:
            return None

    def _deliver_operators(self, asked: Answered, request: bytes, heard: asyncio.Future[Answered | None]) -> None:
        ready = [one for one in self.gateways if one.accepts]
        if not ready:
            return
        gateway = self._dice.one_of(ready)
        asked = msgspec.structs.replace(asked, reached_at=self.loop.time())
        wire = GameWire(lambda answer: self._answered_operator(asked, answer, heard))
        self._wires.setdefault(gateway.name, []).append(wire)
        self.loop.call_soon(self._connect, gateway, wire, request, OPERATORS, context=gateway.process.context.copy())

    def _answered_operator(
        self, asked: Answered, answer: tuple[int, bytes] | None, heard: asyncio.Future[Answered | None]
    ) -> None:
        if answer is None:
            return
        status, body = answer
        # What a power failure would leave costs a copy of the disk: only what must be durable is looked at.
        paid = asked.call == "payment" and status == OK
        durable = self.database.durable_state(asked.operator, asked.direction, asked.id) if paid else None
        content = json.loads(body, parse_float=Decimal, parse_int=Decimal)
        told = msgspec.structs.replace(asked, at=self.loop.time(), status=status, content=content, durable=durable)
        self.answered.append(told)
        self.tell("answers", asked.operator, asked.call, asked.id, status, content.get("state", ""))
        if not self.network.strikes(self.weather.lost, "answer to the operator lost"):
            self.network.outside(self.network.takes_s(self.weather), _hear_once, told, heard)

    def has_one_session(self, operator: str) -> bool:
        return protocols.has_one_session(self.operators[operator].protocol)

    def open_session(self, operator: str, player: str, token: str) -> None:
        self.tell("session begins", operator, token)
        self.operators[operator].ledger.open_session(player, token)

    def end_session(self, operator: str, token: str) -> None:
        self.count("session ends")
        self.tell("session ends", operator, token)
        self.operators[operator].end_session(token)

    async def hold_outside(self, operator: str, direction: str, id: str, amount: str, token: str) -> None:
        """By the operator's own protocol, as if another gateway had sent it."""
        one = self.operators[operator]
        self.held_outside.add((operator, direction, id))
        one.game_ids.learn(direction, id)
        plugin = adapter(one.protocol)
        settings = validate(one.protocol, one.adapter_settings("10.0.0.0"))
        transfer = Transfer(
            operator=operator,
            direction=Direction(direction),
            id=id,
            state=State.SENDING,
            amount=money(amount, CURRENCY),
            session=Session(operator=operator, token=token, player_id=one.player_of(token)),
            opened_at=0.0,
            changed_at=0.0,
        )
        rules = one.faulty.rules
        one.faulty.switch([])
        speaker = plugin(settings, MemoryHttp(one.faulty))
        try:
            await (speaker.withdraw(transfer) if direction == "withdraw" else speaker.deposit(transfer))
        except Exception as error:  # noqa: BLE001 - a refusal is as good
            self.tell("outside", operator, id, type(error).__name__)
        one.faulty.switch(rules)

    # The calm.

    def relieve(self) -> None:
        """Nobody lies in wait for a gateway any more."""
        self.network.on_connect = lambda _: None
        self.database.on_open = lambda _process, _keys: None
        self.database.on_success = self.database.on_claim = lambda _: None

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.tell("calm")
        self.faulty = False
        self.weather = Weather()
        for one in self.plan.operators:
            operator = self.operators[one.name]
            operator.weather = Weather()
            operator.suffer({}, hiding(one))
            self.shops[one.name].weather, self.shops[one.name].fails = Weather(), 0.0
        self.journal_mishaps.lost_before = self.journal_mishaps.lost_after = self.journal_mishaps.slow = 0.0
        self.disk.full = self.disk.failing = False
        for journal in self.journals:
            journal.cut_off = False
        for gateway in self.gateways:
            gateway.clock.leap_s = 0.0
            gateway.process.go_on()
            gateway.process.dies_at = -1

    async def wait_idle(self, within_s: float) -> bool:
        """Whether everything that was decided has come to an end within this time."""
        until = self.loop.time() + within_s
        while self.loop.time() < until:
            if not self.database.rows(UNFINISHED):
                return True
            await asyncio.sleep(within_s / 200)
        return not self.database.rows(UNFINISHED)

    async def end(self) -> None:
        """All gateways stop."""
        self.last = [one for one in self.gateways if one.serving]
        for gateway in list(self.gateways):
            if gateway.serving:
                await asyncio.wait([gateway.stop()], timeout=STOPPING_S)
            self.retire(gateway)
            gateway.process.end()

    def person(self) -> SimulatedJournal:
        """The journal as a person's command reaches it."""
        return SimulatedJournal("", self.database, Mishaps(), self._dice, Metrics(), self.outside)

    def key_of(self, row: dict[str, Any]) -> Key:
        return Key(row["operator"], Direction(row["direction"]), row["id"])

    def gateway(self, name: str) -> Gateway | None:
        """The gateway of that name, dead or alive."""
        return next((one for one in [*self.gateways, *self.retired] if one.name == name), None)

    @property
    def journal_losses(self) -> int:
        """How often a gateway lost its journal."""
        return sum(journal.losses for journal in self.journals)

    def asking_pause_s(self) -> float:
        """How long operators wait at most before they ask again; 0: they ask no more."""
        if self.over:
            return 0.0
        return 8.0 if self.faulty else 20 * self.plan.pace.beat_every_s

    def tell(self, *what: object) -> None:
        self.story.append(f"{self.loop.time():.6f} {' '.join(map(str, what))}")

    def count(self, mishap: str) -> None:
        self.mishaps[mishap] = self.mishaps.get(mishap, 0) + 1

    def close(self) -> None:
        self.database.close()


def hiding(one: OperatorPlan) -> list[FaultRule]:
    """An operator that fails when it is asked for a balance alone."""
    return [] if one.hides_balances is None else [FaultRule(fault=one.hides_balances, calls=(WalletCall.GET_BALANCE,))]


def refusing(one: OperatorPlan) -> list[FaultRule]:
    """An operator that fails every rollback."""
    calls = (WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT)
    return [] if one.refuses_rollbacks is None else [FaultRule(fault=one.refuses_rollbacks, calls=calls)]


def _address(number: int) -> str:
    return f"10.0.0.{number + 1}"


def _games_address(number: int) -> str:
    return f"10.0.1.{number + 1}"


def _payment(number: int, one: OperatorPlan) -> dict[str, Any]:
    shared = ("timeout", "breaker", "limits", "connections")
    return {
        "settings": {"secrets": [SECRET]},
        "currency": "EUR",
        "game": {
            "url": f"http://{_games_address(number)}{GAMES_PATH}",
            "secret": GAMES_SECRET,
            **{name: one.settings[name] for name in shared},
        },
    }


def _hear_once(told: Answered, heard: asyncio.Future[Answered | None]) -> None:
    if not heard.done():
        heard.set_result(told)


def _copied(asked: Asked, copy: int) -> Asked:
    return Asked(**{field: getattr(asked, field) for field in Asked.__struct_fields__ if field != "copy"}, copy=copy)


def _told(asked: Asked, reached_at: float, at: float, gateway: str, status: int, body: bytes) -> Told:
    content = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    balance = content.get("balance")
    return Told(
        asked=asked,
        reached_at=reached_at,
        at=at,
        gateway=gateway,
        status=status,
        code=int(content.get("errorCode", 0)),
        text=content.get("errorDescription", ""),
        id=content.get("mmTransactionId", ""),
        balance=f"{balance['amount']:f}" if balance else "",
        currency=balance["currencyCode"] if balance else "",
        heard=False,
    )
