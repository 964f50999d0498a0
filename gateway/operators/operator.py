"""One operator as the heart sees it: its adapter behind the guard, its every answer a plain outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from traceback import extract_tb
from typing import Any, Final, Self, TypeVar, cast

import msgspec
import structlog

from gateway.clock import Clock
from gateway.deadlines import Deadlines
from gateway.money import Money
from gateway.operators.adapter import Adapter, HttpResponse, Player
from gateway.operators.bulkhead import GROUP_OF, Bulkhead, CallGroup
from gateway.operators.errors import Declined, OperatorError, Unclear, Unmapped, Unsent
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.wire_use import CURRENT_USE, WireUse
from gateway.operators.outcome import Outcome, UsableBalance, require_money, require_player, require_receipt, verdict_of
from gateway.operators.safe_text import excerpt_of, fit_text, secrets_of
from gateway.records import Session, Transfer, Verdict
from gateway.settings import OperatorSettings
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import HOLDS, WalletCall

_PROVES: Final = frozenset({Verdict.UNSENT, Verdict.DECLINED})
"""Verdicts by which an adapter or the client says that nothing was sent, if nothing was written."""

_BUSY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

OVERTIME_S: Final = 1.0
"""How long after the client's own time budget an adapter that makes several requests is cut off."""

log = structlog.get_logger(__name__)

A = TypeVar("A")
T = TypeVar("T")
Method = Callable[[A], Awaitable[Any]]


class Admission:
    """A slot in one operator's bulkhead, held until the block is left: `async with operator.admit(group) as admission`.

    Calls that move money are made through it, so that none can be made without a slot.
    """

    __slots__ = ("_bulkhead", "_group", "_is_in", "attempt")

    def __init__(
        self,
        bulkhead: Bulkhead,
        group: CallGroup,
        attempt: Callable[[WalletCall, Transfer], Coroutine[Any, Any, Outcome]],
    ) -> None:
        self._bulkhead = bulkhead
        self._group = group
        self._is_in = False
        self.attempt = attempt

    async def __aenter__(self) -> Self:
        """Raises `Refused`: circuit breaker open, queue full, or waited too long."""
        await self._bulkhead.enter(self._group)
        self._is_in = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Gives the slot back before the block ends, where what follows does not need the operator."""
        if self._is_in:
            self._is_in = False
            self._bulkhead.leave()


class Operator:
    """One operator: its adapter, its bulkhead and its settings. Every call goes through `admit`."""

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
        self.bulkhead = Bulkhead(settings.limits, settings.breaker, settings.timeout, clock)
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
        async with self.admit(GROUP_OF[WalletCall.VERIFY_SESSION]):
            return await self._verify(session)

    async def get_balance(self, session: Session) -> Money:
        """The player's balance. Raises `OperatorError`, its text fit to be shown."""
        async with self.admit(GROUP_OF[WalletCall.GET_BALANCE]):
            return await self._call(
                WalletCall.GET_BALANCE, self.adapter.get_balance, session, require_money, session, WireUse()
            )

    def admit(self, group: CallGroup) -> Admission:
        """A slot for one call of this group, taken on entering the block. Entering raises `Refused`."""
        return Admission(self.bulkhead, group, self._attempt)

    async def close(self) -> None:
        """Closes the operator's connections."""
        await self._client.close()
        self._overtime.close()

    async def _attempt(self, call: WalletCall, transfer: Transfer) -> Outcome:
        """One try of a call that moves money.

        Raises nothing that the adapter throws: whatever is not a clear yes, no or "not sent" is unknown.
        """
        at, begun = self._clock.now(), self._clock.monotonic()
        use, kind, verdict = WireUse(), None, Verdict.SUCCESS
        learnt = None
        try:
            if self.adapter.needs_player and not transfer.session.player_id:
                learnt = await self._looked_up(call, transfer.session)
                transfer = msgspec.structs.replace(transfer, session=learnt or transfer.session)
            told = await self._call(
                call,
                self._moves[call],
                transfer,
                lambda answer: require_receipt(answer, call, transfer),
                transfer.session,
                use,
            )
        except OperatorError as error:
            if not use.over:  # the player was not found, and the call itself was not made
                self.bulkhead.record(GROUP_OF[call], ok=None)
            verdict, told = verdict_of(error, call), UsableBalance(None, error.text)
            kind = error.kind if isinstance(error, Declined) else None
        if told.note and verdict is Verdict.SUCCESS:
            told = UsableBalance(told.balance, fit_text(told.note, self._secrets_of(transfer.session)))
            log.warning("balance not usable", operator=self.name, call=call, id=transfer.id, why=told.note)
        return Outcome(
            verdict=verdict,
            at=at,
            took_s=self._clock.monotonic() - begun,
            text=told.note,
            balance=told.balance,
            kind=kind,
            # An unknown outcome proves nothing, whatever was written: an adapter may have means of its own.
            unwritten=not use.written and verdict in _PROVES,
            session=learnt,
        )

    async def _verify(self, session: Session) -> Player:
        return await self._call(
            WalletCall.VERIFY_SESSION, self.adapter.verify_session, session, require_player, session, WireUse()
        )

    async def _looked_up(self, call: WalletCall, session: Session) -> Session | None:
        """The session with its player. A hold is not sent without; an end must go out even if nobody can say."""
        try:
            player = await self._verify(session)
        except Declined:
            if call in HOLDS:
                raise
            return None
        except OperatorError as error:
            if call in HOLDS:
                raise Unsent(f"the player could not be looked up: {error.text}") from None
            return None
        return msgspec.structs.replace(session, player_id=player.player_id, memory=player.memory)

    async def _call(
        self,
        call: WalletCall,
        method: Method[A],
        argument: A,
        checked: Callable[[Any], T],
        session: Session,
        use: WireUse,
    ) -> T:
        """One call, measured and recorded. Raises `OperatorError` and nothing else but a cancellation."""
        begun = self._clock.monotonic()
        answer, failure = None, None
        try:
            answer = checked(await self._within_time(method, argument, use))
            alive = True if use.written else None
        except OperatorError as error:
            failure = self._fit(error, session)
            alive = _shows_life(failure, use)
        except Exception as error:  # noqa: BLE001 - nothing that an adapter throws may pass for an answer
            # Its message, and its frames' variables, may hold anything: the place in the code is all that is told.
            log.warning("adapter failed", operator=self.name, call=call, error=type(error).__name__, at=_place(error))
            failure = self._fit(_senseless(error, use), session)
            alive = None if use.answer is None else _speaks(use.answer)
        verdict = Verdict.SUCCESS if failure is None else verdict_of(failure, call)
        self._metrics.operator_call(self.name, call, verdict, self._clock.monotonic() - begun)
        self.bulkhead.record(GROUP_OF[call], ok=alive)
        if failure is not None:
            raise failure
        return cast("T", answer)

    async def _within_time(self, method: Method[A], argument: A, use: WireUse) -> Any:
        """What the adapter's method returns. `Unsent` only comes out if nothing at all was written for this call."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        cancelled_before = task.cancelling()
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
            use.over = True

    def _cut_off(self, task: asyncio.Task[Any]) -> None:
        self._overdue.add(task)
        task.cancel()

    def _fit(self, error: OperatorError, session: Session) -> OperatorError:
        """The same error, its text fit to be shown."""
        error.text = fit_text(error.text, self._secrets_of(session))
        error.args = (error.text,)
        return error

    def _secrets_of(self, session: Session) -> tuple[str, ...]:
        return (session.token, *session.memory.values(), *self._secrets)


def _shows_life(failure: OperatorError, use: WireUse) -> bool | None:
    """What a failed call says of the operator: whether it answers, None for nothing.

    Only silence counts against it: no connection, no answer in time, one that is not its protocol's. Players can cause
    as many errors and odd answers of the protocol as they like.
    """
    if isinstance(failure, Unsent):
        return False
    if not use.written:  # whatever failed, it was on this side
        return None
    if isinstance(failure, Declined | Unmapped):
        return True
    return use.answer is not None and _speaks(use.answer)


def _speaks(answer: HttpResponse) -> bool:
    """Whether an answer that nobody could make sense of may be the operator's all the same: neither an error of its
    server, nor one that wants to be left alone, nor a web page or nothing at all."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _BUSY:
        return False
    return bool(answer.body) and answer.body.lstrip()[:1] != b"<"


def _senseless(error: Exception, use: WireUse) -> Unclear:
    """What is told of an adapter's failure: its class, and what the operator had said."""
    name = type(error).__name__
    if use.answer is None:
        return Unclear(f"the adapter failed before there was an answer ({name})")
    said = f"HTTP {use.answer.status}: {excerpt_of(use.answer.body)}"
    return Unclear(f"the adapter could not make sense of the operator's answer ({name}); it was {said}")


def _place(error: Exception) -> str:
    """The function and line in which it was raised."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{frame.name}:{frame.lineno}"
