"""An adapter of which every call does what the test says, behind the gateway's own `Operator`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from pydantic import SecretStr

from gateway.money import Money
from gateway.operators import (
    Adapter,
    AdapterSettings,
    HttpResponse,
    Player,
    Receipt,
    TransferStatus,
)
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from gateway.operators.http_client.wire_use import note_answer, note_write
from gateway.operators.operator import Operator
from gateway.operators.outcome import Outcome
from gateway.records import Session, Transfer
from gateway.settings import BreakerSettings, LimitSettings, OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.support.transfers import a_transfer
from tests.support.virtual_time import VirtualClock, run

PASSWORD = "correct horse"
MOVES = [call for call in WalletCall if call not in {WalletCall.VERIFY_SESSION, WalletCall.GET_BALANCE}]

Answering = Callable[[], Awaitable[Any]]


class SecretSettings(AdapterSettings):
    password: SecretStr = SecretStr(PASSWORD)


class Puppet(Adapter):
    """Every call does the same: what the test says."""

    interface = 1

    def __init__(self, answer: Answering) -> None:
        super().__init__(SecretSettings(), cast("Any", None))
        self._answer = answer
        self.seen: list[tuple[str, object]] = []

    async def _do(self, call: str, argument: object) -> Any:
        self.seen.append((call, argument))
        return await self._answer()

    async def verify_session(self, session: Session) -> Player:
        return cast("Player", await self._do("verifySession", session))

    async def get_balance(self, session: Session) -> Money:
        return cast("Money", await self._do("getBalance", session))

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return cast("Receipt", await self._do("withdraw", transfer))

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return cast("Receipt", await self._do("confirmWithdrawal", transfer))

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return cast("Receipt", await self._do("rollbackWithdrawal", transfer))

    async def deposit(self, transfer: Transfer) -> Receipt:
        return cast("Receipt", await self._do("deposit", transfer))

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return cast("Receipt", await self._do("confirmDeposit", transfer))

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return cast("Receipt", await self._do("rollbackDeposit", transfer))


class Askable(Puppet):
    """Its ends do what the test says, and so does asking what became of them."""

    def __init__(self, answer: Answering, status: Answering) -> None:
        super().__init__(answer)
        self._status = status

    async def look_up(self, transfer: Transfer) -> TransferStatus:
        self.seen.append(("lookUp", transfer))
        note_write()
        return cast("TransferStatus", await self._status())


def returning(answer: object) -> Answering:
    async def do() -> object:
        return answer

    return do


def raising(error: BaseException) -> Answering:
    async def do() -> object:
        raise error

    return do


def operator(
    answer: Answering, metrics: Metrics | None = None, *, failures: int = 3, status: Answering | None = None
) -> Operator:
    client = HttpClient(
        timeout_s=5.0, connect_timeout_s=1.0, idle_s=1.0, max_answer=1000, tls=tls_context(None, None, None)
    )
    settings = OperatorSettings(
        adapter="puppet",
        timeout=5.0,
        limits=LimitSettings(concurrency=2, waiting=1),
        breaker=BreakerSettings(failures=failures, open_for=5.0),
    )
    clock = VirtualClock(asyncio.get_running_loop())
    adapter = Puppet(answer) if status is None else Askable(answer, status)
    return Operator("acme", settings, adapter, client, metrics or Metrics(), clock)


def attempted(
    answer: Answering,
    call: WalletCall = WalletCall.WITHDRAW,
    transfer: Transfer | None = None,
    status: Answering | None = None,
) -> Outcome:
    async def scenario() -> Outcome:
        return await operator(answer, status=status)._attempt(call, transfer or a_transfer())

    return run(scenario)


def writing(answer: Answering, status: int | None = 200, body: bytes = b'{"error": "what they said"}') -> Answering:
    """After a request and, where there is a status, a whole answer."""

    async def do() -> object:
        note_write()
        if status is not None:
            note_answer(HttpResponse(status, {}, body))
        return await answer()

    return do
