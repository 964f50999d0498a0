"""The client needs no more of a loop than `create_connection`, futures and timers: here it has no sockets at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gateway.operators import Unclear, Unsent
from gateway.operators.http_client.client import HttpClient
from gateway.operators.http_client.tls import tls_context
from tests.support.virtual_time import run

URL = "http://192.0.2.1/wallet/withdraw"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class MemoryTransport(asyncio.Transport):
    """Keeps what was written; `on_write` may answer."""

    def __init__(self, protocol: asyncio.Protocol, on_write: Callable[[asyncio.Protocol], object]) -> None:
        super().__init__()
        self.protocol = protocol
        self.writes: list[bytes] = []
        self._on_write = on_write
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append(bytes(data))
        self._on_write(self.protocol)

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)


class Net:
    """Connections that never left memory. `latency_s` is how long connecting takes."""

    def __init__(self, on_write: Callable[[asyncio.Protocol], object], latency_s: float = 0.0) -> None:
        self.made: list[MemoryTransport] = []
        self._on_write = on_write
        self._latency_s = latency_s

    async def create_connection(self, factory: Callable[[], asyncio.Protocol], *_: Any, **__: Any) -> None:
        await asyncio.sleep(self._latency_s)
        transport = MemoryTransport(factory(), self._on_write)
        self.made.append(transport)
        transport.protocol.connection_made(transport)

    @property
    def writes(self) -> list[bytes]:
        return [data for transport in self.made for data in transport.writes]


def simulated(
    monkeypatch: pytest.MonkeyPatch, net: Net, scenario: Callable[[HttpClient], Awaitable[None]], **limits: float
) -> None:
    async def whole() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", net.create_connection)
        settings: dict[str, Any] = {"timeout_s": 5.0, "connect_timeout_s": 2.0, "idle_s": 4.0, **limits}
        client = HttpClient(max_answer=1000, tls=tls_context(None, None, None), **settings)
        await scenario(client)
        await client.close()
        assert all(transport.is_closing() for transport in net.made)

    run(whole)


def test_each_call_is_one_write_of_the_whole_request(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net(lambda protocol: asyncio.get_running_loop().call_later(1, protocol.data_received, ANSWER))

    async def scenario(client: HttpClient) -> None:
        for turn in range(1, 4):
            assert (await client.post(URL, b"{}", {})).body == b"{}"
            assert len(net.writes) == turn
        assert len(net.made) == 1
        assert all(data.startswith(b"POST ") and data.endswith(b"\r\n\r\n{}") for data in net.writes)

    simulated(monkeypatch, net, scenario)


def test_the_budget_counts_from_the_call_and_includes_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Net(lambda protocol: None, latency_s=1.5)

    async def scenario(client: HttpClient) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(Unclear, match="in time") as caught:
            await client.post(URL, b"{}", {})
        assert loop.time() - begun == pytest.approx(5.0, abs=0.01)
        assert not isinstance(caught.value, Unsent)
        assert len(net.writes) == 1

    simulated(monkeypatch, net, scenario)


@pytest.mark.parametrize("limits", [{"connect_timeout_s": 1.0}, {"timeout_s": 1.0}])
def test_a_connection_that_comes_too_late_is_unsent(monkeypatch: pytest.MonkeyPatch, limits: dict[str, float]) -> None:
    net = Net(lambda protocol: None, latency_s=1.5)

    async def scenario(client: HttpClient) -> None:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(Unsent, match="in time"):
            await client.post(URL, b"{}", {})
        assert loop.time() - begun == pytest.approx(1.0, abs=0.01)
        assert net.writes == []

    simulated(monkeypatch, net, scenario, **limits)


def test_unused_connections_are_closed_when_their_time_is_over_each_in_its_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    net = Net(lambda protocol: asyncio.get_running_loop().call_later(1, protocol.data_received, ANSWER))

    async def scenario(client: HttpClient) -> None:
        early = asyncio.ensure_future(client.post(URL, b"1", {}))
        await asyncio.sleep(0.5)
        await asyncio.gather(early, client.post(URL, b"2", {}))
        assert [transport.is_closing() for transport in net.made] == [False, False]
        await asyncio.sleep(6)
        assert [transport.is_closing() for transport in net.made] == [True, True]
        assert len(net.writes) == 2

    simulated(monkeypatch, net, scenario)
