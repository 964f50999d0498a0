"""Spans of calls, through OpenTelemetry, which is an extra: this module is imported only where tracing is configured.

Parts of the gateway that trace themselves are subclasses or wrappers of the plain ones (`traced.py` in `http`,
`transfers`, `operators` and `journal`), made in place of those at the start: without tracing no call passes through
any of this (docs/decisions/067-tracing-is-woven-in-at-the-start.md).

No attribute may hold a token, a body or a credential. So an exception's text is never recorded, nor a URL's path or
query to an operator: adapters put sessions into both.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from importlib.metadata import version
from typing import Final

import structlog
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Status, StatusCode, TraceState
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import Attributes

from gateway.bounded import BoundedMap
from gateway.records import Key
from gateway.settings import TracingSettings
from gateway.telemetry.call_context import CALL, CallContext

SERVICE: Final = "mm-wallet-gateway"
TRY: Final = "delivery try"
REMEMBERED: Final = 100_000
FLUSH_S: Final = 2.0
"""How long a stop waits for the last spans to be sent; what is left then is lost."""

_propagator: Final = TraceContextTextMapPropagator()

log = structlog.get_logger(__name__)


class Tracing:
    """Makes spans and sends them in a thread of its own. A queue that is full drops them; no call ever waits.

    `instance` is the gateway's id. A span is recorded where its trace is sampled; the others only carry their ids on.
    """

    def __init__(self, settings: TracingSettings, instance: str) -> None:
        headers = {name: secret.get_secret_value() for name, secret in settings.headers.items()}
        self._exporter = OTLPSpanExporter(endpoint=settings.endpoint, headers=headers or None)
        sampler = None if settings.share is None else ParentBased(TraceIdRatioBased(settings.share))
        # Its own hook at exit would wait half a minute for a collector that is away.
        self._provider = TracerProvider(sampler, resource=_resource(instance), shutdown_on_exit=False)
        self._provider.sampler = _AsLinked(self._provider.sampler)
        self._provider.add_span_processor(BatchSpanProcessor(self._exporter))
        self._tracer = self._provider.get_tracer(SERVICE, version(SERVICE))
        self._deciders: BoundedMap[Key, SpanContext] = BoundedMap(REMEMBERED)

    def start_call(self, name: str, headers: Mapping[str, str], attributes: Attributes, began_ns: int) -> Span:
        """The span of one call, whose request came with these headers (W3C trace context). `began_ns`: Unix
        nanoseconds. It is sent once it is ended."""
        parent = _propagator.extract(headers, Context())
        return self._tracer.start_span(name, parent, SpanKind.SERVER, attributes, start_time=began_ns)

    def span(self, name: str, attributes: Attributes = None) -> AbstractContextManager[Span]:
        """A span within the current one. How it ended is for the block to say: of what the block raises nothing is
        recorded, since its text may hold anything."""
        return self._child(name, SpanKind.INTERNAL, attributes)

    def request_span(self, method: str, attributes: Attributes) -> AbstractContextManager[Span]:
        """The span of one HTTP request to an operator."""
        return self._child(method, SpanKind.CLIENT, attributes)

    def show_wait(self, name: str, began_ns: int) -> None:
        """A span of what the current task has waited for since `began_ns` (Unix nanoseconds)."""
        self._tracer.start_span(name, start_time=began_ns).end()

    @contextmanager
    def try_span(self, key: Key, attributes: Attributes) -> Iterator[Span]:
        """The span of one try to deliver: within the call that makes it, or else a trace of its own that links to the
        call which decided it, where that was here."""
        if self.is_in_trace():
            with self.span(TRY, attributes) as span:
                yield span
            return
        decider = self._deciders.get(key)
        links = [] if decider is None else [Link(decider)]
        with _entered(self._tracer.start_span(TRY, attributes=attributes, links=links)) as span, self._logged():
            yield span

    @contextmanager
    def within(self, span: Span) -> Iterator[None]:
        """The block works within a span that somebody else ends."""
        token = attach(trace.set_span_in_context(span))
        try:
            yield
        finally:
            detach(token)

    def note_decided(self, key: Key) -> None:
        """The current call has decided how this transfer ends."""
        self._deciders.put(key, self.current.get_span_context())

    def forget(self, key: Key) -> None:
        """The transfer has ended."""
        self._deciders.pop(key, None)

    @property
    def current(self) -> Span:
        """The span that the current task works within; one that records nothing where there is none."""
        return trace.get_current_span()

    def is_in_trace(self) -> bool:
        """Whether the current task works within a span."""
        return self.current.get_span_context().is_valid

    def trace_id(self) -> str:
        """The id of the current trace: 32 hex digits."""
        return _trace_id(self.current)

    def sampled_trace_id(self) -> str | None:
        """The same, if the trace is sampled, so that there is something to look at."""
        return self.trace_id() if self.current.get_span_context().trace_flags.sampled else None

    def traceparent(self) -> str:
        """What a request within the current span carries on: https://www.w3.org/TR/trace-context/#traceparent-header.
        The game's `tracestate` is for its own systems, and stays here."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        return carrier["traceparent"]

    def fail(self, kind: str) -> None:
        """The current span failed; `kind` is a word of a fixed list (`error.type`), never a text from outside."""
        self.current.set_attribute("error.type", kind)
        self.current.set_status(Status(StatusCode.ERROR))

    async def close(self) -> None:
        """Sends what is left, for at most `FLUSH_S`."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(done.set)

        # A thread that nobody joins: the end of the process would wait for the loop's own ones.
        threading.Thread(target=shut_down, name="last spans", daemon=True).start()
        try:
            async with asyncio.timeout(FLUSH_S):
                await done.wait()
        except TimeoutError:
            log.warning("the last spans were not sent in time")
            self._exporter.shutdown()  # type: ignore[no-untyped-call]  # ends the pauses between its tries

    def _child(self, name: str, kind: SpanKind, attributes: Attributes) -> AbstractContextManager[Span]:
        current = self.current
        # Within a trace that nobody records, one span is enough to carry its ids on: half of what such a call costs.
        if self.is_in_trace() and not current.is_recording():
            return nullcontext(current)
        return _entered(self._tracer.start_span(name, None, kind, attributes))

    @contextmanager
    def _logged(self) -> Iterator[None]:
        """Log lines name the trace of work that no call began. Those of a call do by the call's own context."""
        context = CallContext()
        context.trace_id = self.trace_id()
        token = CALL.set(context)
        try:
            yield
        finally:
            CALL.reset(token)


class _AsLinked(Sampler):
    """A trace that begins with a link is sampled if the linked one is: of a call that can be looked at, its deliveries
    can be too, however few calls are."""

    def __init__(self, others: Sampler) -> None:
        self._others = others

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if links and not trace.get_current_span(parent_context).get_span_context().is_valid:
            sampled = any(link.context.trace_flags.sampled for link in links)
            return SamplingResult(Decision.RECORD_AND_SAMPLE if sampled else Decision.DROP, attributes)
        return self._others.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return f"AsLinked{{{self._others.get_description()}}}"


@contextmanager
def _entered(span: Span) -> Iterator[Span]:
    token = attach(trace.set_span_in_context(span))
    try:
        yield span
    finally:
        detach(token)
        span.end()


def _trace_id(span: Span) -> str:
    return trace.format_trace_id(span.get_span_context().trace_id)


def _resource(instance: str) -> Resource:
    """Who sends the spans. OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES add to it, and win."""
    own = {"service.name": SERVICE, "service.version": version(SERVICE), "service.instance.id": instance}
    return Resource.create({**own, **OTELResourceDetector().detect().attributes})
