"""What the handlers of both listeners for calls have in common: one call, from its credentials to its response.

Each call passes the same steps: find its operator (credentials, path, address), read its body, run its handler,
respond, count. Every response is the contract's: 200 with the reply, or 400, 401 or 500 with the error body. A client
whose address is on no allow list gets no response at all (wallet contract, "Transport").
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Final, NamedTuple

import structlog
from aiohttp import hdrs, web
from multidict import istr

from gateway.crashpoints import crash_point
from gateway.deadlines import Deadlines
from gateway.http.access_log import AccessLog, LoggedCall
from gateway.http.addresses import Address, parse_address
from gateway.http.body import BodyReader, TooSlow
from gateway.http.check_queue import TooManyChecks
from gateway.http.connection import CallConnection, LetIn
from gateway.http.credentials import NO_GRANT, Grant
from gateway.http.guesses import Guesses, TooManyGuesses
from gateway.http.refusals import Refusals
from gateway.http.response import WalletResponse, bad_request, refusal
from gateway.http.routing import NO_ROUTE, Routing
from gateway.operators.operator import Operator
from gateway.telemetry import logs
from gateway.telemetry.call_context import CALL, REQUEST_ID, request_ids
from gateway.telemetry.metrics import Metrics
from gateway.wire import replies
from gateway.wire.errors import ErrorCode, WalletError

_OUTCOMES: Final = {code: code.name.lower() for code in ErrorCode}
_STILL_RUNNING: Final = WalletError(ErrorCode.PENDING, "The call is still being worked on; ask again.")
_UNEXPECTED: Final = WalletError(ErrorCode.OTHER, "An unexpected internal error occurred.")

REQUEST_ID_HEADER: Final = istr("X-Request-ID")

log = structlog.get_logger(__name__)


class AddressNotAllowed(Exception):
    """The client's address is not on the allow list: the connection is closed without a response."""


def unauthorized() -> WalletError:
    """The one answer to whoever is not let in. A new one each time: an exception keeps the frames that it passed
    (test_refused_calls_leave_nothing_behind)."""
    return WalletError(ErrorCode.UNAUTHORIZED, "Missing or wrong credentials; send the operator's.")


class CallResult(NamedTuple):
    """The HTTP status of a call, its body, and its outcome: `ok`, or the name of the error code in lower case.

    `start` is the status line and the first headers, where they are not the wallet contract's.
    """

    status: int
    content: bytes
    outcome: str
    start: str = ""


class ReceivedCall(LoggedCall):
    """A call on its connection, routed by one table from its beginning to its end: a reload may put another one in
    force while it waits.

    `route` is known once its path was read. `started_at` is `time.monotonic()`: the loop's clock may only resolve
    milliseconds. `last` closes the connection after the response.
    """

    last = False
    route = NO_ROUTE

    def __init__(
        self, request: web.BaseRequest, routing: Routing, started_at: float, client: Address | None, request_id: str
    ) -> None:
        self.request = request
        connection: Any = request.protocol  # `cast` would be a call
        self.connection: CallConnection = connection
        self.routing = routing
        self.started_at = started_at
        self.client = client
        self.request_id = request_id


class CallHandler(ABC):
    """Answers requests by one routing table, which `apply_routing` replaces. `count` is told of each call: operator,
    call, outcome, seconds."""

    stopping: ClassVar[str]
    too_many_checks: ClassVar[str]
    too_many_guesses: ClassVar[str]
    no_such_call: ClassVar[str]
    """What a caller is told who has the right credentials."""

    def __init__(
        self,
        listener: str,
        metrics: Metrics,
        count: Callable[[str, str, str, float], None],
        access: AccessLog,
        routing: Routing,
    ) -> None:
        self.access = access
        self.listener = listener
        self._metrics = metrics
        self._count = count
        self._refusals = Refusals(listener, metrics)
        self._guesses = Guesses()
        self._routing = routing
        self._bodies = BodyReader(routing.server)
        self._running: dict[asyncio.Task[object], Operator | None] = {}
        self._request_ids = request_ids()
        self._request_timeouts: Deadlines[ReceivedCall] = Deadlines(self._on_request_timeout)
        self._stopping = False
        self._loop = asyncio.get_running_loop()

    def apply_routing(self, routing: Routing) -> None:
        """Uses this table from the next request on. Running calls finish with the table that they began with."""
        routing.credentials.take_over(self._routing.credentials)
        self._routing = routing
        self._bodies = BodyReader(routing.server)

    def admits(self, peer: str) -> bool:
        """Whether a connection from this address is accepted."""
        return self._routing.admits(peer)

    def refuse_new_calls(self) -> None:
        """From now on, calls get a 500 (NOT_SENT), and their connections are closed."""
        self._stopping = True

    async def wait_idle(self, operator: Operator | None = None) -> None:
        """Returns once no call (of this operator) is running."""
        while tasks := list(self._tasks_of(operator)):
            await asyncio.wait(tasks)

    def close(self) -> None:
        """Ends the threads that check credentials, and writes the last lines of the access log."""
        self._routing.credentials.close()
        self._request_timeouts.close()
        self.access.flush()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request. Raises only what aiohttp makes of a lost connection."""
        routing = self._routing
        client = self._client_address(routing, request)
        given = request.headers.get(REQUEST_ID_HEADER)
        request_id = next(self._request_ids) if given is None else self._accept_request_id(given)
        call = ReceivedCall(request, routing, time.monotonic(), client, request_id)
        token = CALL.set(call)
        try:
            result = await self._handle_call(request, call)
        except WalletError as error:
            result = self._error_result(error)
            # A refused body may still be arriving; the connection closes rather than read what nobody wants.
            call.last = not request.content.is_eof()
        except AddressNotAllowed:
            self._refusals.note("address", client, "the address is not on the operator's allow list")
            return _abort(request)
        except TooSlow:
            self._refusals.note("slow", client, "the body did not arrive in time")
            return bad_request(call.connection.limits.too_slow(), last=True)
        except (web.RequestPayloadError, ConnectionError):
            self._refusals.note("malformed", client, "the body is cut off or malformed")
            return bad_request("The body is cut off or malformed; send it whole.", last=True)
        finally:
            CALL.reset(token)  # the same task answers the next request of this connection
        return self._respond(call, result)

    async def _handle_call(self, request: web.BaseRequest, call: ReceivedCall) -> CallResult:
        routing = call.routing
        call.route = route = routing.route(request.raw_path)
        call.call = route.call or ""
        began = self._loop.time()
        # Before anything else: without credentials nobody learns which paths exist, or that the gateway stops
        # (test_without_credentials_nobody_learns_which_paths_there_are).
        operator = await self._authorize(request, call)
        if self._stopping:
            raise WalletError(ErrorCode.NOT_SENT, self.stopping)
        if request.method not in route.methods:
            raise WalletError(ErrorCode.BAD_REQUEST, self.no_such_call)
        # Running from here on, while its body still arrives: a reload must not close the operator that it will call
        # (test_a_call_whose_body_is_still_arriving_keeps_its_operator). aiohttp leaves this task alone when the client
        # goes, so money that moves is followed to its end (test_a_client_that_leaves_does_not_stop_its_call).
        task: Any = asyncio.current_task(self._loop)
        self._running[task] = operator
        try:
            until = (call.connection.began_at or began) + routing.server.read_timeout
            body = await self._bodies.read(request, until, route, call.operator)
            crash_point("http.read")
            self._request_timeouts.set(call, began + routing.server.request_timeout, self._loop)
            try:
                return await self._answer(call, operator, body)
            except WalletError as error:
                return self._error_result(error)
            except Exception:
                log.exception("a call failed unexpectedly", operator=call.operator, call=call.call)
                return self._error_result(_UNEXPECTED)
        finally:
            del self._running[task]
            self._request_timeouts.drop(call)

    @abstractmethod
    async def _authorize(self, request: web.BaseRequest, call: ReceivedCall) -> Operator | None:
        """The operator that the call is for, whose name is noted in `call`; None if only the body says it. Raises
        `AddressNotAllowed` and `WalletError`."""

    @abstractmethod
    async def _answer(self, call: ReceivedCall, operator: Operator | None, body: bytes) -> CallResult:
        """Does what the call asks for, in the request's own task (docs/decisions/054-a-call-is-its-own-task.md). Raises
        `WalletError`."""

    def _on_request_timeout(self, call: ReceivedCall) -> None:
        """Answers PENDING and closes the connection. The call keeps running, so no second response could follow."""
        call.last = True
        call.connection.respond_and_close(self._respond(call, self._error_result(_STILL_RUNNING)))

    def _respond(self, call: ReceivedCall, result: CallResult) -> WalletResponse:
        """The response of a call, which is counted and logged here."""
        # A call that ends after its PENDING was counted then; its response is never sent.
        if not call.connection.is_closing:
            took_s = time.monotonic() - call.started_at
            self._count(call.operator, call.call, result.outcome, took_s)
            self.access.call(call, result.outcome, result.status, took_s)
        last = call.last or self._stopping
        return WalletResponse(result.status, result.content, last=last, request_id=call.request_id, start=result.start)

    def _tasks_of(self, operator: Operator | None) -> Iterator[asyncio.Task[object]]:
        # A call that nobody's yet is may become any operator's.
        return (
            task for task, its_operator in self._running.items() if operator is None or its_operator in (None, operator)
        )

    def _error_result(self, error: WalletError) -> CallResult:
        return CallResult(error.code.status, replies.error(error), _OUTCOMES[error.code])

    def _accept_request_id(self, given: str) -> str:
        """The id that the client gave its request; a new one if a log cannot hold it, or must not."""
        return given if REQUEST_ID.fullmatch(given) and logs.redact(given) == given else next(self._request_ids)

    @staticmethod
    def _client_address(routing: Routing, request: web.BaseRequest) -> Address | None:
        peer = parse_address(request.remote or "")
        if not routing.proxies:
            return peer
        return routing.proxies.client(peer, request.headers.getall(hdrs.X_FORWARDED_FOR, ()))

    async def _check_credentials(self, request: web.BaseRequest, call: ReceivedCall, scope: str = "") -> Grant:
        """What credentials give access to that are not known to be right. Raises `AddressNotAllowed` and
        `WalletError`."""
        # A stranger gets no response, not even a 401, and cannot make the gateway compute an Argon2.
        if not call.routing.allows(call.client):
            raise AddressNotAllowed
        header = request.headers.get(hdrs.AUTHORIZATION)
        source, connection = str(call.client), call.connection
        with self._refusing_too_many():
            grant = await self._guesses.check(
                call.routing.credentials,
                header,
                source,
                scope,
                until=call.started_at + call.routing.server.request_timeout,
                is_wanted=connection.is_waited_for,
            )
        if header is not None and grant is not NO_GRANT:
            connection.note_let_in(header, LetIn(call.client, call.routing.credentials, grant))
        return grant

    @contextmanager
    def _refusing_too_many(self) -> Iterator[None]:
        """What could not be looked at is answered as a call, so that the access log has it."""
        try:
            yield
        except TooManyGuesses:
            self._metrics.refused(self.listener, "guessing")
            raise WalletError(ErrorCode.NOT_SENT, self.too_many_guesses) from None
        except (TooManyChecks, TimeoutError):
            self._metrics.refused(self.listener, "checks")
            raise WalletError(ErrorCode.NOT_SENT, self.too_many_checks) from None


def _abort(request: web.BaseRequest) -> WalletResponse:
    """Aborts the connection. aiohttp needs a response object; this one is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return refusal(unauthorized(), last=True)
