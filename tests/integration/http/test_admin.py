from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry, Counter
from pydantic import SecretStr

from gateway.http.admin import AdminHandler
from gateway.http.admin_connection import AdminServer
from gateway.http.listener import Listener
from gateway.http.refusals import Refusals
from gateway.telemetry.metrics import ADMIN, Metrics
from gateway.telemetry.series import Counters
from tests.support.doors import Answered, Client

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


class ScriptedHealth:
    def __init__(self) -> None:
        self.ailing: list[str] = []
        self.hindered: list[str] = []

    def liveness_problems(self) -> list[str]:
        return self.ailing

    async def readiness_problems(self) -> list[str]:
        return self.hindered


class Operating:
    """Whoever runs the gateway, at its admin door."""

    def __init__(self, health: ScriptedHealth, registry: CollectorRegistry, port: int) -> None:
        self.health = health
        self.registry = registry
        self._port = port

    def refused(self, reason: str) -> float:
        labels = {"listener": ADMIN, "reason": reason}
        return self.registry.get_sample_value("mm_gateway_refused_total", labels) or 0

    async def get(self, path: str, method: str = "GET", **headers: str) -> Answered:
        client = Client(*await asyncio.open_connection("127.0.0.1", self._port))
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        answered = await client.asked(f"{method} {path} HTTP/1.1\r\nHost: g\r\n{fields}\r\n".encode())
        await client.close()
        return answered


@asynccontextmanager
async def admin_door(token: str | None = None) -> AsyncIterator[Operating]:
    metrics = Metrics()
    Counter("mm_things", "Things.", registry=metrics.registry).inc()
    health = ScriptedHealth()
    door = AdminHandler(health, metrics, None if token is None else SecretStr(token))
    server = AdminServer(door.handle, Refusals(ADMIN, metrics))
    listener = Listener.bind("127.0.0.1", 0)
    listener.serve(server, None)
    try:
        yield Operating(health, metrics.registry, listener.port)
    finally:
        listener.close()
        server.pre_shutdown()
        await server.shutdown(1)


async def test_health_and_readiness_say_what_is_wrong() -> None:
    async with admin_door() as admin:
        assert [(await admin.get(page)).status for page in ("/healthz", "/readyz")] == [200, 200]
        admin.health.ailing = ["delivery to acme fails again and again"]
        admin.health.hindered = ["journal default: the disk is full"]
        alive, ready = await admin.get("/healthz"), await admin.get("/readyz")
        assert (alive.status, json.loads(alive.body)) == (
            503,
            {"alive": False, "problems": ["delivery to acme fails again and again"]},
        )
        assert (ready.status, json.loads(ready.body)) == (
            503,
            {"ready": False, "problems": ["journal default: the disk is full"]},
        )


@pytest.mark.parametrize(
    "accept, kind, end",
    [
        ("*/*", "text/plain", b"mm_things_total 1.0\n"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", b"# EOF\n"),
        (PROTOBUF, "application/vnd.google.protobuf", b"\x0a\x0fmm_things_total"),
    ],
)
async def test_metrics_come_in_the_form_that_is_asked_for(accept: str, kind: str, end: bytes) -> None:
    async with admin_door() as admin:
        answered = await admin.get("/metrics", Accept=accept)
        assert answered.status == 200
        assert answered.headers["content-type"].startswith(kind)
        assert end in answered.body
        assert answered.headers["vary"] == "Accept, Accept-Encoding"


async def test_metrics_are_packed_for_a_scraper_that_takes_it() -> None:
    async with admin_door() as admin:
        plain = await admin.get("/metrics")
        packed = await admin.get("/metrics", **{"Accept-Encoding": "gzip"})
        assert "content-encoding" not in plain.headers
        assert packed.headers["content-encoding"] == "gzip"
        assert b"mm_things_total 1.0\n" in gzip.decompress(packed.body)


async def test_health_is_answered_while_a_long_page_is_written() -> None:
    async with admin_door() as admin:
        many = Counters("mm_many", "Many.", ("number",), admin.registry)
        for number in range(50_000):
            many.start(str(number))
        scraping = asyncio.create_task(admin.get("/metrics"))
        answered = 0
        while not scraping.done():
            assert (await admin.get("/healthz")).status == 200
            answered += 1
        assert (await scraping).body.count(b"\n") > 50_000
        assert answered > 3


@pytest.mark.parametrize(
    "header, status",
    [
        ("Bearer s3cret", 200),
        ("bearer  s3cret", 200),
        ("Bearer wrong", 401),
        ("Bearer s3cret2", 401),
        ("Basic s3cret", 401),
        ("Bearer", 401),
        ("", 401),
        ("Bearer \xff", 401),
    ],
)
async def test_the_token_is_asked_for_where_there_is_one(header: str, status: int) -> None:
    async with admin_door("s3cret") as admin:
        assert (await admin.get("/metrics", Authorization=header)).status == status


async def test_health_is_told_to_everybody_and_nothing_else_is() -> None:
    async with admin_door("s3cret") as admin:
        answered = {page: (await admin.get(page)).status for page in ("/healthz", "/readyz", "/metrics", "/nothing")}
        assert answered == {"/healthz": 200, "/readyz": 200, "/metrics": 401, "/nothing": 401}
        assert (await admin.get("/metrics")).headers["www-authenticate"] == 'Bearer realm="admin"'


async def test_other_pages_and_methods_are_refused() -> None:
    async with admin_door() as admin:
        missing, posted = await admin.get("/nothing"), await admin.get("/metrics", "DELETE")
        assert (missing.status, json.loads(missing.body)["pages"]) == (404, ["/healthz", "/metrics", "/readyz"])
        assert (posted.status, posted.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("target", ["http://gateway.example:9090/healthz", "HTTP://g/healthz?verbose", "/%68ealthz"])
async def test_a_page_may_be_named_in_every_form(target: str) -> None:
    async with admin_door() as admin:
        assert (await admin.get(target)).status == 200
