"""The handler of the listener that operators call: the query for a final state, and what else is in `inbound_calls`.

Whatever of a caller is wrong (its operator's name, its credentials, its address, a signature), the answer is the same
401, after the same work: nobody learns which operators, paths and transfers there are.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar, Final, NoReturn, cast

from aiohttp import web

from gateway.http.access_log import AccessLog
from gateway.http.call_handler import AddressNotAllowed, CallHandler, CallResult, ReceivedCall, unauthorized
from gateway.http.inbound import JSON, InboundRequest, InboundServices, NotAuthenticated
from gateway.http.operators_routing import OperatorsRouting
from gateway.http.response import response_start
from gateway.http.routing import OperatorAccess
from gateway.operators.operator import Operator
from gateway.telemetry.metrics import OK, OPERATORS
from gateway.wire.errors import ErrorCode, WalletError

_START_OF_401: Final = (
    response_start(HTTPStatus.UNAUTHORIZED, JSON)
    + 'WWW-Authenticate: Basic realm="operators", charset="UTF-8"\r\n'
    + 'WWW-Authenticate: Bearer realm="operators"\r\n'
)

_SIGNATURE: Final = b"a signature"
"""What every right signature is remembered by: each call has another one."""


class OperatorsHandler(CallHandler):
    """Answers operators' requests."""

    stopping: ClassVar = "The gateway is stopping; nothing was done. Ask again."
    too_many_checks: ClassVar = "Too many credentials are being checked; nothing was done. Ask again."
    too_many_guesses: ClassVar = (
        "Too many wrong credentials came from your address; nothing was done. Wait, then ask again."
    )
    no_such_call: ClassVar = "There is no such call; compare path and method with docs/calls-from-operators.md."

    def __init__(self, services: InboundServices, access: AccessLog, routing: OperatorsRouting) -> None:
        super().__init__(OPERATORS, services.metrics, services.metrics.inbound_call, access, routing)
        self._services = services

    async def _authorize(self, request: web.BaseRequest, call: ReceivedCall) -> Operator | None:
        if call.route.signed:
            self._await_signature(request, call)
            return None
        # A path without a name is within the scope of an operator that does not exist.
        name = call.route.operator or ""
        grant = await self._check_credentials(request, call, name)
        if grant.operator(name) is None:
            self._refuse()
        return self._operator(call, name)

    def _await_signature(self, request: web.BaseRequest, call: ReceivedCall) -> None:
        """The body will say whose call it is, and is read before anything is told, also where there is no operator."""
        if not call.routing.allows(call.client):
            raise AddressNotAllowed
        if request.method not in call.route.methods:
            self._refuse()

    async def _answer(self, call: ReceivedCall, operator: Operator | None, body: bytes) -> CallResult:
        handler = _routing(call).handlers[call.call]
        request = _inbound_request(call, body)
        is_counted = call.route.signed and await self._wait_for_signature(call)
        operator = operator or self._find_operator(call, request)
        try:
            reply = await handler.handle(self._services, operator, request)
        except NotAuthenticated:
            self._refuse()
        if call.route.signed:
            self._guesses.note_right(str(call.client), _SIGNATURE, is_counted=is_counted)
        outcome = OK if reply.error is None else reply.error.name.lower()
        start = response_start(HTTPStatus(reply.status), reply.content_type)
        start += "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
        return CallResult(reply.status, reply.body, outcome, start=start)

    async def _wait_for_signature(self, call: ReceivedCall) -> bool:
        """Signatures are slowed like passwords, but for an address from which one was right. Returns whether this one
        is counted as wrong."""
        until = call.started_at + call.routing.server.request_timeout
        with self._refusing_too_many():
            return await self._guesses.wait(str(call.client), _SIGNATURE, until=until)

    def _find_operator(self, call: ReceivedCall, request: InboundRequest) -> Operator:
        """The operator of a signed call: the one that the path names, or the one that has signed it."""
        name, find = call.route.operator, _routing(call).handlers[call.call].find_operator
        if name is None and find is not None:
            allowed = [one.operator for one in call.routing.operators.values() if one.allow_list.allows(call.client)]
            found = find(request, allowed)
            name = None if found is None else found.name
        operator = self._operator(call, name or "")
        # A reload must not close it now: test_a_signed_call_keeps_its_operator_until_it_is_answered.
        task: Any = asyncio.current_task()
        self._running[task] = operator
        return operator

    def _operator(self, call: ReceivedCall, name: str) -> Operator:
        """The operator of this name, if there is one and the client's address is on its list."""
        access: OperatorAccess | None = call.routing.operators.get(name)
        # Not closed without a response, as on the wallet listener: that would tell a wrong address from a wrong name.
        if access is None or not access.allow_list.allows(call.client):
            self._refuse()
        call.operator = name
        return access.operator

    def _refuse(self) -> NoReturn:
        self._metrics.refused(OPERATORS, "credentials")
        raise unauthorized()

    def _error_result(self, error: WalletError) -> CallResult:
        result = super()._error_result(error)
        return result._replace(start=_START_OF_401) if error.code is ErrorCode.UNAUTHORIZED else result


def _routing(call: ReceivedCall) -> OperatorsRouting:
    return cast("OperatorsRouting", call.routing)


def _inbound_request(call: ReceivedCall, body: bytes) -> InboundRequest:
    request = call.request
    path, _, query = request.raw_path.partition("?")
    return InboundRequest(
        method=request.method, path=path, query=query, headers=request.headers, body=body, client=call.client
    )
