"""The real door under broken HTTP: mutated requests on raw sockets, whole, in pieces, and cut off.

Only documented answers or a closed connection may come back, what is hidden between two readings of a length is never
taken for a call, and a right request works after each hundred wrong ones.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from random import Random
from typing import Any, Final
from urllib.parse import urlsplit

from gateway.wire.errors import ErrorCode
from tests.fuzz.campaign import Ran
from tests.fuzz.malformed import HIDDEN, mutated, smuggled
from tests.fuzz.under_fire import Finding, gateway_under_fire
from tests.support.doors import request
from tests.support.gateway_process import GatewayProcess
from tests.support.runtimes import TOKEN, FarOperator

HUNDRED: Final = 100
AT_ONCE: Final = 20
PATIENCE_S: Final = 20.0
QUIET_S: Final = 0.03
SMUGGLED: Final = 0.3
HANGS_UP: Final = 0.95

GOOD: Final = request("/wallet/getBalance", json.dumps({"token": TOKEN}).encode())
STATUSES: Final = {200, *(code.status for code in ErrorCode)}
ERROR_BODY: Final = {"errorCode", "errorDescription"}


class Door:
    """A running gateway, and clients that mistreat it. `answered` counts what came back, by status; 0 for nothing."""

    def __init__(self, gateway: GatewayProcess, far: FarOperator, random: Random) -> None:
        self.answered: Counter[int] = Counter()
        self._far = far
        self._random = random
        self._free = asyncio.Semaphore(AT_ONCE)
        self._port = int(urlsplit(gateway.wallet_url).port or 0)

    async def attack(self, inputs: int) -> None:
        """That many malformed requests. Raises `Finding`."""
        for done in range(0, inputs, HUNDRED):
            async with asyncio.TaskGroup() as clients:
                for _ in range(min(HUNDRED, inputs - done)):
                    clients.create_task(self._one())
            await self._works([GOOD])
        if hidden := [seen.id for seen in self._far.ledger.wire() if seen.id.startswith(HIDDEN)]:
            raise Finding(f"the operator was sent what was hidden: {hidden}")

    async def split_everywhere(self) -> None:
        """A right request in two pieces, cut after each of its bytes. Raises `Finding`."""
        for place in range(1, len(GOOD)):
            await self._works([GOOD[:place], GOOD[place:]])

    async def _one(self) -> None:
        random = self._random
        is_smuggled = random.random() < SMUGGLED
        data = smuggled(random) if is_smuggled else mutated(random)
        pieces, hang_up = _in_pieces(random, data), random.random() < HANGS_UP
        async with self._free:
            answers = await self._exchange(pieces, hang_up=hang_up)
        self.answered.update(answers or [0])
        if is_smuggled and len(answers) > 1:
            raise Finding(f"two answers to one request of two lengths: {data!r}")

    async def _works(self, pieces: list[bytes]) -> None:
        answers = await self._exchange(pieces, hang_up=False)
        if answers != [200]:
            raise Finding(f"a right request, {pieces}, is answered {answers}")

    async def _exchange(self, pieces: list[bytes], *, hang_up: bool) -> list[int]:
        """The statuses of what comes back. `hang_up`: once nothing more comes for a while, the door is told that
        nothing more is sent; else it is left to find out."""
        received = bytearray()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            raise Finding("the door takes no connections") from None
        try:
            async with asyncio.timeout(PATIENCE_S):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if hang_up:
                    await _read_for_a_while(reader, received)
                    writer.write_eof()
                while (hang_up or not _is_whole(received)) and (chunk := await reader.read(65536)):
                    received += chunk
        except OSError as error:
            if isinstance(error, TimeoutError):
                raise Finding(f"neither an answer nor an end: {b''.join(pieces)!r}") from None
        finally:
            writer.transport.abort()
        return _statuses(bytes(received), pieces)


async def attacked(inputs: int, seed: int) -> Counter[int]:
    """A gateway of its own under that many inputs; what it answered. Raises `Finding`."""
    async with gateway_under_fire() as (gateway, far):
        door = Door(gateway, far, Random(seed))
        await door.attack(inputs)
        return door.answered


def run(inputs: int) -> Ran:
    """The same as a part of `make fuzz`, with another seed each time."""
    begun, seed = time.monotonic(), time.time_ns() % 2**32
    said, finding = f"seed {seed}", ""
    try:
        answered = asyncio.run(attacked(inputs, seed))
        said += ", answers " + " ".join(f"{status}:{times}" for status, times in sorted(answered.items()))
    except* Finding as found:
        finding = f"seed {seed}: {found.exceptions}"
    return Ran("door", inputs, time.monotonic() - begun, said, finding)


def _in_pieces(random: Random, data: bytes) -> list[bytes]:
    cuts = sorted(random.sample(range(len(data)), min(len(data), random.choice((0, 0, 1, 3)))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


async def _read_for_a_while(reader: asyncio.StreamReader, received: bytearray) -> None:
    """Reads until nothing comes for `QUIET_S`."""
    try:
        while True:
            async with asyncio.timeout(QUIET_S):
                chunk = await reader.read(65536)
            if not chunk:
                return
            received += chunk
    except TimeoutError:
        return


def _is_whole(received: bytes | bytearray) -> bool:
    head, blank, rest = bytes(received).partition(b"\r\n\r\n")
    return bool(blank) and len(rest) >= _length(head)


def _length(head: bytes) -> int:
    lines = [line.split(b":") for line in head.lower().split(b"\r\n")[1:]]
    return next((int(value) for name, value in lines if name == b"content-length"), 0)


def _statuses(received: bytes, pieces: list[bytes]) -> list[int]:
    """The answers' statuses. Raises `Finding` for what is not documented. A HEAD's answer has no body."""
    statuses = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        if head == b"HTTP/1.1 100 Continue":
            continue
        version, _, rest = head.partition(b" ")
        status = int(rest[:3]) if rest[:3].isdigit() else 0
        body = b"" if received.startswith(b"HTTP/1.1 ") else received[: _length(head)]
        received = received[len(body) :]
        if version != b"HTTP/1.1" or status not in STATUSES or not (body == b"" or _is_documented(status, body)):
            raise Finding(f"{b''.join(pieces)!r} is answered {head + body!r}")
        statuses.append(status)
    return statuses


def _is_documented(status: int, body: bytes) -> bool:
    """A reply, or an error whose code belongs to the status."""
    try:
        content: Any = json.loads(body)
        if status == 200:
            return "balance" in content
        return set(content) == ERROR_BODY and ErrorCode(content["errorCode"]).status == status
    except (ValueError, TypeError):
        return False
