"""The wallet listener's handler: one call of the game, from its credentials to its response.

Each call passes the same steps: find its operator (credentials, path, address), read its body, run its handler,
respond, count. Every response is the contract's: 200 with the reply, or 400, 401 or 500 with the error body. A client
whose address is on no allow list gets no response at all (wallet contract, "Transport").
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import structlog
from aiohttp import hdrs, web
from multidict import istr

from gateway.crashpoints import crash_point
from gateway.deadlines import Deadlines
from gateway.http.access_log import AccessLog, LoggedCall
from gateway.http.addresses import Address, parse_address
from gateway.http.body import BodyReader, TooSlow
from gateway.http.connection import GameConnection
from gateway.http.credentials import NO_GRANT, Grant, TooManyChecks
from gateway.http.handlers import HANDLERS
from gateway.http.refusals import Refusals
from gateway.http.response import WalletResponse, bad_request, refusal
from gateway.http.routing import OperatorAccess, Route, RoutingTable
from gateway.operators.operator import Operator
from gateway.telemetry import logs
from gateway.telemetry.call_context import CALL, REQUEST_ID, request_ids
from gateway.telemetry.metrics import OK, WALLET, Metrics
from gateway.transfers.coordinator import Coordinator
from gateway.wire import replies
from gateway.wire.calls import ROLLBACKS, WalletCall
from gateway.wire.errors import ErrorCode, WalletError

_OUTCOMES: Final = {code: code.name.lower() for code in ErrorCode}
_UNAUTHORIZED: Final = WalletError(ErrorCode.UNAUTHORIZED, "Missing or wrong credentials; send the operator's.")
_STOPPING: Final = WalletError(ErrorCode.NOT_SENT, "The gateway is stopping; nothing was sent to the operator.")
_TOO_MANY_CHECKS: Final = WalletError(
    ErrorCode.NOT_SENT, "Too many credentials are being checked; nothing was sent to the operator."
)
_STILL_RUNNING: Final = WalletError(ErrorCode.PENDING, "The call is still being worked on; ask again.")
_NO_SUCH_CALL: Final = WalletError(
    ErrorCode.BAD_REQUEST, "There is no such call; POST to /wallet/withdraw and the like."
)
_UNEXPECTED: Final = WalletError(ErrorCode.OTHER, "An unexpected internal error occurred.")

REQUEST_ID_HEADER: Final = istr("X-Request-ID")

log = structlog.get_logger(__name__)


class AddressNotAllowed(Exception):
    """The client's address is not on the allow list: the connection is closed without a response."""


class CallResult(NamedTuple):
    """The HTTP status of a call, its body, and its outcome: `ok`, or the name of the error code in lower case."""

    status: int
    content: bytes
    outcome: str


class GameCall(LoggedCall):
    """A call on its connection.

    `started_at` is `time.monotonic()`: the loop's clock may only resolve milliseconds. `last` closes the connection
    after the response.
    """

    last = False

    def __init__(
        self, connection: GameConnection, started_at: float, client: Address | None, request_id: str = ""
    ) -> None:
        self.connection = connection
        self.started_at = started_at
        self.client = client
        self.request_id = request_id


class WalletHandler:
    """Answers the game's requests by one routing table, which `apply_routing` replaces."""

    def __init__(self, coordinator: Coordinator, metrics: Metrics, access: AccessLog, routing: RoutingTable) -> None:
        self.access = access
        self._coordinator = coordinator
        self._metrics = metrics
        self._refusals = Refusals(WALLET, metrics)
        self._routing = routing
        self._bodies = BodyReader(routing.server.max_body)
        self._running: dict[asyncio.Task[object], Operator] = {}
        self._request_ids = request_ids()
        self._request_timeouts: Deadlines[GameCall] = Deadlines(self._on_request_timeout)
        self._stopping = False
        self._loop = asyncio.get_running_loop()

    def apply_routing(self, routing: RoutingTable) -> None:
        """Uses this table from the next request on. Running calls finish with the table that they began with."""
        self._routing.credentials.retire()
        self._routing = routing
        self._bodies = BodyReader(routing.server.max_body)

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
        # One table for the whole call: a reload may put another one in force while this call waits.
        routing = self._routing
        client = self._client_address(routing, request)
        connection: Any = request.protocol  # a `GameConnection`; `cast` would be a call
        given = request.headers.get(REQUEST_ID_HEADER)
        request_id = next(self._request_ids) if given is None else self._accept_request_id(given)
        call = GameCall(connection, time.monotonic(), client, request_id)
        token = CALL.set(call)
        try:
            result = await self._handle_call(routing, request, call)
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

    async def _handle_call(self, routing: RoutingTable, request: web.BaseRequest, call: GameCall) -> CallResult:
        route = routing.route(request.raw_path)
        call.call = route.call or ""
        # Before anything else: without credentials nobody learns which paths exist, or that the gateway stops
        # (test_without_credentials_nobody_learns_which_paths_there_are).
        access = await self._authorize(routing, request, route, call.client)
        call.operator = access.operator.name
        if self._stopping:
            raise _STOPPING
        if route.call is None or request.method != hdrs.METH_POST:
            raise _NO_SUCH_CALL
        # Running from here on, while its body still arrives: a reload must not close the operator that it will call
        # (test_a_call_whose_body_is_still_arriving_keeps_its_operator). aiohttp leaves this task alone when the client
        # goes, so money that moves is followed to its end (test_a_client_that_leaves_does_not_stop_its_call).
        task: Any = asyncio.current_task(self._loop)
        self._running[task] = access.operator
        try:
            until = (call.connection.began_at or self._loop.time()) + routing.server.read_timeout
            body = await self._bodies.read(request, until, allow_large=route.call in ROLLBACKS)
            crash_point("http.read")
            self._request_timeouts.set(call, self._loop.time() + routing.server.request_timeout, self._loop)
            return await self._run_handler(access.operator, route.call, body)
        finally:
            del self._running[task]
            self._request_timeouts.drop(call)

    async def _authorize(
        self, routing: RoutingTable, request: web.BaseRequest, route: Route, client: Address | None
    ) -> OperatorAccess:
        """The operator that the call is for. Raises `AddressNotAllowed` and `WalletError`."""
        header = request.headers.get(hdrs.AUTHORIZATION)
        grant = routing.credentials.look_up(header)
        if grant is None or grant is NO_GRANT:
            # A stranger gets no response, not even a 401, and cannot make the gateway compute an Argon2.
            if not routing.allows(client):
                raise AddressNotAllowed
            grant = await self._check_credentials(routing, header or "", client)
        name = grant.operator(route.operator)
        if name is None:
            self._metrics.refused(WALLET, "credentials")
            raise _UNAUTHORIZED
        access = routing.operators[name]
        # Each operator's own list counts, even where another's is wider:
        # test_an_operator_s_own_list_stands_even_where_another_s_is_wider.
        if not access.allow_list.allows(client):
            raise AddressNotAllowed
        return access

    async def _run_handler(self, operator: Operator, call: WalletCall, body: bytes) -> CallResult:
        """Runs the call in the request's own task (docs/decisions/054-a-call-is-its-own-task.md)."""
        try:
            return CallResult(200, await HANDLERS[call](self._coordinator, operator, body), OK)
        except WalletError as error:
            return self._error_result(error)
        except Exception:
            log.exception("a call failed unexpectedly", operator=operator.name, call=call)
            return self._error_result(_UNEXPECTED)

    def _on_request_timeout(self, call: GameCall) -> None:
        """Answers PENDING and closes the connection. The call keeps running, so no second response could follow."""
        call.last = True
        call.connection.respond_and_close(self._respond(call, self._error_result(_STILL_RUNNING)))

    def _respond(self, call: GameCall, result: CallResult) -> WalletResponse:
        """The response of a call, which is counted and logged here."""
        # A call that ends after its PENDING was counted then; its response is never sent.
        if not call.connection.is_closing:
            took_s = time.monotonic() - call.started_at
            self._metrics.call(call.operator, call.call, result.outcome, took_s)
            self.access.call(call, result.outcome, result.status, took_s)
        last = call.last or self._stopping
        return WalletResponse(result.status, result.content, last=last, request_id=call.request_id)

    def _tasks_of(self, operator: Operator | None) -> Iterator[asyncio.Task[object]]:
        return (task for task, its_operator in self._running.items() if operator is None or its_operator is operator)

    def _error_result(self, error: WalletError) -> CallResult:
        return CallResult(error.code.status, replies.error(error), _OUTCOMES[error.code])

    def _accept_request_id(self, given: str) -> str:
        """The id that the game gave its request; a new one if a log cannot hold it, or must not."""
        return given if REQUEST_ID.fullmatch(given) and logs.redact(given) == given else next(self._request_ids)

    @staticmethod
    def _client_address(routing: RoutingTable, request: web.BaseRequest) -> Address | None:
        peer = parse_address(request.remote or "")
        if not routing.proxies:
            return peer
        return routing.proxies.client(peer, request.headers.getall(hdrs.X_FORWARDED_FOR, ()))

    async def _check_credentials(self, routing: RoutingTable, header: str, client: Address | None) -> Grant:
        try:
            return await routing.credentials.check(header, str(client))
        except TooManyChecks:
            self._metrics.refused(WALLET, "checks")  # answered as a call, so the access log has it
            raise _TOO_MANY_CHECKS from None


def _abort(request: web.BaseRequest) -> WalletResponse:
    """Aborts the connection. aiohttp needs a response object; this one is never sent."""
    if request.transport is not None:
        request.transport.abort()
    return refusal(_UNAUTHORIZED, last=True)
