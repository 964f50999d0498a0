"""One operator as the heart sees it: its adapter behind the bulkhead, every answer a plain `Outcome`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from http import HTTPStatus
from traceback import extract_tb
from typing import Any, Final, Self, TypeVar

import msgspec
import structlog

from gateway.clock import Clock
from gateway.deadlines import Deadlines
from gateway.money import Money
from gateway.operators.adapter import Adapter, HttpResponse, Player, TransferStatus
from gateway.operators.bulkhead import GROUP_OF, Bulkhead, CallGroup
from gateway.operators.circuit_breaker import BreakerState
from gateway.operators.errors import (
    MAX_RETRY_AFTER_S,
    Declined,
    OperatorError,
    ParkNow,
    Refused,
    RetryLater,
    Unclear,
    Unmapped,
    Unsendable,
    Unsent,
)
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.wire_use import CURRENT_USE, WireUse
from gateway.operators.outcome import (
    NO_ANSWER,
    Outcome,
    require_money,
    require_player,
    require_receipt,
    require_status,
    verdict_of,
    verdict_of_status,
)
from gateway.operators.safe_text import excerpt_of, fit_text, secrets_of
from gateway.records import Session, Transfer, Verdict
from gateway.settings import OperatorSettings
from gateway.telemetry.call_context import CALL
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.objectives import objectives_of
from gateway.wire.calls import HOLDS, LOOK_UP, WalletCall

_PROVING: Final = frozenset({Verdict.UNSENT, Verdict.DECLINED})
"""If nothing was written, these verdicts prove that nothing was sent."""

_BUSY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

OVERTIME_S: Final = 1.0
"""An adapter is cut off this long after `timeout`: it may make several requests, and the client limits each alone."""

log = structlog.get_logger(__name__)

A = TypeVar("A")
T = TypeVar("T")
Method = Callable[[A], Awaitable[Any]]


class Admission:
    """A slot in one operator's bulkhead, held until the block is left: `async with operator.admit(group) as admission`.

    Calls that move money are made through it, so that none can be made without a slot.
    """

    __slots__ = ("_bulkhead", "_count_refused", "_group", "_is_in", "attempt")

    def __init__(
        self,
        bulkhead: Bulkhead,
        group: CallGroup,
        attempt: Callable[[WalletCall, Transfer], Coroutine[Any, Any, Outcome]],
        count_refused: Callable[[CallGroup, Refused], None],
    ) -> None:
        self._bulkhead = bulkhead
        self._group = group
        self._count_refused = count_refused
        self._is_in = False
        self.attempt = attempt

    async def __aenter__(self) -> Self:
        """Raises `Refused`: circuit breaker open, queue full, or waited too long."""
        try:
            await self._bulkhead.enter(self._group)
        except Refused as refused:
            self._count_refused(self._group, refused)
            raise
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
    """One operator: its adapter, its bulkhead and its settings. Every call goes through `admit`; a look-up of the
    player uses the slot of the call that needs it."""

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
        self.bulkhead = Bulkhead(settings.limits, settings.breaker, settings.timeout, clock, name)
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._budget_s = settings.timeout + OVERTIME_S
        self._overtime: Deadlines[asyncio.Task[Any]] = Deadlines(self._on_overtime)
        self._overdue: set[asyncio.Task[Any]] = set()
        self._secrets = tuple(secrets_of(adapter.settings))
        self._methods: dict[WalletCall, Method[Transfer]] = {
            WalletCall.WITHDRAW: adapter.withdraw,
            WalletCall.CONFIRM_WITHDRAWAL: adapter.confirm_withdrawal,
            WalletCall.ROLLBACK_WITHDRAWAL: adapter.rollback_withdrawal,
            WalletCall.DEPOSIT: adapter.deposit,
            WalletCall.CONFIRM_DEPOSIT: adapter.confirm_deposit,
            WalletCall.ROLLBACK_DEPOSIT: adapter.rollback_deposit,
        }

    async def verify_session(self, session: Session, use: WireUse | None = None) -> Player:
        """Whose session it is. Raises `OperatorError`, its text fit to be shown. A `use` that is given says afterwards
        what was sent."""
        async with self.admit(GROUP_OF[WalletCall.VERIFY_SESSION]):
            return await self._verify(session, use or WireUse())

    async def get_balance(self, session: Session) -> Money:
        """The player's balance. Raises `OperatorError`, its text fit to be shown."""
        async with self.admit(GROUP_OF[WalletCall.GET_BALANCE]):
            return await self._call(
                WalletCall.GET_BALANCE, self.adapter.get_balance, session, require_money, session, WireUse()
            )

    def admit(self, group: CallGroup) -> Admission:
        """A slot for one call of this group, taken on entering the block. Entering raises `Refused`."""
        return Admission(self.bulkhead, group, self._attempt, self._count_refused)

    def readings(self) -> Iterator[Reading]:
        """How much of its limits the operator uses, the states of its circuit breakers, and what is promised of it."""
        limits, labels = self.settings.limits, (self.name,)
        in_use, waiting, breakers = self.bulkhead.read()
        yield Reading("operator_calls_in_use", in_use, labels)
        yield Reading("operator_calls_limit", limits.concurrency, labels)
        yield Reading("operator_calls_waiting", waiting, labels)
        yield Reading("operator_waiting_limit", limits.waiting, labels)
        for group, current in breakers.items():
            for state in BreakerState:
                yield Reading("breaker_state", state == current, (self.name, group, state))
        for objective in objectives_of(self.settings.objectives):
            yield Reading("objective_ratio", objective.ratio, (self.name, objective.name))

    async def close(self) -> None:
        """Closes the operator's connections."""
        await self._client.close()
        self._overtime.close()

    def renew_connections(self, tls: ssl.SSLContext) -> None:
        """Every later call is made over a new connection by this context, to an address that was looked up again."""
        self._client.renew_connections(tls)

    def _count_refused(self, group: CallGroup, refused: Refused) -> None:
        self._metrics.operator_refused(self.name, group, refused.reason)

    async def _attempt(self, call: WalletCall, transfer: Transfer) -> Outcome:
        """One try of a call that moves money.

        Raises nothing that the adapter throws: whatever is not a clear yes, no or "not sent" is unknown.
        """
        at, begun = self._clock.now(), self._clock.monotonic()
        use, failure, found, receipt = WireUse(), None, None, NO_ANSWER
        try:
            if self.adapter.needs_player and not transfer.session.player_id:
                found = await self._look_up_player(call, transfer.session)
                transfer = msgspec.structs.replace(transfer, session=found or transfer.session)
            receipt = await self._call(
                call,
                self._methods[call],
                transfer,
                lambda answer: require_receipt(answer, call, transfer),
                transfer.session,
                use,
            )
        except OperatorError as error:
            if not use.over:  # the look-up failed, so that the adapter's method never ran
                self.bulkhead.record(GROUP_OF[call], ok=None)
            failure = error
        verdict, text = Verdict.SUCCESS, ""
        if failure is not None:
            verdict, text = verdict_of(failure, call), failure.text
            if use.written and self._settles_by_look_up(failure, verdict, call):
                verdict, failure = await self._settle_by_look_up(call, transfer, failure)
                text = failure.text
        elif receipt.note:
            text = fit_text(receipt.note, self._secrets_of(transfer.session))
            log.warning("receipt not wholly usable", operator=self.name, call=call, id=transfer.id, why=text)
        return Outcome(
            verdict=verdict,
            at=at,
            took_s=self._clock.monotonic() - begun,
            text=text,
            balance=receipt.balance,
            kind=failure.kind if isinstance(failure, Declined) else None,
            # An unknown outcome proves nothing even if our client wrote nothing: an adapter may have sockets of its own
            # (test_an_adapter_that_fails_before_it_sends_proves_nothing).
            unwritten=not use.written and verdict in _PROVING,
            session=found,
            memory=receipt.memory,
            retry_after_s=_retry_after_s(failure) if isinstance(failure, RetryLater) else None,
            park=isinstance(failure, ParkNow),
        )

    def _settles_by_look_up(self, failure: OperatorError, verdict: Verdict, call: WalletCall) -> bool:
        """Whether the operator is asked what became of an end whose answer was unclear. Not where it has just said that
        it wants to be left alone, or that no try can succeed."""
        if verdict is not Verdict.UNKNOWN or call in HOLDS or isinstance(failure, RetryLater | ParkNow):
            return False
        return self.adapter.can_look_up()

    async def _settle_by_look_up(
        self, call: WalletCall, transfer: Transfer, failure: OperatorError
    ) -> tuple[Verdict, OperatorError]:
        """The verdict on an unclear end after the operator was asked, and the error whose text tells both. Only a
        status that is the wanted end counts as a yes
        (test_only_the_wanted_end_is_a_yes_when_the_operator_is_asked)."""
        try:
            status: TransferStatus = await self._call(
                call, self.adapter.look_up, transfer, require_status, transfer.session, WireUse(), LOOK_UP
            )
        except OperatorError as error:
            # What the operator says of later tries counts, whichever of the two requests it answers so.
            last = error if isinstance(error, RetryLater | ParkNow) else failure
            last.text = fit_text(f"{failure.text}; asked what became of it: {error.text}")
            return Verdict.UNKNOWN, last
        failure.text = fit_text(f"{failure.text}; asked what became of it, the operator says: {status}")
        return verdict_of_status(status, call), failure

    async def _verify(self, session: Session, use: WireUse) -> Player:
        return await self._call(
            WalletCall.VERIFY_SESSION, self.adapter.verify_session, session, require_player, session, use
        )

    async def _look_up_player(self, call: WalletCall, session: Session) -> Session | None:
        """The session with its player, None if nobody can say. Raises `OperatorError` for a hold: it is not sent
        without a player, but an end must go out (test_an_end_goes_out_even_if_nobody_says_whose_it_is)."""
        try:
            player = await self._verify(session, WireUse())
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
        check: Callable[[Any], T],
        session: Session,
        use: WireUse,
        name: str = "",
    ) -> T:
        """One call of an adapter's method, measured and recorded. Raises `OperatorError`, and nothing else but a
        cancellation. `check` turns the adapter's answer into the result. What has a `name` of its own is measured under
        that and not recorded: it only asks what became of the call."""
        begun = self._clock.monotonic()
        answer: Any = None
        failure = None
        try:
            answer = check(await self._run_within_time(method, argument, use))
            alive = True if use.written else None
        except OperatorError as error:
            failure = self._redact(error, session, use)
            alive = _is_alive(failure, use)
        except Exception as error:  # noqa: BLE001 - nothing that an adapter throws may pass for an answer
            # Its message, and its frames' variables, may hold anything: the place in the code is all that is told.
            log.warning("adapter failed", operator=self.name, call=call, error=type(error).__name__, at=_where(error))
            failure = self._redact(_unreadable(error, use), session, use)
            alive = None if use.answer is None else _is_in_protocol(use.answer)
        verdict = Verdict.SUCCESS if failure is None else verdict_of(failure, call)
        took_s = self._clock.monotonic() - begun
        if (context := CALL.get()) is not None:
            context.operator_s += took_s
        self._metrics.operator_call(self.name, name or call, verdict, took_s)
        # Otherwise a question that is answered would keep the breaker closed over ends that hang in their slots, and
        # one that is not would count one silence twice (test_what_became_of_an_end_says_nothing_to_the_breaker).
        if not name:
            self.bulkhead.record(GROUP_OF[call], ok=alive)
        if failure is not None:
            raise failure
        result: T = answer
        return result

    async def _run_within_time(self, method: Method[A], argument: A, use: WireUse) -> Any:
        """What the adapter's method returns. Raises `Unsent` only if nothing at all was written for this call."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        cancelled_before = task.cancelling()
        token = CURRENT_USE.set(use)
        self._overtime.set(task, loop.time() + self._budget_s, loop)
        try:
            return await method(argument)
        except asyncio.CancelledError:
            # Our own cancellation, and nobody else's beside it: a caller that cancels must see `CancelledError`.
            if task in self._overdue and task.uncancel() <= cancelled_before:
                raise Unclear("the adapter took longer than the operator's timeout") from None
            raise
        except Unsent as error:
            if not use.written:
                raise
            # An adapter may make several requests. That the second was not sent says nothing about the first.
            raise Unclear(f"a later request of the same call was not sent: {error.text}") from None
        finally:
            self._overtime.drop(task)
            self._overdue.discard(task)
            CURRENT_USE.reset(token)
            # A task that the adapter left running must not write after "nothing was written" has been reported
            # (`note_write` refuses then).
            use.over = True

    def _on_overtime(self, task: asyncio.Task[Any]) -> None:
        self._overdue.add(task)
        task.cancel()

    def _redact(self, error: OperatorError, session: Session, use: WireUse) -> OperatorError:
        """The same error, secrets taken out of its text."""
        # An adapter may hand on what the operator sent in place of a text: a number, null, an object.
        error.text = fit_text(str(error.text), (*self._secrets_of(session), *use.secrets))
        error.args = (error.text,)
        return error

    def _secrets_of(self, session: Session) -> tuple[str, ...]:
        return (session.token, *session.memory.values(), *self._secrets)


def _retry_after_s(error: RetryLater) -> float:
    """How long the operator is left alone: what it says, as far as that makes sense."""
    try:
        after_s = float(error.after_s)  # an adapter may hand on what the operator sent: a `Decimal`, a text, null
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return min(after_s, MAX_RETRY_AFTER_S) if after_s > 0 else 0.0  # NaN is not above 0 either


def _is_alive(failure: OperatorError, use: WireUse) -> bool | None:
    """Whether a failed call shows that the operator answers; None if it shows nothing.

    Only silence counts against it (no connection, no answer in time, an answer that is not of its protocol): players
    can cause as many errors of the protocol as they like (docs/decisions/094-what-opens-a-breaker.md).
    """
    if isinstance(failure, Unsent) and not isinstance(failure, Unsendable):
        return False
    if not use.written:  # whatever failed, it failed on this side
        return None
    if isinstance(failure, Declined | Unmapped):
        return True
    return use.answer is not None and _is_in_protocol(use.answer)


def _is_in_protocol(answer: HttpResponse) -> bool:
    """Whether an answer that the adapter could not read may be the operator's all the same: not a server's error, not
    "too many requests", not a web page, not empty."""
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _BUSY:
        return False
    return bool(answer.body) and answer.body.lstrip()[:1] != b"<"


def _unreadable(error: Exception, use: WireUse) -> Unclear:
    """An adapter's failure as an error: its class, and what the operator had answered."""
    name = type(error).__name__
    if use.answer is None:
        return Unclear(f"the adapter failed before there was an answer ({name})")
    answer = f"HTTP {use.answer.status}: {excerpt_of(use.answer.body)}"
    return Unclear(f"the adapter could not make sense of the operator's answer ({name}); it was {answer}")


def _where(error: Exception) -> str:
    """The function and line in which it was raised."""
    frame = extract_tb(error.__traceback__)[-1]
    return f"{frame.name}:{frame.lineno}"
