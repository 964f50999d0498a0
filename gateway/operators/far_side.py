"""What answers the gateway's calls that move money: its bulkhead, and how one call is made and judged.

An operator is one (`operators.operator`); the game, which is told of payments, is another (`payments.game`).
"""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from http import HTTPStatus
from traceback import extract_tb
from typing import Any, ClassVar, Final, Self, TypeVar

import msgspec
import structlog

from gateway.clock import Clock
from gateway.deadlines import Deadlines
from gateway.operators.adapter import HttpResponse
from gateway.operators.bulkhead import GROUP_OF, Bulkhead, CallGroup
from gateway.operators.circuit_breaker import BreakerState
from gateway.operators.errors import (
    MAX_RETRY_AFTER_S,
    Declined,
    OperatorError,
    Refused,
    RetryLater,
    Unclear,
    Unmapped,
    Unsendable,
    Unsent,
)
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.wire_use import CURRENT_USE, WireUse
from gateway.operators.outcome import Outcome, verdict_of
from gateway.operators.safe_text import excerpt_of, fit_text
from gateway.records import Decision, Direction, Recipient, Session, Transfer, Verdict
from gateway.secret_spellings import KnownSecrets
from gateway.settings import BreakerSettings, DeliverySettings, LimitSettings
from gateway.telemetry.call_context import CALL
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import Metrics
from gateway.wire.calls import MoneyCall

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

    __slots__ = ("_bulkhead", "_count_refused", "_group", "_is_in", "ask", "attempt")

    def __init__(
        self,
        bulkhead: Bulkhead,
        group: CallGroup,
        attempt: Callable[[Any, Transfer], Coroutine[Any, Any, Outcome]],
        ask: Callable[[Any, Transfer, Outcome], Coroutine[Any, Any, Outcome]],
        count_refused: Callable[[CallGroup, Refused], None],
    ) -> None:
        self._bulkhead = bulkhead
        self._group = group
        self._count_refused = count_refused
        self._is_in = False
        self.attempt = attempt
        self.ask = ask

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


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How a far side is dealt with. `journal`: the name of the one that keeps its transfers. `delivery`: when what it
    has not acknowledged is sent again. `timeout_s`: how long one request may take (seconds)."""

    journal: str
    delivery: DeliverySettings
    limits: LimitSettings
    breaker: BreakerSettings
    timeout_s: float


class FarSide(ABC):
    """One party that calls are made to. Every call goes through `admit`, which takes a slot of its bulkhead.

    `name`: the operator's, also where the game is told of its payments. `recipient`: whose acknowledgements it gives;
    `groups`: the groups of its calls, `ends` that of the calls that ask for an acknowledgement. `secrets` never appear
    in a text.
    """

    recipient: ClassVar[Recipient]
    groups: ClassVar[tuple[CallGroup, ...]]
    ends: ClassVar[CallGroup]

    def __init__(
        self, name: str, terms: Terms, client: HttpClient, metrics: Metrics, clock: Clock, secrets: Iterable[str]
    ) -> None:
        self.name = name
        self.bulkhead = Bulkhead(terms.limits, terms.breaker, terms.timeout_s, clock, name, self.groups)
        self.journal = terms.journal
        self.delivery = terms.delivery
        self._client = client
        self._metrics = metrics
        self._clock = clock
        self._budget_s = terms.timeout_s + OVERTIME_S
        self._overtime: Deadlines[asyncio.Task[Any]] = Deadlines(self._on_overtime)
        self._overdue: set[asyncio.Task[Any]] = set()
        self.secrets = frozenset(secrets)
        self._known = KnownSecrets(self.secrets)

    @property
    @abstractmethod
    def try_s(self) -> float:
        """The most seconds that one try of a call that moves money may take, with its wait for a slot."""

    @abstractmethod
    def end_call(self, direction: Direction, decision: Decision) -> MoneyCall:
        """The call that asks for the acknowledgement of such an end."""

    @abstractmethod
    async def _attempt(self, call: Any, transfer: Transfer) -> Outcome:
        """One try of a call that moves money. Raises nothing: whatever is not a clear yes, no or "not sent" is
        unknown."""

    async def _ask(self, call: Any, transfer: Transfer, outcome: Outcome) -> Outcome:
        """What the try of an end came to once the far side was also asked what became of the transfer; the same outcome
        where it cannot be asked. Raises nothing."""
        return outcome

    def admit(self, group: CallGroup) -> Admission:
        """A slot for one call of this group, taken on entering the block. Entering raises `Refused`."""
        return Admission(self.bulkhead, group, self._attempt, self._ask, self._count_refused)

    def breaker_readings(self) -> Iterator[Reading]:
        """The states of its circuit breakers."""
        for group, current in self.bulkhead.read()[2].items():
            for state in BreakerState:
                yield Reading("breaker_state", state == current, (self.name, group, state))

    async def close(self) -> None:
        """Closes the operator's connections."""
        await self._client.close()
        self._overtime.close()

    def renew_connections(self, tls: ssl.SSLContext) -> None:
        """Every later call is made over a new connection by this context, to an address that was looked up again."""
        self._client.renew_connections(tls)

    def _count_refused(self, group: CallGroup, refused: Refused) -> None:
        self._metrics.operator_refused(self.name, group, refused.reason)

    async def _call(
        self,
        call: MoneyCall,
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
        error.text = self._fit_text(str(error.text), session, use)
        error.args = (error.text,)
        return error

    def _fit_text(self, text: str, session: Session, use: WireUse) -> str:
        """A text of this far side as it may be shown."""
        return fit_text(text, (session.token, *session.memory.values(), *use.secrets), self._known)


def retry_after_s(error: RetryLater) -> float:
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
