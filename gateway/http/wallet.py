"""The wallet door: what the game sees of the gateway.

Each call passes the same way: whose is it (credentials, path, address), what does it want, carry it out, answer,
count. Whatever comes in, what goes out is the contract's: 200 with the reply, or 400, 401 or 500 with the error body;
and from an address that is on no list, nothing at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import structlog

from gateway.crashpoints import crash_point
from gateway.http.access import AccessLog
from gateway.http.addresses import Address
from gateway.http.answer import Answer, bad_request, too_slow
from gateway.http.body import Bodies
from gateway.http.credentials import NOTHING, Grant, TooManyChecks
from gateway.http.dispatch import CARRY, ROLLBACKS
from gateway.http.front import Entry, Front, Route
from gateway.http.request import CutOff, Request, TooSlow
from gateway.operators.operator import Operator
from gateway.telemetry.metrics import Metrics
from gateway.transfers.coordinator import Coordinator
from gateway.wire import replies
from gateway.wire.calls import WalletCall
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


class Ignored(Exception):
    """Whoever calls is on no list: they get no answer."""


class Reply(NamedTuple):
    """What came of a call: its status, its body, and its outcome as the metrics name it."""

    status: int
    content: bytes
    outcome: str


class WalletDoor:
    """Answers the game's requests. `front` is what it knows of the configuration; `open_to` replaces that."""

    def __init__(self, coordinator: Coordinator, metrics: Metrics, access: AccessLog, front: Front) -> None:
        self.access = access
        self._coordinator = coordinator
        self._metrics = metrics
        self._front = front
        self._bodies = Bodies(front.server.max_body)
        self._under_way: dict[asyncio.Task[Any], Operator] = {}
        self._stopping = False
        self._time = asyncio.get_running_loop().time

    def open_to(self, front: Front) -> None:
        """From the next request on, this is what counts. Calls under way finish with what they began with."""
        self._front.credentials.close()
        self._front = front
        self._bodies = Bodies(front.server.max_body)

    def admits(self, peer: str) -> bool:
        """Whether a connection from there is taken at all."""
        return self._front.admits(peer)

    def refuse_new_calls(self) -> None:
        """Calls that arrive from now on get the error body, and their connections are closed."""
        self._stopping = True

    async def settled(self, operator: Operator | None = None) -> None:
        """Returns once no call (of this operator) is under way."""
        while tasks := list(self._tasks_of(operator)):
            await asyncio.wait(tasks)

    def close(self) -> None:
        """Lets go of what checking credentials takes, and writes the last lines of the log."""
        self._front.credentials.close()
        self.access.flush()

    async def handle(self, request: Request) -> None:
        """Answers one request. Runs as a task of its own: whatever becomes of the connection, it is carried out."""
        front = self._front
        try:
            reply = await self._reply(front, request)
        except WalletError as error:
            self._answer(request, _refused(error), last=not request.complete)
        except Ignored:
            request.client.hang_up()
        except TooSlow:
            too_slow().give(request)
        except CutOff:
            bad_request("The body is cut off or malformed; send it whole.", last=True).give(request)
        else:
            self._answer(request, reply)

    def lose_patience(self, request: Request) -> None:
        """Answers a call that takes too long; it goes on, and its end is in the journal."""
        self._answer(request, _refused(_STILL_WORKED_ON))

    async def _reply(self, front: Front, request: Request) -> Reply:
        request.who = who = self._client(front, request)
        route = front.route(request.target)
        request.call = route.call or ""
        entry = self._known(front, request, route, who) or await self._checked(front, request, route, who)
        request.operator = entry.operator.name
        if self._stopping:
            raise _STOPPING
        if route.call is None or request.method != "POST":
            raise _NO_SUCH_CALL
        body = await self._bodies.read(request, roomy=route.call in ROLLBACKS)
        crash_point("door.read")
        return await self._carried_out(request, entry.operator, route.call, body)

    def _known(self, front: Front, request: Request, route: Route, who: Address | None) -> Entry | None:
        """The operator that the call is for, None if it takes a check. Raises `Ignored` and `WalletError`."""
        grant = front.credentials.known(request.header(b"authorization"))
        if grant is None or grant is NOTHING:
            if not front.expects(who):
                raise Ignored
            if grant is None:
                return None
        return self._granted(front, grant, route, who)

    async def _checked(self, front: Front, request: Request, route: Route, who: Address | None) -> Entry:
        """The same, for credentials that are seen for the first time."""
        try:
            grant = await front.credentials.check(request.header(b"authorization") or "", str(who))
        except TooManyChecks:
            raise _CROWDED from None
        return self._granted(front, grant, route, who)

    @staticmethod
    def _granted(front: Front, grant: Grant, route: Route, who: Address | None) -> Entry:
        name = grant.operator(route.operator)
        if name is None:
            raise _UNAUTHORIZED
        entry = front.entries[name]
        if not entry.allow_list.allows(who):
            raise Ignored
        return entry

    async def _carried_out(self, request: Request, operator: Operator, call: WalletCall, body: bytes) -> Reply:
        task = request.task
        assert task is not None
        self._under_way[task] = operator
        try:
            return Reply(200, await CARRY[call](self._coordinator, operator, body), OK)
        except WalletError as error:
            return _refused(error)
        except Exception:
            log.exception("a call failed unexpectedly", operator=operator.name, call=call)
            return _refused(_UNEXPECTED)
        finally:
            del self._under_way[task]

    def _answer(self, request: Request, reply: Reply, *, last: bool = False) -> None:
        if request.answered:
            return
        took_s = self._time() - request.begun
        self._metrics.call(request.operator, request.call, reply.outcome, took_s)
        self.access.call(request.operator, request.call, reply.outcome, reply.status, took_s, request.who)
        Answer(reply.status, reply.content, last or self._stopping).give(request)

    def _tasks_of(self, operator: Operator | None) -> Iterator[asyncio.Task[Any]]:
        return (task for task, whose in self._under_way.items() if operator is None or whose is operator)

    @staticmethod
    def _client(front: Front, request: Request) -> Address | None:
        """Where the call comes from."""
        if not front.proxies:
            return request.peer_address
        forwarded = request.header(b"x-forwarded-for")
        return front.proxies.client(request.peer_address, () if forwarded is None else (forwarded,))


def _refused(error: WalletError) -> Reply:
    return Reply(error.code.status, replies.error(error), _OUTCOMES[error.code])
