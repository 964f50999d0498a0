"""The wire between the gateways and everybody else: connections in memory that lose, delay, repeat, cut and mix up.

Each request that a gateway writes is noted as it leaves, with who wrote it. What then becomes of it is drawn anew for
each: it may get lost, be late, be handled twice, and so may its answer.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Final, Protocol

import httptools
import msgspec

from gateway.operators.adapter import HttpResponse
from gateway.sandbox.faults import Ending, Reply
from gateway.sandbox.simulated import Request
from tests.simulation.dice import Dice
from tests.simulation.processes import PROCESS, Process

USUAL_S: Final = (0.001, 0.03)


class Weather(msgspec.Struct, kw_only=True):
    """How bad the network is: chances for each message, and the longest that one may be on its way."""

    refused: float = 0.0
    """A connection is refused."""
    unreachable: float = 0.0
    """Nothing comes back from an attempt to connect."""
    lost: float = 0.0
    """A request, or an answer, never arrives."""
    twice: float = 0.0
    """A request is handled twice."""
    twins_together: bool = False
    """… both times at the same moment."""
    slow: float = 0.0
    """A message takes up to `longest_s`."""
    longest_s: float = 0.0
    cut: float = 0.0
    """An answer ends in the middle, or the connection is reset instead."""


class Host(Protocol):
    """Who can be connected to."""

    name: str
    weather: Weather

    def written(self, request: Request, process: Process | None) -> int:
        """A request was written to a connection to this host; returns its number on the wire."""

    def handle(self, request: Request, number: int) -> tuple[Reply, int]:
        """A request has arrived; returns what comes back, and which of those handled here it was."""

    def heard(self, handled: int) -> None:
        """The whole answer to this one has reached a gateway that was still waiting for it."""


class Network:
    """Connects the gateways to the hosts by address. `counted` says how often each mishap has struck."""

    def __init__(self, dice: Dice) -> None:
        self.hosts: dict[str, Host] = {}
        self.counted: dict[str, int] = {}
        self.unconnected: list[tuple[float, str, str]] = []
        """When which process began to connect to which host in vain: refused, or not within its patience."""
        self.on_connect: Callable[[Process], object] = lambda _: None
        """What may befall a gateway that has a request ready and is about to get the connection for it."""
        self._dice = dice
        self._outside = contextvars.Context()

    async def connect(
        self, factory: Callable[[], asyncio.BaseProtocol], host: str, port: int
    ) -> tuple[asyncio.Transport, asyncio.BaseProtocol]:
        weather = self.hosts[host].weather
        process = PROCESS.get()
        attempt = (asyncio.get_running_loop().time(), "" if process is None else process.name, self.hosts[host].name)
        self.unconnected.append(attempt)
        await asyncio.sleep(self.takes_s(weather))
        if self._dice.happens(weather.refused):
            self.count("connection refused")
            raise ConnectionRefusedError
        if self._dice.happens(weather.unreachable):
            self.count("connection unreachable")
            await asyncio.Event().wait()
        if process is not None:
            self.on_connect(process)
            await asyncio.sleep(0)
        self.unconnected.remove(attempt)
        protocol = factory()
        transport = Wire(self, self.hosts[host], protocol)
        protocol.connection_made(transport)
        return transport, protocol

    def takes_s(self, weather: Weather) -> float:
        """How long one message is on its way."""
        if self._dice.happens(weather.slow):
            self.count("message late")
            return self._dice.between(0, weather.longest_s)
        return self._dice.between(*USUAL_S)

    def strikes(self, chance: float, mishap: str) -> bool:
        if not self._dice.happens(chance):
            return False
        self.count(mishap)
        return True

    def count(self, mishap: str) -> None:
        self.counted[mishap] = self.counted.get(mishap, 0) + 1

    def cut_of(self, data: bytes) -> bytes:
        """What comes through of an answer that is cut."""
        return data[: self._dice.whole(0, len(data) - 1)]

    def which_of_two(self) -> int:
        return self._dice.whole(0, 1)

    def outside(self, wait_s: float, do: Callable[..., Any], *args: Any) -> None:
        """Something happens outside of all gateways."""
        loop = asyncio.get_running_loop()
        loop.call_at(loop.time() + wait_s, do, *args, context=self._outside)


class Wire(asyncio.Transport):
    """A gateway's end of one connection."""

    def __init__(self, network: Network, host: Host, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._network = network
        self._host = host
        self._protocol: Any = protocol
        self._process = PROCESS.get()
        self._here = contextvars.copy_context()
        self._closing = False
        self._loop = asyncio.get_running_loop()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def is_closing(self) -> bool:
        return self._closing

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._lose(None)

    def write(self, data: Any) -> None:
        if self._closing or not self._alive():
            return
        request = read_request(bytes(data))
        number = self._host.written(request, self._process)
        weather = self._host.weather
        if self._network.strikes(weather.lost, "request lost"):
            return
        takes_s = self._network.takes_s(weather)
        twice = self._network.strikes(weather.twice, "request handled twice")
        answered = self._network.which_of_two() if twice else 0
        self._network.outside(takes_s, self._arrive, request, number, answered == 0)
        if twice:
            twin_s = takes_s if weather.twins_together else self._network.takes_s(weather)
            self._network.outside(twin_s, self._arrive, request, number, answered == 1)

    def _arrive(self, request: Request, number: int, answered: bool) -> None:
        """Of a request that is handled twice one answer comes back: HTTP has no place for two."""
        reply, handled = self._host.handle(request, number)
        if reply.ending is Ending.HANG or not answered:
            return
        data = b"" if reply.answer is None else as_bytes(reply.answer)
        if reply.ending is Ending.HALF:
            data = data[: -len(reply.answer.body) // 2] if reply.answer is not None else b""
        self._send_back(data, handled, whole=reply.ending is Ending.WHOLE, after_s=reply.delay_s)

    def _send_back(self, data: bytes, handled: int, *, whole: bool, after_s: float) -> None:
        weather = self._host.weather
        if self._network.strikes(weather.lost, "answer lost"):
            return
        if whole and self._network.strikes(weather.cut, "answer cut"):
            data, whole = self._network.cut_of(data), False
        at = self._loop.time() + after_s + self._network.takes_s(weather)
        self._loop.call_at(at, self._receive, data, handled, whole, context=self._here)

    def _receive(self, data: bytes, handled: int, whole: bool) -> None:
        """Runs in the gateway."""
        if self._closing:
            return
        if whole:
            self._host.heard(handled)
        if data:
            self._protocol.data_received(data)
        if not whole:
            self._lose(ConnectionResetError())

    def _lose(self, error: Exception | None) -> None:
        if not self._closing:
            self._closing = True
            if self._alive():
                self._loop.call_soon(self._protocol.connection_lost, error, context=self._here)

    def _alive(self) -> bool:
        return self._process is None or self._process.alive


class _Reader:
    """Reads one request."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.body = b""
        self.complete = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


def read_request(data: bytes) -> Request:
    """What was written must be one whole request."""
    reader = _Reader()
    parser = httptools.HttpRequestParser(reader)
    parser.feed_data(data)
    assert reader.complete, data
    return Request(parser.get_method().decode(), reader.url.decode(), reader.headers, reader.body)


def as_bytes(answer: HttpResponse) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} Answer", *(f"{name}: {value}" for name, value in answer.headers.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(answer.body)}", "", ""]).encode() + answer.body
