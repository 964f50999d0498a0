"""Adapters before an operator that answers anything: success and decline only as documented, all else unknown.

An input is a byte that chooses the call, then answers: each a byte that chooses the status, then the body. The last one
is given to every further request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, Final

import structlog

from adapters.hub88 import Hub88
from adapters.hub88.adapter import NAMESPACE
from adapters.hub88.simulated import SimulatedHub88
from adapters.quantum import Quantum
from adapters.quantum.simulated import SimulatedQuantum
from gateway.clock import SystemClock
from gateway.money import Money
from gateway.operators import Adapter, Declined, Headers, Http, HttpResponse, OperatorError, Player
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.operators.safe_text import TEXT_LIMIT
from gateway.records import WALLET_DIRECTIONS, Direction, State, Verdict
from gateway.sandbox.simulated import Simulated
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.toolbox import derived_uuid, transfer_uuid
from gateway.wire.calls import WalletCall
from tests.fuzz.documented import DOCUMENTED, ROLLBACKS, TOKEN, Exchange
from tests.support.adapters import NONCE, NOW, Posted
from tests.support.transfers import BALANCE, SESSION, a_transfer

CALLS: Final = tuple(WalletCall)
STATUSES: Final = (200, 500, 200, 401, 404, 503, 204, 302)
BETWEEN: Final = b"\n\n"
PLAYED: Final[dict[str, tuple[type[Adapter], type[Simulated]]]] = {
    "hub88": (Hub88, SimulatedHub88),
    "quantum": (Quantum, SimulatedQuantum),
}
DIRECTIONS: Final = {call: Direction.DEPOSIT if "eposit" in call else Direction.WITHDRAW for call in CALLS}

_BYTES: Final = tuple(bytes([choice]) for choice in range(8))

JSON_WORDS: Final = (b'{"', b'":', b'"}', b",", b"{}", b"[]", b"null", b"true", b"1e2", b"0.5", b"-1", BETWEEN, *_BYTES)

QUANTUM_WORDS: Final = (
    *JSON_WORDS,
    b'"mmTransactionId":"1234abcd"',
    b'"balance":{"amount":51800,"currencyCode":"XAG"}',
    b'"balance":',
    b'"amount":',
    b'"currencyCode":"XAG"',
    b'"playerId":"p1"',
    b'"token":',
    b'"errorCode":102',
    b'"errorCode":114',
    b'"errorCode":"102"',
    b'"errorCode":',
    b"NaN",
    b'"\\ud83d"',
    b'"errorDescription":',
    TOKEN.encode(),
)


def _uuids() -> list[bytes]:
    transfers = [a_transfer(direction=direction) for direction in WALLET_DIRECTIONS]
    steps = ("hold", "confirm", "rollback")
    asked = [transfer_uuid(NAMESPACE, transfer, step, "request") for transfer in transfers for step in steps]
    balance = derived_uuid(NAMESPACE, SESSION.operator, SESSION.token, "balance", "request")
    return [uuid.encode() for uuid in [*asked, balance]]


HUB88_WORDS: Final = (
    *JSON_WORDS,
    *(b'"request_uuid":"%s"' % uuid for uuid in _uuids()),
    b'"status":"RS_OK"',
    b'"status":"RS_ERROR_TRANSACTION_ROLLED_BACK"',
    b'"status":"RS_ERROR_TRANSACTION_DOES_NOT_EXIST"',
    b'"status":"RS_ERROR_NOT_ENOUGH_MONEY"',
    b'"status":"RS_ERROR_LIMIT_REACHED"',
    b'"status":"RS_ERROR_INVALID_TOKEN"',
    b'"status":"RS_ERROR_UNKNOWN"',
    b"NaN",
    b'"\\ud83d"',
    b'"user":"p1"',
    b'"currency":"XAG"',
    b'"balance":5180000000',
    b'"balance":',
    TOKEN.encode(),
)


class AnythingHttp(Http):
    """An `Http` behind which somebody answers as the input says."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._answers: list[HttpResponse] = []

    def will_say(self, answers: list[HttpResponse]) -> None:
        self.exchanges = []
        self._answers = answers

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.exchanges.append(Exchange(Posted(url, body or b"", dict(headers), method), answer))
        return answer

    def now(self) -> float:
        return NOW

    def nonce(self) -> str:
        return NONCE


class Table:
    """One adapter's operator, ready to be asked."""

    def __init__(self, name: str) -> None:
        kind, simulated = PLAYED[name]
        settings = OperatorSettings.model_validate({"adapter": name, "breaker": {"failures": 10**9}})
        self.loop = asyncio.new_event_loop()
        self.http = AnythingHttp()
        self.adapter = _adapter(kind, simulated, self.http)
        nowhere = HttpClient(
            timeout_s=1, connect_timeout_s=1, idle_s=0, max_answer=1, tls=tls_context(None, None, None)
        )
        self.operator = Operator("acme", settings, self.adapter, nowhere, Metrics(), SystemClock())

    def run(self, asking: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asking)


class NoSignature:
    """Instead of a key: signing takes most of a millisecond, and no answer depends on it."""

    def sign(self, *_: object) -> bytes:
        return b"signed"


def _adapter(kind: type[Adapter], simulated: type[Simulated], http: Http) -> Adapter:
    adapter = kind(kind.Settings.model_validate(simulated.adapter_settings("https://w.example/")), http)
    if isinstance(adapter, Hub88):
        adapter.signer = None  # type: ignore[misc]  # for this one alone
        adapter._key = NoSignature()  # type: ignore[assignment]  # as far as signing goes
    return adapter


table: Final = cache(Table)


def checking(name: str) -> Callable[[bytes], None]:
    """The check of the adapter of that name."""

    def check(data: bytes) -> None:
        call = CALLS[(data[:1] or b"\x00")[0] % len(CALLS)]
        here = table(name)
        here.http.will_say([_answer(part) for part in data[1:].split(BETWEEN)])
        with structlog.testing.capture_logs() as logged:
            outcome = here.run(_asked(here.operator, call))
        _is_as_documented(name, call, outcome, here.http.exchanges)
        assert TOKEN not in repr(logged)

    return check


def _answer(part: bytes) -> HttpResponse:
    return HttpResponse(STATUSES[(part[:1] or b"\x00")[0] % len(STATUSES)], {}, part[1:])


async def _asked(operator: Operator, call: WalletCall) -> Outcome | Player | Money | OperatorError:
    """What comes out of a call, whichever it is."""
    try:
        if call is WalletCall.VERIFY_SESSION:
            return await operator.verify_session(SESSION)
        if call is WalletCall.GET_BALANCE:
            return await operator.get_balance(SESSION)
    except OperatorError as error:
        return error
    state = State.SENDING if call in (WalletCall.WITHDRAW, WalletCall.DEPOSIT) else State.ROLLING_BACK
    return await operator._attempt(call, a_transfer(state, direction=DIRECTIONS[call], hold_balance=BALANCE))


def _is_as_documented(
    name: str, call: WalletCall, outcome: Outcome | Player | Money | OperatorError, exchanges: list[Exchange]
) -> None:
    yes, no = DOCUMENTED[name]
    if isinstance(outcome, Outcome):
        _text_is_fit(outcome.text)
        is_yes = outcome.verdict is Verdict.SUCCESS
        is_no = outcome.verdict in (Verdict.DECLINED, Verdict.NOT_FOUND)
        assert outcome.verdict is not Verdict.UNSENT
        assert outcome.balance is None or is_yes
        assert (outcome.kind is not None) is is_no
        assert outcome.verdict is not Verdict.NOT_FOUND or call in ROLLBACKS
    else:
        is_yes = not isinstance(outcome, OperatorError)
        is_no = isinstance(outcome, Declined)
        _text_is_fit("" if is_yes else str(outcome))
    assert yes(call, exchanges) in (is_yes, None)
    assert not is_no or no(call, exchanges)


def _text_is_fit(text: str) -> None:
    assert len(text) <= TEXT_LIMIT
    assert TOKEN not in text
    assert "\n" not in text
