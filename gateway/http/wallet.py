"""The wallet listener's handler: the calls of the game."""

from __future__ import annotations

from typing import ClassVar

from aiohttp import hdrs, web

from gateway.http.access_log import AccessLog
from gateway.http.call_handler import AddressNotAllowed, CallHandler, CallResult, ReceivedCall, unauthorized
from gateway.http.handlers import HANDLERS
from gateway.http.routing import RoutingTable
from gateway.operators.operator import Operator
from gateway.telemetry.metrics import OK, WALLET, Metrics
from gateway.transfers.coordinator import Coordinator


class WalletHandler(CallHandler):
    """Answers the game's requests."""

    stopping: ClassVar = "The gateway is stopping; nothing was sent to the operator."
    too_many_checks: ClassVar = "Too many credentials are being checked; nothing was sent to the operator."
    too_many_guesses: ClassVar = (
        "Too many wrong credentials came from your address; nothing was sent to the operator. Wait, then ask again."
    )
    no_such_call: ClassVar = "There is no such call; POST to /wallet/withdraw and the like."

    def __init__(self, coordinator: Coordinator, metrics: Metrics, access: AccessLog, routing: RoutingTable) -> None:
        super().__init__(WALLET, metrics, metrics.call, access, routing)
        self._coordinator = coordinator

    async def _authorize(self, request: web.BaseRequest, call: ReceivedCall) -> Operator:
        # Written out: a coroutine more would be 1 % of a call.
        routing, route = call.routing, call.route
        known = call.connection.let_in.get(request.headers.get(hdrs.AUTHORIZATION))
        if known is not None and known.client is call.client and known.credentials is routing.credentials:
            grant = known.grant
        else:
            grant = await self._check_credentials(request, call)
        name = grant.operator(route.operator)
        if name is None:
            self._metrics.refused(WALLET, "credentials")
            raise unauthorized()
        access = routing.operators[name]
        # Each operator's own list counts, even where another's is wider:
        # test_an_operator_s_own_list_stands_even_where_another_s_is_wider.
        if not access.allow_list.allows(call.client):
            raise AddressNotAllowed
        call.operator = name
        return access.operator

    async def _answer(self, call: ReceivedCall, operator: Operator | None, body: bytes) -> CallResult:
        assert operator is not None
        return CallResult(200, await HANDLERS[call.call](self._coordinator, operator, body), OK)
