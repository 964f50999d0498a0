"""One operator as the heart sees it: its adapter behind the guard, its every answer a plain outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from traceback import extract_tb
from typing import Any, Final, TypeVar, cast

import structlog

from gateway.clock import Clock
from gateway.journal.records import Session, Transfer, Verdict
from gateway.money import Money
from gateway.operators.adapter import Adapter, Player
from gateway.operators.client import HttpClient
from gateway.operators.deadlines import Deadlines
from gateway.operators.errors import Declined, OperatorError, Unclear, Unsent
from gateway.operators.guard import Guard
from gateway.operators.outcome import Outcome
from gateway.operators.texts import fit_text, secrets_of
from gateway.operators.verdicts import SILENT, as_balance, as_money, as_player, verdict_of
from gateway.operators.wire_use import CURRENT_USE, WireUse
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import WalletCall

OVERTIME_S: Final = 1.0
"""How long after the client's own time budget an adapter that makes several requests is cut off."""

log = structlog.get_logger(__name__)

A = TypeVar("A")
T = TypeVar("T")
Method = Callable[[A], Awaitable[Any]]


class Operator:
    """`guard` is entered by whoever calls `attempt`; `verify_session` and `get_balance` enter it themselves."""

    def __init__(
        self,
        name: str,
        settings: OperatorSettings,
        adapter: Adapter,
        client: HttpClient,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self.name = name
        self.settings = settings
        self.adapter = adapter
        self.guard = Guard(settings.limits, settings.breaker, settings.timeout, clock)
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._budget_s = settings.timeout + OVERTIME_S
        self._overtime: Deadlines[asyncio.Task[Any]] = Deadlines(self._cut_off)
        self._overdue: set[asyncio.Task[Any]] = set()
        self._secrets = tuple(secrets_of(adapter.settings))
        self._moves: dict[WalletCall, Method[Transfer]] = {
            WalletCall.WITHDRAW: adapter.withdraw,
            WalletCall.CONFIRM_WITHDRAWAL: adapter.confirm_withdrawal,
            WalletCall.ROLLBACK_WITHDRAWAL: adapter.rollback_withdrawal,
            WalletCall.DEPOSIT: adapter.deposit,
            WalletCall.CONFIRM_DEPOSIT: adapter.confirm_deposit,
            WalletCall.ROLLBACK_DEPOSIT: adapter.rollback_deposit,
        }

    async def verify_session(self, session: Session) -> Player:
        """Whose session it is. Raises `OperatorError`, its text fit to be shown."""
        await self.guard.enter()
        try:
            return await self._call(WalletCall.VERIFY_SESSION, self.adapter.verify_session, session, as_player, session)
        finally:
            self.guard.leave()

    async def get_balance(self, session: Session) -> Money:
        """The player's balance. Raises `OperatorError`, its text fit to be shown."""
        await self.guard.enter()
        try:
            return await self._call(WalletCall.GET_BALANCE, self.adapter.get_balance, session, as_money, session)
        finally:
            self.guard.leave()

    async def attempt(self, call: WalletCall, transfer: Transfer) -> Outcome:
        """One try of a call that moves money. The caller has entered the guard.

        Raises nothing that the adapter throws: whatever is no clear yes, no or "not sent" is unknown.
        """
        at, begun = self._clock.now(), self._clock.monotonic()
        balance, kind, text, verdict = None, None, "", Verdict.SUCCESS
        try:
            balance = await self._call(call, self._moves[call], transfer, as_balance, transfer.session)
        except OperatorError as error:
            verdict, text = verdict_of(error, call), error.text
            kind = error.kind if isinstance(error, Declined) else None
        took_s = self._clock.monotonic() - begun
        return Outcome(verdict=verdict, at=at, took_s=took_s, text=text, balance=balance, kind=kind)

    async def close(self) -> None:
        """Closes the operator's connections."""
        await self._client.close()
        self._overtime.close()

    async def _call(
        self, call: WalletCall, method: Method[A], argument: A, checked: Callable[[Any], T], session: Session
    ) -> T:
        """One call, measured and recorded. Raises `OperatorError` and nothing else but a cancellation."""
        begun = self._clock.monotonic()
        answer, failure = None, None
        try:
            answer = checked(await self._within_time(method, argument))
        except OperatorError as error:
            failure = self._fit(error, session)
        except Exception as error:  # noqa: BLE001 - nothing that an adapter throws may pass for an answer
            # Its message, and its frames' variables, may hold anything: the place in the code is all that is told.
            log.warning("adapter failed", operator=self.name, call=call, error=type(error).__name__, at=_place(error))
            failure = Unclear(f"the adapter could not make sense of the operator's answer ({type(error).__name__})")
        verdict = Verdict.SUCCESS if failure is None else verdict_of(failure, call)
        self._metrics.operator_call(self.name, call, verdict, self._clock.monotonic() - begun)
        self.guard.record(verdict not in SILENT)
        if failure is not None:
            raise failure
        return cast("T", answer)

    async def _within_time(self, method: Method[A], argument: A) -> Any:
        """What the adapter's method returns. `Unsent` only comes out if nothing at all was written for this call."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        use, cancelled_before = WireUse(), task.cancelling()
        token = CURRENT_USE.set(use)
        self._overtime.set(task, loop.time() + self._budget_s, loop)
        try:
            return await method(argument)
        except asyncio.CancelledError:
            if task in self._overdue and task.uncancel() <= cancelled_before:
                raise Unclear("the adapter took longer than the operator's timeout") from None
            raise
        except Unsent as error:
            if not use.written:
                raise
            raise Unclear(f"a later request of the same call was not sent: {error.text}") from None
        finally:
            self._overtime.drop(task)
            self._overdue.discard(task)
            CURRENT_USE.reset(token)

    def _cut_off(self, task: asyncio.Task[Any]) -> None:
        self._overdue.add(task)
        task.cancel()

    def _fit(self, error: OperatorError, session: Session) -> OperatorError:
        """The same error, its text fit to be shown."""
        secrets = (session.token, *session.memory.values(), *self._secrets)
        error.text = fit_text(error.text, secrets)
        error.args = (error.text,)
        return error


def _place(error: Exception) -> str:
    """The function and line in which it was raised."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{frame.name}:{frame.lineno}"
