"""Handlers that trace themselves: a span for each call of the game and of operators, from its begin to its response."""

from __future__ import annotations

import time
from abc import abstractmethod
from contextlib import ExitStack
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from gateway.http.addresses import address_text
from gateway.http.call_handler import CallHandler, CallResult, ReceivedCall
from gateway.http.inbound import InboundRequest
from gateway.http.operators_listener import OperatorsHandler
from gateway.http.response import WalletResponse
from gateway.http.routing import plain_path
from gateway.http.wallet import WalletHandler
from gateway.operators.operator import Operator
from gateway.wire.errors import ErrorCode, WalletError

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from gateway.telemetry.tracing import Tracing

FAILED: Final = frozenset(
    code.name.lower()
    for code in (ErrorCode.OTHER, ErrorCode.UNCLEAR, ErrorCode.NOT_SENT, ErrorCode.JOURNAL_UNAVAILABLE)
)
"""Outcomes that are errors in a trace. The others are answers, though the contract gives them the status 500 too."""


_METHODS: Final = frozenset({hdrs.METH_POST, hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_PUT})
"""Any other one may be a text that a client made up."""

UNKNOWN: Final = "unknown"
"""The route of a path that names no call."""

_STACK: Final = web.RequestKey("stack", ExitStack)
_IS_FORGED: Final = web.RequestKey("is_forged", bool)


class TracedHandler(CallHandler):
    """A handler with a span for each call, and the trace's id in what its caller is told of an error.

    The span begins once the credentials are checked, and counts from the call's begin: a stranger leaves no trace.
    """

    _tracing: Tracing
    _spans: dict[ReceivedCall, Span]

    def trace_to(self, tracing: Tracing) -> None:
        """Before the first call."""
        self._tracing = tracing
        self._spans = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        with ExitStack() as stack:
            request[_STACK] = stack
            return await super().handle(request)

    async def _handle_call(self, request: web.BaseRequest, call: ReceivedCall) -> CallResult:
        try:
            return await super()._handle_call(request, call)
        finally:
            self._spans.pop(call, None)

    @abstractmethod
    def _http_route(self, call: ReceivedCall) -> str:
        """The path without what a client may have put behind it: one of a fixed list."""

    def _begin_span(self, request: web.BaseRequest, call: ReceivedCall, operator: str) -> None:
        began_ns = time.time_ns() - int(1e9 * (time.monotonic() - call.started_at))
        http_route = self._http_route(call)
        method = request.method if request.method in _METHODS else "_OTHER"
        attributes = {
            "http.request.method": method,
            "http.route": http_route,
            "url.scheme": request.scheme,
            "client.address": address_text(call.client),
            "mm_gateway.request_id": call.request_id,
            "mm_gateway.operator": operator,
            "mm_gateway.call": call.call,
        }
        span = self._tracing.start_call(f"{method} {http_route}", _trace_headers(request), attributes, began_ns)
        self._spans[call] = span
        stack = request[_STACK]
        stack.enter_context(self._tracing.within(span))
        stack.callback(_end_span, request, span)
        call.trace_id = self._tracing.trace_id()

    def _on_request_timeout(self, call: ReceivedCall) -> None:
        # A timer runs in the context of the call that happened to set it. A call that nobody's yet is has no span.
        if (span := self._spans.get(call)) is None:
            super()._on_request_timeout(call)
            return
        with self._tracing.within(span):
            super()._on_request_timeout(call)

    def _respond(self, call: ReceivedCall, result: CallResult) -> WalletResponse:
        response = super()._respond(call, result)
        span = self._tracing.current
        if call.connection.is_closing:  # answered before: see `_on_request_timeout`
            span.add_event("ended after its answer", {"mm_gateway.outcome": result.outcome})
            return response
        span.set_attributes({"http.response.status_code": result.status, "mm_gateway.outcome": result.outcome})
        if result.outcome in FAILED:
            self._tracing.fail(result.outcome)
        return response

    def _error_result(self, error: WalletError) -> CallResult:
        # A 401 is the same to the byte, whoever asks: a trace's id would tell that there is such an operator.
        if self._tracing.is_in_trace() and error.code is not ErrorCode.UNAUTHORIZED:
            error = WalletError(error.code, f"{error.text} (trace {self._tracing.trace_id()})")
        return super()._error_result(error)


class TracedWalletHandler(TracedHandler, WalletHandler):
    """The wallet listener's handler. Its sampled traces are examples of the metrics."""

    async def _authorize(self, request: web.BaseRequest, call: ReceivedCall) -> Operator:
        operator = await super()._authorize(request, call)
        self._begin_span(request, call, operator.name)
        return operator

    def _http_route(self, call: ReceivedCall) -> str:
        route = call.route
        where = f"/operators/{route.operator}/wallet/" if route.operator else "/wallet/"
        return f"{where}{route.call}" if route.call else UNKNOWN

    def _respond(self, call: ReceivedCall, result: CallResult) -> WalletResponse:
        was_answered = call.connection.is_closing
        response = super()._respond(call, result)
        trace_id = None if was_answered else self._tracing.sampled_trace_id()
        if trace_id is not None:
            took_s = time.monotonic() - call.started_at
            self._metrics.call_traced(call.operator, call.call, result.outcome, took_s, trace_id)
        return response


class TracedOperatorsHandler(TracedHandler, OperatorsHandler):
    """The operators' listener's handler. Of a signed call the operator is known before its signature is checked: a span
    begins with the operator, and is dropped if the signature is wrong."""

    async def _authorize(self, request: web.BaseRequest, call: ReceivedCall) -> Operator | None:
        operator = await super()._authorize(request, call)
        if operator is not None:
            self._begin_span(request, call, operator.name)
        return operator

    def _find_operator(self, call: ReceivedCall, request: InboundRequest) -> Operator:
        operator = super()._find_operator(call, request)
        self._begin_span(call.request, call, operator.name)
        return operator

    def _respond(self, call: ReceivedCall, result: CallResult) -> WalletResponse:
        if result.status == HTTPStatus.UNAUTHORIZED:
            call.request[_IS_FORGED] = True
            call.trace_id = ""
        elif call.transfer:
            self._tracing.current.set_attribute("mm_gateway.transfer.id", call.transfer)
        return super()._respond(call, result)

    def _http_route(self, call: ReceivedCall) -> str:
        return plain_path(call.request.raw_path.partition("?")[0]) if call.route.call else UNKNOWN


def _end_span(request: web.BaseRequest, span: Span) -> None:
    if not request.get(_IS_FORGED, False):
        span.end()


def _trace_headers(request: web.BaseRequest) -> dict[str, str]:
    """The request's trace context. https://www.w3.org/TR/trace-context/ has one `traceparent`, and one that comes twice
    counts as none; the parts of `tracestate` belong together."""
    parents = request.headers.getall("traceparent", ())
    if len(parents) != 1:
        return {}
    return {"traceparent": parents[0], "tracestate": ",".join(request.headers.getall("tracestate", ()))}
