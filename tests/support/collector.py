"""A collector of traces on a real socket: it takes OTLP over HTTP, and gives out the spans that have come."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

PATIENCE_S = 20.0
KINDS = {
    trace_pb2.Span.SPAN_KIND_INTERNAL: "internal",
    trace_pb2.Span.SPAN_KIND_SERVER: "server",
    trace_pb2.Span.SPAN_KIND_CLIENT: "client",
}


class ReceivedSpan(NamedTuple):
    """One span. Ids are hex; `parent` is empty for the first of a trace. `links` are pairs of trace and span id."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: Mapping[str, Any]
    links: list[tuple[str, str]]
    events: list[str]
    failed: bool
    resource: Mapping[str, Any]


class Collector:
    """`spans` are those that have come so far, `bodies` the requests as they came, `headers` those of the
    last one, with names in lower case."""

    def __init__(self) -> None:
        self.url = ""
        self.spans: list[ReceivedSpan] = []
        self.bodies: list[bytes] = []
        self.headers: Mapping[str, str] = {}
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self._came = asyncio.Condition()

    async def until(self, enough: Callable[[list[ReceivedSpan]], bool]) -> list[ReceivedSpan]:
        """The spans, once they are enough."""
        async with self._came:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self._came.wait_for(lambda: enough(self.spans))
            except TimeoutError:
                raise AssertionError(f"only these came: {[span.name for span in self.spans]}") from None
        return self.spans

    async def named(self, name: str, times: int = 1) -> list[ReceivedSpan]:
        """The spans of that name, once so many have come."""
        await self.until(lambda spans: sum(span.name == name for span in spans) >= times)
        return [span for span in self.spans if span.name == name]

    async def trace(self, trace: str, *names: str) -> list[ReceivedSpan]:
        """The spans of that trace, once these are among them."""
        await self.until(lambda spans: {span.name for span in spans if span.trace == trace}.issuperset(names))
        return [span for span in self.spans if span.trace == trace]

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.read()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        await self.may_answer.wait()
        sent = ExportTraceServiceRequest.FromString(body)
        async with self._came:
            self.bodies.append(body)
            for group in sent.resource_spans:
                resource = _values(group.resource.attributes)
                self.spans += [_span(span, resource) for scope in group.scope_spans for span in scope.spans]
            self._came.notify_all()
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector that serves at its `url`."""
    ours = Collector()
    runner = web.ServerRunner(web.Server(ours.handle), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ours.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
        yield ours
    finally:
        ours.may_answer.set()
        await runner.cleanup()


def _span(span: trace_pb2.Span, resource: Mapping[str, Any]) -> ReceivedSpan:
    return ReceivedSpan(
        name=span.name,
        kind=KINDS[span.kind],
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_values(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        events=[event.name for event in span.events],
        failed=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        resource=resource,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each) for each in attributes}


def _value(each: KeyValue) -> Any:
    value: AnyValue = each.value
    return getattr(value, str(value.WhichOneof("value")))
