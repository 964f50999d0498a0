"""Real answers: what the simulated operator of an adapter says to each of the adapter's requests, yes, no and odd.

A scene is one call of the adapter before an operator in a fitting state. Nothing here knows a protocol: the adapter
makes the request, its simulated side understands it, and gives every answer that it can give to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

from msgspec.structs import replace

from gateway.money import money
from gateway.operators import Adapter, Headers, Http, HttpResponse, Kind, Receipt
from gateway.operators.registry import adapter as adapter_of
from gateway.records import WALLET_DIRECTIONS, Direction, Session, State, Transfer
from gateway.sandbox.faults import Ending, Fault, FaultRule, FaultyOperator
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.simulated import Act, Manner, Request, Simulated, Unknown, simulated_operators
from gateway.sandbox.stores import MemoryStore
from gateway.toolbox import SIGNING_POOL, rsa
from tests.fuzz.readings import Said, said
from tests.fuzz.spans import Span, spans_of
from tests.support.adapters import NONCE, NOW

PLAYER: Final = "player-1"
OTHER_PLAYER: Final = "player-2"
TOKEN: Final = "token-of-player-1"
OTHER_TOKEN: Final = "token-of-player-2"
ID: Final = "1234abcd"
OTHER_ID: Final = "5678efab"
RICH: Final = "1000000"
AMOUNT: Final = "25"
LONGEST: Final = 64 * 1024

METHODS: Final = {
    (Act.HOLD, Direction.WITHDRAW): "withdraw",
    (Act.CONFIRM, Direction.WITHDRAW): "confirm_withdrawal",
    (Act.ROLLBACK, Direction.WITHDRAW): "rollback_withdrawal",
    (Act.HOLD, Direction.DEPOSIT): "deposit",
    (Act.CONFIRM, Direction.DEPOSIT): "confirm_deposit",
    (Act.ROLLBACK, Direction.DEPOSIT): "rollback_deposit",
}

MANNERS: Final = (Manner(), Manner(refuses_repeats=True), Manner(says_why=False), Manner(checks_ends=True))


Asked = tuple[str, str, bytes]
"""Method, URL and body of a request."""


class Base(NamedTuple):
    """A real answer, what it says, and where its members stand."""

    answer: HttpResponse
    said: Said
    spans: tuple[Span, ...]


class Told(Http):
    """An `Http` before a simulated operator, until it is told what to answer to one of the requests."""

    def __init__(self, operator: Simulated) -> None:
        self.operator = operator
        self.exchanges: list[tuple[Request, HttpResponse]] = []
        self.recorded: Mapping[Asked, HttpResponse] = {}
        self.answer: HttpResponse | None = None

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        if self.answer is not None:
            return self.recorded.get((method, url, body or b""), self.answer)
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        request = Request(method, path, {name.lower(): text for name, text in dict(headers).items()}, body or b"")
        answer = self.operator.answer(request)
        self.exchanges.append((request, answer))
        return answer

    def now(self) -> float:
        return NOW

    def nonce(self) -> str:
        return NONCE


Call = Callable[[], Coroutine[Any, Any, Any]]


class Scene(NamedTuple):
    """A call of an adapter, and the real answers to its last request.

    `yes` is the contract's yes to it, `refusals` are the operator's answers to what it refuses, each with the error
    code in it, or the kind of refusal. `others` are yeses to another transfer, session or request; empty if the
    contract is exempt. `bases` are all of these and every faulty answer.
    """

    name: str
    act: Act
    direction: Direction
    call: Call
    http: Told
    recorded: Mapping[Asked, HttpResponse]
    simulated: Simulated
    yes: Base
    refusals: tuple[tuple[str | Kind, Base], ...]
    others: tuple[Base, ...]
    bases: tuple[Base, ...]


def scenes_of(name: str) -> tuple[Scene, ...]:
    """Every scene of the adapter, under each of its settings."""
    simulated: type[Simulated] = simulated_operators()[name].load()
    found: list[Scene] = []
    for settings in ({}, *simulated.other_settings()):
        found += _Play(adapter_of(name), simulated, settings).scenes()
    return tuple(found)


class _Play:
    """One adapter and its simulated operator, under these settings."""

    def __init__(self, kind: type[Adapter], simulated: type[Simulated], settings: Mapping[str, Any]) -> None:
        ledger = Ledger(MemoryStore())
        self.currency = simulated.currencies[0]
        for player, token in ((PLAYER, TOKEN), (OTHER_PLAYER, OTHER_TOKEN)):
            ledger.enrol(player, token, money(RICH, self.currency))
        self.operator = simulated(ledger, manner=Manner(can_be_asked=True))
        self.settings = settings
        self.http = Told(self.operator)
        base_url = f"https://wallet.example{simulated.base_path}"
        wanted = {**self.operator.own_settings(base_url), **settings}
        self.adapter = kind(kind.Settings.model_validate(wanted), self.http)
        _sign_at_once(self.adapter)
        self.session = Session(operator="acme", token=TOKEN)

    def scenes(self) -> Iterator[Scene]:
        yield from self._scene(Act.VERIFY, Direction.WITHDRAW, self.adapter.verify_session, self.session)
        player = run(lambda: self.adapter.verify_session(self.session))
        self.session = replace(self.session, player_id=player.player_id, memory=player.memory)
        yield from self._scene(Act.BALANCE, Direction.WITHDRAW, self.adapter.get_balance, self.session)
        for direction in WALLET_DIRECTIONS:
            if direction is Direction.WITHDRAW or type(self.adapter).deposit is not Adapter.deposit:
                yield from self._transfer_scenes(direction)

    def _transfer_scenes(self, direction: Direction) -> Iterator[Scene]:
        transfer = self._transfer(direction, ID)
        yield from self._move_scene(Act.HOLD, transfer)
        held = self._hold(transfer)
        self._hold(self._transfer(direction, OTHER_ID))
        yield from self._move_scene(Act.CONFIRM, held)
        yield from self._move_scene(Act.ROLLBACK, held)
        if self.adapter.can_look_up():
            yield from self._scene(Act.LOOK_UP, direction, self.adapter.look_up, held)

    def _transfer(self, direction: Direction, id: str) -> Transfer:
        return Transfer(
            operator="acme",
            direction=direction,
            id=id,
            state=State.SENDING,
            amount=money(AMOUNT, self.currency),
            description="A purchase",
            session=self.session,
            opened_at=NOW,
            changed_at=NOW,
        )

    def _hold(self, transfer: Transfer) -> Transfer:
        receipt: Receipt = run(lambda: self._method(Act.HOLD, transfer)(transfer))
        return replace(transfer, memory={**transfer.memory, **receipt.memory})

    def _method(self, act: Act, transfer: Transfer) -> Callable[[Any], Coroutine[Any, Any, Any]]:
        method: Callable[[Any], Coroutine[Any, Any, Any]] = getattr(self.adapter, METHODS[act, transfer.direction])
        return method

    def _move_scene(self, act: Act, transfer: Transfer) -> Iterator[Scene]:
        yield from self._scene(act, transfer.direction, self._method(act, transfer), transfer)

    def _scene(
        self, act: Act, direction: Direction, method: Callable[[Any], Coroutine[Any, Any, Any]], about: Any
    ) -> Iterator[Scene]:
        """One scene; none if the call sends nothing."""
        exchanges = self._exchanges(lambda: method(about))
        if not exchanges:
            return
        request, answer = exchanges[-1]
        answers = _Answers(self.operator, request)
        recorded = {_asked(one): told for one, told in exchanges[:-1]}
        words = ", ".join(f"{name}={value}" for name, value in self.settings.items())
        yield Scene(
            f"{act} {direction} {words}".strip(),
            act,
            direction,
            lambda: method(about),
            self.http,
            recorded,
            self.operator,
            answers.base(answer),
            tuple(answers.refusals()),
            tuple(answers.others()),
            tuple({(base.answer.status, base.answer.body): base for base in answers.all(answer)}.values()),
        )

    def _exchanges(self, call: Call) -> list[tuple[Request, HttpResponse]]:
        """What is said in this call, played before a copy of the operator."""
        operator, self.http.operator = self.http.operator, deepcopy(self.http.operator)
        self.http.exchanges = []
        try:
            run(call)
        finally:
            self.http.operator = operator
        return self.http.exchanges


def _asked(request: Request) -> Asked:
    return request.method, f"https://wallet.example{request.path}", request.body


class _Answers:
    """Everything that an operator can say to a request."""

    def __init__(self, operator: Simulated, request: Request) -> None:
        self._operator = operator
        self._request = request
        self._order = deepcopy(operator).understand(request)
        self._read_body = type(operator).read_body

    def base(self, answer: HttpResponse) -> Base:
        return Base(answer, said(answer, self._read_body), spans_of(answer.body))

    def refusals(self) -> Iterator[tuple[str | Kind, Base]]:
        for code in self._operator.codes():
            answer = self.base(self._operator.answer_code(self._order, code))
            if self._tells(code, answer.said):
                yield code, answer
        for kind in Kind:
            yield kind, self.base(deepcopy(self._operator).no(self._order, kind))

    def _tells(self, code: str, said_of_code: Said) -> bool:
        """Whether the code itself tells the error from the yes. Some stand for a form of error that has no code, or
        that has the code of a yes and lacks another member."""
        yes = said(deepcopy(self._operator).carry_out(self._order), self._read_body)
        if " " in code:
            return False
        return not any(code in values and yes.get(place) == values for place, values in said_of_code.items())

    def others(self) -> Iterator[Base]:
        if "an_answer_to_another_request_is_unknown" not in self._operator.exemptions:
            yield self.base(deepcopy(self._operator).answer_for_another(self._order))

    def all(self, answer: HttpResponse) -> Iterator[Base]:
        yield self.base(answer)
        yield from (base for _, base in self.refusals())
        yield self.base(deepcopy(self._operator).answer_for_another(self._order))
        yield from map(self.base, self._faulty())
        yield from map(self.base, self._mannered())

    def _faulty(self) -> Iterator[HttpResponse]:
        for fault in Fault:
            operator = FaultyOperator(deepcopy(self._operator), lambda: NOW)
            operator.switch([FaultRule(fault=fault, delay_s=0.0)])
            reply = operator.handle(self._request)
            if reply.answer is not None and reply.ending is Ending.WHOLE and len(reply.answer.body) < LONGEST:
                yield reply.answer

    def _mannered(self) -> Iterator[HttpResponse]:
        """The answers to a repeat, and those of an operator that does not know the hold."""
        for manner in MANNERS:
            operator = deepcopy(self._operator)
            operator.manner = manner
            yield operator.answer(self._request)
            yield operator.answer(self._request)
        for unknown in Unknown:
            operator = deepcopy(self._operator)
            operator.unknown = unknown
            operator.ledger.holds.clear()
            yield operator.answer(self._request)


def run(call: Call) -> Any:
    """What the call returns. Raises what it raises. A call that waits for nothing needs no event loop, which would take
    most of the time; any other is made again, in one."""
    coroutine = call()
    try:
        coroutine.send(None)
    except StopIteration as ended:
        return ended.value
    except RuntimeError as error:
        if "no running event loop" not in str(error):
            raise
    coroutine.close()
    return _loop().run_until_complete(call())


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _sign_at_once(adapter: Adapter) -> None:
    """Takes the threads that sign away from an adapter that uses those of the toolbox."""
    for name in dir(adapter):
        if SIGNING_POOL is not None and getattr(adapter, name) is SIGNING_POOL:
            setattr(adapter, name, None)


@contextmanager
def signed_once() -> Iterator[None]:
    """Keeps signatures, which are always the same for the same bytes: an RSA signature takes longer than all else."""
    with patch.object(rsa, "rsa_sha256_base64", lru_cache(256)(rsa.rsa_sha256_base64)):
        yield
