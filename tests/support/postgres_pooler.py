"""A connection pooler in the strictest form of PgBouncer's transaction mode: every transaction of a client goes to
another server connection than its last one, and what one leaves in its session is of no use to the next.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

SSL_REQUEST: Final = 80877103
CANCEL_REQUEST: Final = 80877102
IDLE: Final = b"I"
AUTHENTICATED: Final = b"R" + struct.pack("!ii", 8, 0)
READY: Final = b"Z" + struct.pack("!i", 5) + IDLE
OWN_KEY: Final = b"K" + struct.pack("!iii", 12, 1, 1)
"""The process id and secret that clients are told: the pooler's own, as no server process is theirs."""

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Pooler:
    """Serves any number of clients over a few connections to the server on `port`, for one user and database."""

    def __init__(self, port: int, startup: bytes) -> None:
        self.port = 0
        self.transactions = 0
        self._server_port = port
        self._startup = startup
        self._links: asyncio.Queue[Link] = asyncio.Queue()
        self._all: list[Link] = []
        self._parameters = b""

    async def open(self, links: int) -> None:
        for _ in range(links):
            link = await asyncio.open_connection("127.0.0.1", self._server_port)
            link[1].write(self._startup)
            self._parameters = b"".join([message async for message in _until_ready(link[0]) if message[:1] == b"S"])
            self._all.append(link)
            self._links.put_nowait(link)

    def close(self) -> None:
        for _, writer in self._all:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client: greets it in the server's name, then lends it a server connection for each transaction."""
        try:
            if await self._greeted(reader, writer):
                while message := await _message(reader):
                    if message[:1] == b"X":
                        break
                    await self._transaction(message, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()

    async def _greeted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while True:
            length, code = struct.unpack("!ii", await reader.readexactly(8))
            await reader.readexactly(length - 8)
            if code == CANCEL_REQUEST:
                return False
            if code != SSL_REQUEST:
                writer.write(AUTHENTICATED + self._parameters + OWN_KEY + READY)
                return True
            writer.write(b"N")

    async def _transaction(self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.transactions += 1
        link = server_reader, server_writer = await self._links.get()
        server_writer.write(first)
        asking = asyncio.create_task(_pass_on(reader, server_writer))
        try:
            async for message in _until_ready(server_reader):
                writer.write(message)
        finally:
            asking.cancel()
            await asyncio.wait([asking])
            self._links.put_nowait(link)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while message := await _message(reader):
        writer.write(message)


async def _until_ready(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The server's messages up to the one that says it is outside of any transaction."""
    while message := await _message(reader):
        yield message
        if message[:1] == b"Z" and message[5:] == IDLE:
            return


async def _message(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


@asynccontextmanager
async def pooler(port: int, *, user: str, database: str, links: int = 3) -> AsyncIterator[Pooler]:
    """A pooler before the server on `port` of this machine; its own is `Pooler.port`."""
    parameters = b"".join(text.encode() + b"\x00" for text in ("user", user, "database", database)) + b"\x00"
    pool = Pooler(port, struct.pack("!ii", 8 + len(parameters), 196608) + parameters)
    await pool.open(links)
    server = await asyncio.start_server(pool.serve, "127.0.0.1", 0)
    pool.port = server.sockets[0].getsockname()[1]
    try:
        yield pool
    finally:
        server.close()
        pool.close()
        await server.wait_closed()
