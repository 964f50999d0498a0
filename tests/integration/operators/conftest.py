"""Every test of the far side's sockets runs on both loops: asyncio's own, and the one that the gateway runs on."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest
import uvloop

from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


MakeClient = Callable[..., HttpClient]


@pytest.fixture
async def make_client() -> AsyncIterator[MakeClient]:
    """Makes clients with generous limits unless told otherwise; closes them at the end."""
    made: list[HttpClient] = []

    def make(**settings: Any) -> HttpClient:
        ours: dict[str, Any] = {"timeout_s": 5.0, "connect_timeout_s": 2.0, "idle_s": 60.0, "max_answer": 65536}
        client = HttpClient(**{**ours, "tls": tls_context(None, None, None), **settings})
        made.append(client)
        return client

    yield make
    for client in made:
        await client.close()


@pytest.fixture
def untrusting() -> ssl.SSLContext:
    return tls_context(None, None, None)
