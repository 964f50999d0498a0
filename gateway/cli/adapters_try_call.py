"""One call of an adapter as the gateway makes it, with every request and answer kept: at the adapter's sandbox, at a
real operator, or with an answer that is there already."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

import msgspec

from gateway.clock import SystemClock
from gateway.money import Money
from gateway.operators import registry
from gateway.operators.adapter import Headers, HttpResponse, Player, TransferStatus
from gateway.operators.bulkhead import GROUP_OF
from gateway.operators.errors import OperatorError
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from gateway.operators.http_client.wire_use import note_answer, note_write
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import Decision, Direction, Fate, Session, State, Transfer, Verdict
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import Manner, Simulated, simulated_operators
from gateway.sandbox.stores import MemoryStore
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.transfers.states import DELIVERING
from gateway.wire.calls import END_CALL, HOLD_CALL, LOOK_UP, WalletCall

SANDBOX_PLAYER: Final = "player-1"
SANDBOX_BALANCE: Final = Decimal(1000)
UNREACHED: Final = "https://wallet.example"
"""The address in requests that are shown and not sent, where no operator is configured."""

_HOLDS: Final = {call: direction for direction, call in HOLD_CALL.items()}
_ENDS: Final = {call: end for end, call in END_CALL.items()}

Result = Player | Money | Outcome | TransferStatus | OperatorError


class NoSandbox(Exception):
    """The adapter has no simulated side."""


class TryCommand(msgspec.Struct, frozen=True, kw_only=True):
    """What to try: `call` is a wallet call, or `LOOK_UP`, which no game makes; `settings` are the operator's."""

    call: str
    operator: str
    settings: OperatorSettings
    token: str
    player: str
    id: str
    amount: Money
    memory: Mapping[str, str]


class Exchange(msgspec.Struct, kw_only=True):
    """One request, and the answer to it; without an answer, `failure` says why there is none."""

    method: str
    url: str
    headers: Headers
    body: bytes | None
    answer: HttpResponse | None = None
    failure: str = ""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a call: the exchanges and the adapter's `result`.

    `title` says what is tried where, `before` what was done to make it possible, and `secrets` what must not be shown.
    `transfer` is as it was before the call.
    """

    command: TryCommand
    title: str
    before: list[str]
    exchanges: list[Exchange]
    transfer: Transfer
    result: Result
    secrets: tuple[str, ...]


class RecordingClient(HttpClient):
    """Sends as the gateway does, and keeps what was sent and answered."""

    def __init__(self, settings: OperatorSettings) -> None:
        tls = settings.tls
        super().__init__(
            timeout_s=settings.timeout,
            connect_timeout_s=settings.connections.connect_timeout,
            idle_s=settings.connections.idle,
            max_answer=settings.max_answer,
            tls=tls_context(tls.ca_file, tls.cert_file, tls.key_file),
        )
        self.exchanges: list[Exchange] = []

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        exchange = Exchange(method=method, url=url, headers=headers, body=body)
        self.exchanges.append(exchange)
        try:
            exchange.answer = await self.send(exchange)
        except OperatorError as error:
            exchange.failure = error.text
            raise
        return exchange.answer

    async def send(self, exchange: Exchange) -> HttpResponse:
        """Sends the request. Raises `Unclear`."""
        return await super().request(exchange.method, exchange.url, headers=exchange.headers, body=exchange.body)


class PreparedClient(RecordingClient):
    """Sends nothing: this answer is the answer to every request."""

    def __init__(self, settings: OperatorSettings, answer: HttpResponse) -> None:
        super().__init__(settings)
        self._answer = answer

    async def send(self, exchange: Exchange) -> HttpResponse:  # noqa: ARG002 - the answer is the same for all
        # As after a request that was really sent, so that the outcome is the one that this answer would have.
        note_write()
        note_answer(self._answer)
        return self._answer


async def try_at_operator(command: TryCommand) -> Trial:
    """The call at the operator itself. Raises `OSError` if its TLS files cannot be read."""
    client = RecordingClient(command.settings)
    return await _try(command, client, f"{command.call} at operator {command.operator}")


async def try_answer(command: TryCommand, answer: HttpResponse, *, is_configured: bool) -> Trial:
    """The call with this answer to it. Without a configuration the adapter has its sandbox's settings, which
    raises `NoSandbox` if it has none."""
    if not is_configured:
        simulated = _simulated(command, Ledger(MemoryStore()))
        command = _with_settings(command, simulated.own_settings(UNREACHED + simulated.base_path))
    # Known, so that no adapter asks for it: that question would get this answer too.
    command = msgspec.structs.replace(command, player=command.player or SANDBOX_PLAYER)
    client = PreparedClient(command.settings, answer)
    return await _try(command, client, f"{command.call}, not sent: this answer was given")


async def try_at_sandbox(command: TryCommand) -> Trial:
    """The call at the adapter's sandbox, which has one player with this session. Raises `NoSandbox`."""
    async with _sandbox(command) as server:
        settings = server.operator.simulated.own_settings(server.base_url)
        command = _with_settings(command, settings)
        title = f"{command.call} at the sandbox of {command.settings.adapter}"
        return await _try(command, RecordingClient(command.settings), title, prepares=True)


async def _try(command: TryCommand, client: RecordingClient, title: str, *, prepares: bool = False) -> Trial:
    """Makes the call. `prepares`: the session is verified before it, and before an end its hold is made."""
    operator = build_with(client, command.operator, command.settings)
    try:
        transfer = _transfer(command, Fate.UNKNOWN)
        before: list[str] = []
        if prepares:
            transfer, before = await _prepare(operator, command, transfer)
        client.exchanges.clear()
        result = await _call(operator, command.call, transfer)
    finally:
        await operator.close()
    session_secrets = () if prepares else (command.token, *transfer.session.memory.values())
    return Trial(
        command=command,
        title=title,
        before=before,
        exchanges=client.exchanges,
        transfer=transfer,
        result=result,
        secrets=(*operator.secrets, *session_secrets),
    )


async def _prepare(operator: Operator, command: TryCommand, transfer: Transfer) -> tuple[Transfer, list[str]]:
    """The transfer as it is when the gateway makes this call, and what was done for that."""
    if command.call == WalletCall.VERIFY_SESSION:
        return transfer, []
    try:
        player = await operator.verify_session(transfer.session)
    except OperatorError as error:
        return transfer, [f"{WalletCall.VERIFY_SESSION} failed: {error.text}"]
    session = msgspec.structs.replace(transfer.session, player_id=player.player_id, memory=player.memory)
    transfer = msgspec.structs.replace(transfer, session=session)
    before = [f"{WalletCall.VERIFY_SESSION}: the player is {player.player_id}"]
    if command.call not in _ENDS and command.call != LOOK_UP:
        return transfer, before
    hold = HOLD_CALL[transfer.direction]
    outcome = await _attempt(operator, hold, transfer)
    before.append(f"{hold}: {outcome.verdict}{outcome.text and f', {outcome.text}'}")
    if outcome.verdict is Verdict.SUCCESS:
        memory = {**outcome.memory, **transfer.memory}
        transfer = msgspec.structs.replace(transfer, fate=Fate.TAKEN, memory=memory)
    return transfer, before


async def _call(operator: Operator, call: str, transfer: Transfer) -> Result:
    try:
        match call:
            case WalletCall.VERIFY_SESSION:
                return await operator.verify_session(transfer.session)
            case WalletCall.GET_BALANCE:
                return await operator.get_balance(transfer.session)
            case _ if call == LOOK_UP:
                return await operator.look_up(transfer)
            case _:
                return await _attempt(operator, WalletCall(call), transfer)
    except OperatorError as error:
        return error


async def _attempt(operator: Operator, call: WalletCall, transfer: Transfer) -> Outcome:
    async with operator.admit(GROUP_OF[call]) as admission:
        return await admission.attempt(call, transfer)


def _transfer(command: TryCommand, fate: Fate) -> Transfer:
    """The transfer that the call is about, as the journal would have it when the call is made."""
    direction, decision = _direction_and_decision(command.call)
    now = time.time()
    return Transfer(
        operator=command.operator,
        direction=direction,
        id=command.id,
        state=State.SENDING if decision is None else DELIVERING[decision],
        amount=command.amount,
        description="A sword",
        session=Session(operator=command.operator, token=command.token, player_id=command.player),
        fate=fate,
        opened_at=now,
        decided_at=None if decision is None else now,
        changed_at=now,
        rollback_reason="The goods could not be delivered." if decision is Decision.ROLLBACK else None,
        memory=command.memory,
    )


def _direction_and_decision(call: str) -> tuple[Direction, Decision | None]:
    if call == LOOK_UP:
        return Direction.WITHDRAW, Decision.CONFIRM
    if call in _ENDS:
        return _ENDS[WalletCall(call)]
    return (_HOLDS[WalletCall(call)] if call in _HOLDS else Direction.WITHDRAW), None


def build_with(client: HttpClient, name: str, settings: OperatorSettings) -> Operator:
    """An operator that sends with this client. Raises `AdapterUnavailable`, or pydantic's `ValidationError`."""
    adapter = registry.adapter(settings.adapter)
    own = registry.validate(settings.adapter, settings.settings)
    return Operator(name, settings, adapter(own, client), client, Metrics(), SystemClock())


def _with_settings(command: TryCommand, settings: dict[str, Any]) -> TryCommand:
    changed = command.settings.model_copy(update={"settings": settings})
    return msgspec.structs.replace(command, settings=changed)


@asynccontextmanager
async def _sandbox(command: TryCommand) -> AsyncIterator[SandboxServer]:
    ledger = Ledger(MemoryStore())
    balance = Money(SANDBOX_BALANCE, command.amount.currency)
    ledger.enrol(command.player or SANDBOX_PLAYER, command.token, balance)
    server = SandboxServer(_simulated(command, ledger))
    await server.start()
    try:
        yield server
    finally:
        await server.close()


def _simulated(command: TryCommand, ledger: Ledger) -> Simulated:
    """The adapter's simulated operator. Raises `NoSandbox`."""
    return _find_simulated(command.settings.adapter)(ledger, manner=Manner(can_be_asked=command.call == LOOK_UP))


def _find_simulated(adapter: str) -> type[Simulated]:
    registry.adapter(adapter)  # one that does not load says so better than its simulated side would
    found = simulated_operators().get(adapter)
    if found is None:
        raise NoSandbox(f"adapter {adapter!r} has no sandbox; give --config FILE, and --live or --answer FILE")
    try:
        simulated: type[Simulated] = found.load()
    except Exception as error:
        raise NoSandbox(f"the simulated operator of {adapter!r} ({found.value}) does not load: {error!r}") from error
    return simulated
