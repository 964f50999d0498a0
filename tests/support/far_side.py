"""An operator that answers as it is told, seen from the adapter's side: every path of the heart without a wire."""

from __future__ import annotations

import ssl
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast

from gateway.clock import Clock
from gateway.money import Money
from gateway.operators.adapter import Adapter, AdapterSettings, Player, Receipt, TransferStatus
from gateway.operators.errors import Declined, Kind, OperatorError, Refused, RetryLater, Unsent
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.wire_use import note_write
from gateway.operators.operator import Operator
from gateway.records import Session, Transfer
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall
from tests.support.transfers import BALANCE, OPERATOR


class BeforeSending(NamedTuple):
    """The adapter says so, or fails so, before it has written anything."""

    error: Exception


Behaviour = OperatorError | BeforeSending | Receipt | Callable[[Transfer], Awaitable[Receipt]]


class FarSide:
    """What the operator does: `then` queues behaviours of a call, `always` sets what follows them (a success).

    `sent` is what reached it, in order; `tokens` are those of the same calls. `players` are the players of tokens, p1
    of those that are not named; `ended` are tokens that it does not take any more. `status` is what it says of every
    transfer, `looked_up` are the ids that it was asked for.
    """

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.tokens: list[str] = []
        self.reasons: list[str | None] = []
        self.balance: Money | OperatorError = BALANCE
        self.players: dict[str, str] = {}
        self.ended: set[str] = set()
        self.status: TransferStatus | OperatorError = TransferStatus.HELD
        self.looked_up: list[str] = []
        self.verified: list[str] = []
        self._next: defaultdict[WalletCall, deque[Behaviour]] = defaultdict(deque)
        self._always: dict[WalletCall, Behaviour] = {}

    def then(self, call: WalletCall, *behaviours: Behaviour) -> None:
        self._next[call].extend(behaviours)

    def always(self, call: WalletCall, behaviour: Behaviour) -> None:
        self._always[call] = behaviour

    def calls(self, call: WalletCall) -> int:
        return sum(1 for sent, _ in self.sent if sent == call)

    async def receive(self, call: WalletCall, transfer: Transfer) -> Receipt:
        queue = self._next[call]
        behaviour = queue.popleft() if queue else self._always.get(call)
        if isinstance(behaviour, BeforeSending):
            raise _again(behaviour.error)
        if isinstance(behaviour, Unsent):
            raise _again(behaviour)
        self.sent.append((call, transfer.id))
        self.tokens.append(transfer.session.token)
        if call in (WalletCall.ROLLBACK_WITHDRAWAL, WalletCall.ROLLBACK_DEPOSIT):
            self.reasons.append(transfer.rollback_reason)
        return await self._answer(behaviour, transfer)

    async def verify(self, session: Session) -> Player:
        self.verified.append(session.token)
        balance = self.balance_of(session)
        return Player(player_id=self.players.get(session.token, "p1"), balance=balance, memory={"user": "u1"})

    def balance_of(self, session: Session) -> Money:
        if isinstance(self.balance, Unsent):
            raise _again(self.balance)
        note_write()
        if session.token in self.ended:
            raise Declined(Kind.SESSION, "no such session")
        if isinstance(self.balance, OperatorError):
            raise _again(self.balance)
        return self.balance

    def status_of(self, transfer: Transfer) -> TransferStatus:
        note_write()
        self.looked_up.append(transfer.id)
        if isinstance(self.status, OperatorError):
            raise _again(self.status)
        return self.status

    async def _answer(self, behaviour: Behaviour | None, transfer: Transfer) -> Receipt:
        if transfer.session.token in self.ended:
            behaviour = Declined(Kind.SESSION, "no such session")
        try:
            if callable(behaviour):
                behaviour = await behaviour(transfer)
        except Unsent:
            raise
        except OperatorError:
            note_write()
            raise
        note_write()
        if isinstance(behaviour, OperatorError):
            raise _again(behaviour)
        return behaviour if isinstance(behaviour, Receipt) else Receipt(BALANCE)


def _again(error: Exception) -> Exception:
    """The same, as new: an error that was raised before has a history."""
    if not isinstance(error, OperatorError):
        return error
    given = {
        Declined: ("kind", "text"),
        Refused: ("text", "retry_at"),
        RetryLater: ("text", "after_s"),
    }.get(type(error), ("text",))
    return type(error)(*(getattr(error, name) for name in given))


class ScriptedAdapter(Adapter):
    """Hands every call to a `FarSide`."""

    interface = 1

    def __init__(self, far_side: FarSide) -> None:
        super().__init__(AdapterSettings(), cast("Any", None))
        self._far_side = far_side

    async def verify_session(self, session: Session) -> Player:
        return await self._far_side.verify(session)

    async def get_balance(self, session: Session) -> Money:
        return self._far_side.balance_of(session)

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


class AskableAdapter(ScriptedAdapter):
    """One whose operator can be asked what became of a transfer."""

    async def look_up(self, transfer: Transfer) -> TransferStatus:
        return self._far_side.status_of(transfer)


def scripted_operator(far_side: FarSide, settings: OperatorSettings, metrics: Metrics, clock: Clock) -> Operator:
    client = HttpClient(timeout_s=1, connect_timeout_s=1, idle_s=1, max_answer=1, tls=ssl.create_default_context())
    adapter = AskableAdapter if settings.adapter == "askable" else ScriptedAdapter
    return Operator(OPERATOR, settings, adapter(far_side), client, metrics, clock)
