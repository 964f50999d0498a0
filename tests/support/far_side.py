"""An operator that answers as it is told, seen from the adapter's side: every path of the heart without a wire."""

from __future__ import annotations

import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, cast

from gateway.clock import Clock
from gateway.journal.records import Session, Transfer
from gateway.money import Money
from gateway.operators.adapter import Adapter, AdapterSettings, Player, Receipt
from gateway.operators.client import HttpClient
from gateway.operators.errors import OperatorError
from gateway.operators.operator import Operator
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.support.transfers import BALANCE, OPERATOR

Behaviour = OperatorError | Callable[[Transfer], Awaitable[Receipt]]


class FarSide:
    """What the operator does: `then` queues behaviours of a call, `always` sets what follows them (a success).

    `sent` is what reached it, in order.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.reasons: list[str | None] = []
        self.balance: Money | OperatorError = BALANCE
        self._next: defaultdict[WalletCall, deque[Behaviour]] = defaultdict(deque)
        self._always: dict[WalletCall, Behaviour] = {}

    def then(self, call: WalletCall, *behaviours: Behaviour) -> None:
        self._next[call].extend(behaviours)

    def always(self, call: WalletCall, behaviour: Behaviour) -> None:
        self._always[call] = behaviour

    def calls(self, call: WalletCall) -> int:
        return sum(1 for sent, _ in self.sent if sent == call)

    async def receive(self, call: WalletCall, transfer: Transfer) -> Receipt:
        self.sent.append((call, transfer.id))
        self.tokens.append(transfer.session.token)
        if call in (WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT):
            self.reasons.append(transfer.rollback_reason)
        queue = self._next[call]
        behaviour = queue.popleft() if queue else self._always.get(call)
        if behaviour is None:
            return Receipt(BALANCE)
        if isinstance(behaviour, OperatorError):
            raise type(behaviour)(*_arguments(behaviour))
        return await behaviour(transfer)


def _arguments(error: OperatorError) -> tuple[Any, ...]:
    return (error.kind, error.text) if hasattr(error, "kind") else (error.text,)


class ScriptedAdapter(Adapter):
    """Hands every call to a `FarSide`."""

    def __init__(self, far_side: FarSide) -> None:
        super().__init__(AdapterSettings(), cast("Any", None))
        self._far_side = far_side

    async def verify_session(self, session: Session) -> Player:
        return Player(player_id="p1", balance=await self.get_balance(session), memory={"user": "u1"})

    async def get_balance(self, session: Session) -> Money:
        if isinstance(self._far_side.balance, OperatorError):
            raise self._far_side.balance
        return self._far_side.balance

    async def withdraw(self, transfer: Transfer) -> Receipt:
        return await self._far_side.receive(WalletCall.WITHDRAW, transfer)

    async def confirm_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._far_side.receive(WalletCall.CONFIRM_WITHDRAWAL, transfer)

    async def rollback_withdrawal(self, transfer: Transfer) -> Receipt:
        return await self._far_side.receive(WalletCall.ROLLBACK_WITHDRAWAL, transfer)

    async def deposit(self, transfer: Transfer) -> Receipt:
        return await self._far_side.receive(WalletCall.DEPOSIT, transfer)

    async def confirm_deposit(self, transfer: Transfer) -> Receipt:
        return await self._far_side.receive(WalletCall.CONFIRM_DEPOSIT, transfer)

    async def rollback_deposit(self, transfer: Transfer) -> Receipt:
        return await self._far_side.receive(WalletCall.ROLLBACK_DEPOSIT, transfer)


def scripted_operator(far_side: FarSide, settings: OperatorSettings, metrics: Metrics, clock: Clock) -> Operator:
    client = HttpClient(timeout_s=1, connect_timeout_s=1, idle_s=1, max_answer=1, tls=ssl.create_default_context())
    return Operator(OPERATOR, settings, ScriptedAdapter(far_side), client, metrics, clock)
