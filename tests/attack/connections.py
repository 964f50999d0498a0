"""Attacks that need no credentials: connections, handshakes, heads, and answers that nobody reads."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from tests.attack.target import Attacker

SILENT: Final = 250
HANDSHAKES: Final = 420
HEADS: Final = 1200
LINE: Final = b"X-Filler-%d: " + b"x" * 8000 + b"\r\n"
START: Final = b"POST /wallet/withdraw HTTP/1.1\r\nHost: gateway.example\r\n"
HELLO: Final = bytes.fromhex("160301020001")
"""The first bytes of a TLS handshake whose rest never comes."""


async def silent(attacker: Attacker) -> None:
    """Connections to each listener that say nothing; those that are closed are opened again."""
    urls = (attacker.target.wallet, attacker.target.operators, attacker.target.admin)

    async def one(number: int) -> None:
        async with attacker.connected(urls[number % len(urls)]) as client:
            await client.reader.read(1)
            attacker.tally["closed"] += 1

    await attacker.abreast(SILENT * len(urls), one, pause_s=0.2)


async def unfinished_handshakes(attacker: Attacker) -> None:
    """At the operators' listener, which has TLS."""

    async def one(_: int) -> None:
        async with attacker.connected(attacker.target.operators) as client:
            await client.send(HELLO)
            await client.reader.read(1)
            attacker.tally["closed"] += 1

    await attacker.abreast(HANDSHAKES, one, pause_s=0.2)


async def open_and_reset(attacker: Attacker) -> None:
    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number) as client:
            client.writer.write(START)
        attacker.tally["reset"] += 1

    await attacker.abreast(20, one, pause_s=0.02)


async def unfinished_heads(attacker: Attacker) -> None:
    """Sixty lines of eight kilobytes each, and never the last one."""

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number % 20) as client:
            client.writer.write(START + b"".join(LINE % line for line in range(60)))
            answer = await client.reader.read(12)
            attacker.tally[answer[9:12].decode() or "closed"] += 1

    await attacker.abreast(HEADS, one, pause_s=1.0)


async def dripping_heads(attacker: Attacker) -> None:
    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number % 20) as client:
            client.writer.write(START)
            await attacker.drip(client, iter([b"X-Slow: s\r\n"] * 1000))

    await attacker.abreast(400, one)


async def never_reading(attacker: Attacker) -> None:
    """Answers pile up in the gateway as far as it lets them."""
    call = attacker.call("getBalance", b'{"token": "nobody"}')

    async def one(number: int) -> None:
        async with attacker.connected(attacker.target.wallet, address=2 + number % 20) as client:
            client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a reading transport
            for _ in range(2000):
                client.writer.write(call * 10)
                await client.writer.drain()
                attacker.tally["requests"] += 10
                await asyncio.sleep(0.02)

    await attacker.abreast(20, one)


async def pipelining(attacker: Attacker) -> None:
    call = attacker.call("getBalance", b'{"token": "nobody"}')

    async def one(_: int) -> None:
        async with attacker.connected(attacker.target.wallet) as client:
            client.writer.write(call * 200)
            for _ in range(200):
                await client.answer()
                attacker.tally["answered"] += 1

    await attacker.abreast(2, one, pause_s=0.1)


async def unread_scrapes(attacker: Attacker) -> None:
    async with AsyncExitStack() as stack:
        for number in range(100):
            try:
                client = await stack.enter_async_context(
                    attacker.connected(attacker.target.admin, address=2 + number % 20)
                )
                client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # of a reading transport
                client.writer.write(b"GET /metrics HTTP/1.1\r\nHost: gateway.example\r\n\r\n" * 20)
            except OSError:
                attacker.tally["refused"] += 1
            else:
                attacker.tally["asked"] += 20
            await asyncio.sleep(0.01)
        await asyncio.sleep(attacker.left_s)
