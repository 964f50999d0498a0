"""What an attacker knows of the gateway: addresses, and the credentials of one operator's game."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from tests.support.doors import Client, request

HOSTILE: Final = "mallory"
"""The operator whose game and whose servers are the attacker's. It has credentials, as every other one has."""

PASSWORD: Final = "mallory's own password"
FIRST_ADDRESS: Final = 2
"""The attacker calls from 127.0.0.2 and the addresses after it; the games of others from 127.0.0.1."""


class Target(msgspec.Struct, frozen=True):
    """Where the listeners are, and for how many seconds to go on."""

    wallet: str
    operators: str
    admin: str
    seconds: float


class Attacker:
    """One hostile machine. `tally` counts what came of all that it tried, for the report."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.tally: Counter[str] = Counter()
        self._until = time.monotonic() + target.seconds
        self._credentials = f"{HOSTILE}:{PASSWORD}"

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self._until

    @property
    def left_s(self) -> float:
        return max(0.0, self._until - time.monotonic())

    async def abreast(self, count: int, one: Callable[[int], Awaitable[None]], pause_s: float = 0.0) -> None:
        """So many workers, each of which does `one` again and again until the time is over."""

        async def worker(number: int) -> None:
            while self.goes_on:
                try:
                    async with asyncio.timeout(self.left_s):
                        await one(number)
                except TimeoutError:
                    return
                except (OSError, asyncio.IncompleteReadError):
                    self.tally["cut off"] += 1
                await asyncio.sleep(pause_s)

        await asyncio.gather(*map(worker, range(count)))

    @asynccontextmanager
    async def connected(
        self, url: str, address: int = FIRST_ADDRESS, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[Client]:
        """A connection to this listener from 127.0.0.`address`."""
        parts = urlsplit(url)
        host: Any = (f"127.0.0.{address}", 0)
        client = Client(*await asyncio.open_connection(parts.hostname, parts.port, ssl=tls, local_addr=host))
        try:
            yield client
        finally:
            client.writer.transport.abort()

    async def asked(self, client: Client, call: bytes) -> None:
        """Sends a call, waits for its answer, and counts that."""
        answer = await client.asked(call)
        self.tally[f"answered {answer.status}"] += 1

    def call(self, name: str, body: bytes, credentials: str | None = None, **headers: str) -> bytes:
        """A wallet call with the attacker's own credentials, or with others."""
        return request(f"/wallet/{name}", body, credentials or self._credentials, **headers)

    async def drip(self, client: Client, chunks: Iterator[bytes], pause_s: float = 0.2) -> None:
        """Sends chunk after chunk until the gateway ends the connection."""
        for chunk in chunks:
            client.writer.write(chunk)
            await client.writer.drain()
            await asyncio.sleep(pause_s)
            if client.reader.at_eof():
                break
        with suppress(ConnectionError):
            self.tally["answered" if await client.reader.read(1) else "closed"] += 1


def numbers() -> Iterator[int]:
    return itertools.count()
