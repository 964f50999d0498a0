"""A wallet handler that traces itself: a span for each call of the game, from its credentials to its response."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web

from gateway.http.access_log import AccessLog
from gateway.http.addresses import address_text
from gateway.http.call_handler import CallResult, ReceivedCall
from gateway.http.response import WalletResponse
from gateway.http.routing import RoutingTable
from gateway.http.wallet import WalletHandler
from gateway.operators.operator import Operator
from gateway.telemetry.metrics import Metrics
from gateway.transfers.coordinator import Coordinator
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

_STACK: Final = web.RequestKey("stack", ExitStack)


class TracedWalletHandler(WalletHandler):
    """As its base, with a span for each call, and the trace's id in what the game is told of an error.

    The span begins once the credentials are checked, and counts from the call's begin: a stranger leaves no trace.
    """

    def __init__(
        self, coordinator: Coordinator, metrics: Metrics, access: AccessLog, routing: RoutingTable, tracing: Tracing
    ) -> None:
        super().__init__(coordinator, metrics, access, routing)
        self._tracing = tracing
        self._spans: dict[ReceivedCall, Span] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        with ExitStack() as stack:
            request[_STACK] = stack
            return await super().handle(request)

    async def _handle_call(self, request: web.BaseRequest, call: ReceivedCall) -> CallResult:
        try:
            return await super()._handle_call(request, call)
        finally:
            self._spans.pop(call, None)

    async def _authorize(self, request: web.BaseRequest, call: ReceivedCall) -> Operator:
        operator = await super()._authorize(request, call)
        route = call.route
        began_ns = time.time_ns() - int(1e9 * (time.monotonic() - call.started_at))
        # The path without what a client may have put behind it: routes are of a fixed list.
        where = f"/operators/{route.operator}/wallet/" if route.operator else "/wallet/"
        http_route = f"{where}{route.call}" if route.call else "unknown"
        method = request.method if request.method in _METHODS else "_OTHER"
        attributes = {
            "http.request.method": method,
            "http.route": http_route,
            "url.scheme": request.scheme,
            "client.address": address_text(call.client),
            "mm_gateway.request_id": call.request_id,
            "mm_gateway.operator": operator.name,
            "mm_gateway.call": call.call,
        }
        span = self._tracing.call_span(f"{method} {http_route}", _trace_headers(request), attributes, began_ns)
        self._spans[call] = request[_STACK].enter_context(span)
        call.trace_id = self._tracing.trace_id()
        return operator

    def _on_request_timeout(self, call: ReceivedCall) -> None:
        # A timer runs in the context of the call that happened to set it.
        with self._tracing.within(self._spans[call]):
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
        trace_id = self._tracing.sampled_trace_id()
        if trace_id is not None:
            took_s = time.monotonic() - call.started_at
            self._metrics.call_traced(call.operator, call.call, result.outcome, took_s, trace_id)
        return response

    def _error_result(self, error: WalletError) -> CallResult:
        if self._tracing.is_in_trace():
            error = WalletError(error.code, f"{error.text} (trace {self._tracing.trace_id()})")
        return super()._error_result(error)


def _trace_headers(request: web.BaseRequest) -> dict[str, str]:
    """The request's trace context. https://www.w3.org/TR/trace-context/ has one `traceparent`, and one that comes twice
    counts as none; the parts of `tracestate` belong together."""
    parents = request.headers.getall("traceparent", ())
    if len(parents) != 1:
        return {}
    return {"traceparent": parents[0], "tracestate": ",".join(request.headers.getall("tracestate", ()))}
