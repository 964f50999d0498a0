"""A TCP proxy that stands between a journal and its database and does to the wire what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK_BYTES = 65536


class FaultyProxy:
    """Passes everything on, until told otherwise.

    `accepting`: whether new connections are let in; `asking`, `answering`: whether bytes go on to the server, and back
    from it. What is held back is lost.
    """

    def __init__(self, port: int) -> None:
        self.port = 0
        self.accepting = True
        self.asking = True
        self.answering = True
        self.connections = 0
        self._server_port = port
        self._writers: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Breaks every connection, in both directions."""
        for writer in self._writers:
            writer.transport.abort()

    def go_silent(self) -> None:
        """Nothing comes through any more, and nobody is told."""
        self.asking = self.answering = False

    def heal(self) -> None:
        self.accepting = self.asking = self.answering = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until either side ends it."""
        if not self.accepting:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:  # the server is away, and so is the proxy to whoever connects
            writer.transport.abort()
            return
        self.connections += 1
        both = {writer, server_writer}
        self._writers |= both
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(reader, server_writer, "asking"))
                group.create_task(self._pass_on(server_reader, writer, "answering"))
        finally:
            self._writers -= both

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: str) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                if getattr(self, way):
                    writer.write(data)
        writer.transport.abort()


@asynccontextmanager
async def faulty_proxy(port: int) -> AsyncIterator[FaultyProxy]:
    """A proxy to `port` of this machine; its own is `FaultyProxy.port`."""
    proxy = FaultyProxy(port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
