"""An operator on a real socket that does to each connection what a test says, and counts what arrived on the wire."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST instead of FIN."""


class Line:
    """One connection from the client, as the operator sees it."""

    def __init__(self, operator: RudeOperator, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._operator = operator
        self.reader = reader
        self.writer = writer

    async def request(self) -> bytes:
        """The next whole request; counted. Raises `IncompleteReadError` once the client has closed."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
        )
        whole = head + await self.reader.readexactly(length)
        self._operator.requests.append(whole)
        self._operator.heard.set()
        return whole

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.writer.transport.abort()

    async def client_is_gone(self) -> None:
        """Returns once the client has closed its side."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


Behaviour = Callable[[Line], Awaitable[None]]


class RudeOperator:
    """`requests` are the whole requests heard (`heard` once there is one), `connections` how many were opened, `gone`
    how many were seen to end."""

    def __init__(self, port: int, *, tls: bool) -> None:
        self.port = port
        self.requests: list[bytes] = []
        self.heard = asyncio.Event()
        self.connections = 0
        self.gone = 0
        self._scheme = "https" if tls else "http"

    @property
    def url(self) -> str:
        return self.at("127.0.0.1")

    def at(self, host: str) -> str:
        return f"{self._scheme}://{host}:{self.port}/wallet/withdraw"


@asynccontextmanager
async def rude_operator(
    behave: Behaviour,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    sock: socket.socket | None = None,
) -> AsyncIterator[RudeOperator]:
    """Serves until the block ends, on `sock` if there is one already; then every connection is closed."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        operator.connections += 1
        try:
            await behave(Line(operator, reader, writer))
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client, or the test, has closed
        finally:
            operator.gone += 1
            writer.close()

    sock = sock or socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    server = await asyncio.start_server(serve, sock=sock, ssl=tls)
    operator = RudeOperator(server.sockets[0].getsockname()[1], tls=tls is not None)
    try:
        yield operator
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def polite(line: Line) -> None:
    """Answers every request, and keeps the connection."""
    while True:
        await line.request()
        await line.send(ANSWER)
