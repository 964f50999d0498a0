"""The wallet door: what the game sees of the gateway.

Each call passes the same way: whose is it (credentials, path, address), what does it want, carry it out, answer,
count. Whatever comes in, what goes out is the contract's: 200 with the reply, or 400, 401 or 500 with the error body;
and from an address that is on no list, nothing at all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

import structlog
from aiohttp import hdrs, web

from gateway.crashpoints import crash_point
from gateway.deadlines import Deadlines
from gateway.http.access_log import AccessLog
from gateway.http.addresses import Address, parse_address
from gateway.http.body import BodyReader, TooSlow
from gateway.http.connection import GameConnection, too_slow
from gateway.http.credentials import NO_GRANT, Grant, TooManyChecks
from gateway.http.handlers import HANDLERS
from gateway.http.response import WalletResponse, bad_request, refusal
from gateway.http.routing import OperatorAccess, Route, RoutingTable
from gateway.operators.operator import Operator
from gateway.telemetry.metrics import Metrics
from gateway.transfers.coordinator import Coordinator
from gateway.wire import replies
from gateway.wire.calls import ROLLBACKS, WalletCall
from gateway.wire.errors import ErrorCode, WalletError

OK: Final = "ok"
_OUTCOMES: Final = {code: code.name.lower() for code in ErrorCode}
_UNAUTHORIZED: Final = WalletError(ErrorCode.UNAUTHORIZED, "Missing or wrong credentials; send the operator's.")
_STOPPING: Final = WalletError(ErrorCode.NOT_SENT, "The gateway is stopping; nothing was sent to the operator.")
_CROWDED: Final = WalletError(
    ErrorCode.NOT_SENT, "Too many credentials are being checked; nothing was sent to the operator."
)
_STILL_WORKED_ON: Final = WalletError(ErrorCode.PENDING, "The call is still being worked on; ask again.")
_NO_SUCH_CALL: Final = WalletError(
    ErrorCode.BAD_REQUEST, "There is no such call; POST to /wallet/withdraw and the like."
)
_UNEXPECTED: Final = WalletError(ErrorCode.OTHER, "An unexpected internal error occurred.")

log = structlog.get_logger(__name__)


class AddressNotAllowed(Exception):
    """Whoever calls is on no list: they get no answer."""


class CallResult(NamedTuple):
    """What came of a call: its status, its body, and its outcome as the metrics name it."""

    status: int
    content: bytes
    outcome: str


class GameCall:
    """What is known of a call so far.

    `connection` is where it came from; `last`: that is closed with the answer. `begun` is in seconds that are good for
    measuring (a loop's own time may move in milliseconds).
    """

    __slots__ = ("begun", "call", "connection", "last", "operator", "who")

    def __init__(self, connection: GameConnection, begun: float, who: Address | None) -> None:
        self.connection = connection
        self.begun = begun
        self.who = who
        self.call = ""
        self.operator = ""
        self.last = False


class WalletHandler:
    """Answers the game's requests. `front` is what it knows of the configuration; `apply_routing` replaces that."""

    def __init__(self, coordinator: Coordinator, metrics: Metrics, access: AccessLog, front: RoutingTable) -> None:
        self.access = access
        self._coordinator = coordinator
        self._metrics = metrics
        self._front = front
        self._bodies = BodyReader(front.server.max_body)
        self._under_way: dict[asyncio.Task[object], Operator] = {}
        self._patience: Deadlines[GameCall] = Deadlines(self._on_request_timeout)
        self._stopping = False
        self._loop = asyncio.get_running_loop()

    def apply_routing(self, front: RoutingTable) -> None:
        """From the next request on, this is what counts. Calls under way finish with what they began with."""
        self._front.credentials.close()
        self._front = front
        self._bodies = BodyReader(front.server.max_body)

    def admits(self, peer: str) -> bool:
        """Whether a connection from there is taken at all."""
        return self._front.admits(peer)

    def refuse_new_calls(self) -> None:
        """Calls that arrive from now on get the error body, and their connections are closed."""
        self._stopping = True

    async def wait_idle(self, operator: Operator | None = None) -> None:
        """Returns once no call (of this operator) is under way."""
        while tasks := list(self._tasks_of(operator)):
            await asyncio.wait(tasks)

    def close(self) -> None:
        """Lets go of what checking credentials takes, and writes the last lines of the log."""
        self._front.credentials.close()
        self._patience.close()
        self.access.flush()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """One request. Raises nothing but what aiohttp makes of a lost connection."""
        front = self._front
        call = GameCall(cast("GameConnection", request.protocol), time.monotonic(), self._client(front, request))
        try:
            reply = await self._reply(front, request, call)
        except WalletError as error:
            reply = _refusal_result(error)
            call.last = not request.content.is_eof()
        except AddressNotAllowed:
            return _abort(request)
        except TooSlow:
            return too_slow()
        except (web.RequestPayloadError, ConnectionError):
            return bad_request("The body is cut off or malformed; send it whole.", last=True)
        return self._answer(call, reply)

    async def _reply(self, front: RoutingTable, request: web.BaseRequest, call: GameCall) -> CallResult:
        route = front.route(request.raw_path)
        call.call = route.call or ""
        entry = await self._entry(front, request, route, call.who)
        call.operator = entry.operator.name
        if self._stopping:
            raise _STOPPING
        if route.call is None or request.method != hdrs.METH_POST:
            raise _NO_SUCH_CALL
        until = (call.connection.began_at or self._loop.time()) + front.server.read_timeout
        body = await self._bodies.read(request, until, roomy=route.call in ROLLBACKS)
        crash_point("door.read")
        self._patience.set(call, self._loop.time() + front.server.request_timeout, self._loop)
        try:
            return await self._carried_out(entry.operator, route.call, body)
        finally:
            self._patience.drop(call)

    async def _entry(
        self, front: RoutingTable, request: web.BaseRequest, route: Route, who: Address | None
    ) -> OperatorAccess:
        """The operator that the call is for. Raises `AddressNotAllowed` and `WalletError`."""
        header = request.headers.get(hdrs.AUTHORIZATION)
        grant = front.credentials.known(header)
        if grant is None or grant is NO_GRANT:
            if not front.expects(who):
                raise AddressNotAllowed
            grant = await self._checked(front, header or "", who)
        name = grant.operator(route.operator)
        if name is None:
            raise _UNAUTHORIZED
        entry = front.entries[name]
        if not entry.allow_list.allows(who):
            raise AddressNotAllowed
        return entry

    async def _carried_out(self, operator: Operator, call: WalletCall, body: bytes) -> CallResult:
        """With aiohttp every request is a task of its own: it goes on to its end, whatever becomes of the client."""
        task = cast("asyncio.Task[object]", asyncio.current_task(self._loop))
        self._under_way[task] = operator
        try:
            return CallResult(200, await HANDLERS[call](self._coordinator, operator, body), OK)
        except WalletError as error:
            return _refusal_result(error)
        except Exception:
            log.exception("a call failed unexpectedly", operator=operator.name, call=call)
            return _refusal_result(_UNEXPECTED)
        finally:
            del self._under_way[task]

    def _on_request_timeout(self, call: GameCall) -> None:
        """The call goes on; the game is told so, and its connection is closed: no other answer can follow on it."""
        call.last = True
        call.connection.respond_and_close(self._answer(call, _refusal_result(_STILL_WORKED_ON)))

    def _answer(self, call: GameCall, reply: CallResult) -> WalletResponse:
        """The answer, counted unless it comes too late."""
        if not call.connection.is_closing:
            took_s = time.monotonic() - call.begun
            self._metrics.call(call.operator, call.call, reply.outcome, took_s)
            self.access.call(call.operator, call.call, reply.outcome, reply.status, took_s, call.who)
        return WalletResponse(reply.status, reply.content, last=call.last or self._stopping)

    def _tasks_of(self, operator: Operator | None) -> Iterator[asyncio.Task[object]]:
        return (task for task, whose in self._under_way.items() if operator is None or whose is operator)

    @staticmethod
    def _client(front: RoutingTable, request: web.BaseRequest) -> Address | None:
        peer = parse_address(request.remote or "")
        return front.proxies.client(peer, request.headers.getall(hdrs.X_FORWARDED_FOR, ())) if front.proxies else peer

    @staticmethod
    async def _checked(front: RoutingTable, header: str, who: Address | None) -> Grant:
        try:
            return await front.credentials.check(header, str(who))
        except TooManyChecks:
            raise _CROWDED from None


def _refusal_result(error: WalletError) -> CallResult:
    return CallResult(error.code.status, replies.error(error), _OUTCOMES[error.code])


def _abort(request: web.BaseRequest) -> WalletResponse:
    """Cuts the connection; the answer that aiohttp asks for is then sent to nobody."""
    if request.transport is not None:
        request.transport.abort()
    return refusal(_UNAUTHORIZED, last=True)
