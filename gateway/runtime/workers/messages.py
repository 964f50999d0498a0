"""What a parent asks its worker over their socket, and what it is answered. Each message stands after its length."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

import msgspec

from gateway.telemetry.adding import Part

What = Literal["start", "take_up", "reopen_files", "health", "parts", "stop"]

LENGTH_BYTES: Final = 4


class Ask(msgspec.Struct, array_like=True):
    """What is to be done. `content` of `start` and `take_up` is a pickled `Loaded`: the configuration as the parent has
    read it, so that all workers have the same, and a later one does not read a file that nobody has judged."""

    id: int
    what: What
    content: bytes = b""


class NotDone(msgspec.Struct, array_like=True):
    """Why something was not done. `kind` is the name of the exception's class; each problem is without secrets."""

    kind: str
    problems: list[str]


class WorkerHealth(msgspec.Struct, array_like=True):
    """What keeps a worker from being alive, and from being ready, and which operators have left its journals; without
    secrets."""

    alive: list[str] = []
    ready: list[str] = []
    displaced: list[str] = []


class Answer(msgspec.Struct, array_like=True):
    """An answer to the question of this id, or a part of it: more follow until `is_last`."""

    id: int
    is_last: bool = True
    refusal: NotDone | None = None
    health: WorkerHealth | None = None
    parts: list[Part] = []


def frame(message: Ask | Answer) -> bytes:
    """A message as it is sent."""
    content = msgspec.msgpack.encode(message)
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


async def read_frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next message; None once the other side is gone."""
    try:
        length = int.from_bytes(await reader.readexactly(LENGTH_BYTES), "big")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
