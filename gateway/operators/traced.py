"""An operator that traces itself: a span for each call of an adapter's method, and one for each request within it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from gateway.operators.adapter import Headers, Http, HttpResponse
from gateway.operators.bulkhead import CallGroup
from gateway.operators.errors import OperatorError
from gateway.operators.far_side import Admission
from gateway.operators.http_client.wire_use import WireUse
from gateway.operators.operator import Operator
from gateway.operators.outcome import verdict_of
from gateway.records import Session, Verdict
from gateway.wire.calls import MoneyCall

if TYPE_CHECKING:
    from gateway.telemetry.tracing import Tracing

WORTH_SHOWING_NS: Final = 1_000_000
"""A wait for a slot is shown from a millisecond on: nearly every call gets its slot at once."""

_TRACEPARENT: Final = "traceparent"
_PORTS: Final = {"http": 80, "https": 443}
_FAILED: Final = frozenset({Verdict.UNKNOWN, Verdict.UNSENT})
"""A decline is an answer, as good as a yes."""


class TracedHttp(Http):
    """A client whose requests are spans. `sends_context`: whether they carry `traceparent`.

    Adapters sign before they hand a request over, so the added header is part of no signature. Neither the path nor the
    query of a URL goes into a span: adapters put sessions into both.
    """

    def __init__(self, client: Http, tracing: Tracing, *, sends_context: bool) -> None:
        self._client = client
        self._tracing = tracing
        self._sends_context = sends_context

    async def request(self, method: str, url: str, *, headers: Headers = (), body: bytes | None = None) -> HttpResponse:
        with self._tracing.request_span(method, {"http.request.method": method, **_server(url)}) as span:
            try:
                answer = await self._client.request(method, url, headers=self._with_context(headers), body=body)
            except OperatorError as error:
                self._tracing.fail(type(error).__name__.lower())
                raise
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= HTTPStatus.BAD_REQUEST:
                self._tracing.fail(str(answer.status))
            return answer

    def now(self) -> float:
        return self._client.now()

    def nonce(self) -> str:
        return self._client.nonce()

    def _with_context(self, headers: Headers) -> Headers:
        pairs = tuple(headers.items() if isinstance(headers, Mapping) else headers)
        # An adapter whose operator's protocol has the header sends its own.
        if not self._sends_context or any(name.lower() == _TRACEPARENT for name, _ in pairs):
            return headers
        return (*pairs, (_TRACEPARENT, self._tracing.traceparent()))


class _TracedAdmission:
    """An admission that had to be waited for is a span: slow operators show there first."""

    def __init__(self, admission: Admission, tracing: Tracing) -> None:
        self._admission = admission
        self._tracing = tracing

    async def __aenter__(self) -> Admission:
        began_ns = time.time_ns()
        try:
            return await self._admission.__aenter__()
        finally:
            if time.time_ns() - began_ns >= WORTH_SHOWING_NS:
                self._tracing.show_wait("slot wait", began_ns)

    async def __aexit__(self, *error: object) -> None:
        await self._admission.__aexit__(*error)


class TracedOperator(Operator):
    """An operator whose calls are spans."""

    def __init__(self, *parts: Any, tracing: Tracing) -> None:
        super().__init__(*parts)
        self._tracing = tracing

    def admit(self, group: CallGroup) -> Admission:
        return cast("Admission", _TracedAdmission(super().admit(group), self._tracing))

    async def _call(
        self,
        call: MoneyCall,
        method: Any,
        argument: Any,
        check: Callable[[Any], Any],
        session: Session,
        use: WireUse,
        name: str = "",
    ) -> Any:
        asked = name or call
        attributes = {"mm_gateway.operator": self.name, "mm_gateway.call": asked}
        with self._tracing.span(f"operator {asked}", attributes):
            begun = self._clock.monotonic()
            try:
                answer = await super()._call(call, method, argument, check, session, use, name)
            except OperatorError as error:
                self._show(asked, verdict_of(error, call), self._clock.monotonic() - begun)
                raise
            self._show(asked, Verdict.SUCCESS, self._clock.monotonic() - begun)
            return answer

    def _show(self, call: str, verdict: Verdict, took_s: float) -> None:
        """What the current span shows of a call that has ended, and its metrics."""
        self._tracing.current.set_attribute("mm_gateway.verdict", verdict)
        if verdict in _FAILED:
            self._tracing.fail(verdict)
        trace_id = self._tracing.sampled_trace_id()
        if trace_id is not None:
            self._metrics.operator_call_traced(self.name, call, verdict, took_s, trace_id)


def _server(url: str) -> dict[str, Any]:
    """Whom a URL leads to, in the words of OpenTelemetry's conventions for HTTP."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # not a URL; the client says so
        return {}
    return {} if host is None or port is None else {"server.address": host, "server.port": port}
