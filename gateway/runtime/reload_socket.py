"""The socket on which a running gateway is asked for a reload, and says what came of it: a signal has no answer.

Its name is in Linux' abstract namespace (unix(7)) and holds the process id: whoever asks needs no configuration, which
may be broken just then, and no file is left behind. The kernel says who is at each end: the gateway answers its own
user and root, and who asks believes only the process that it means.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Final

from gateway.telemetry import logs

Reload = Callable[[], Awaitable[list[str]]]
"""Reloads; returns what is wrong, empty if the new configuration is in force."""

_CREDENTIALS: Final = struct.Struct("3i")
"""Process, user and group of a socket's other end, as SO_PEERCRED gives them (unix(7))."""


class NotReloadable(Exception):
    """No gateway has this process id, or it ended before it answered."""


async def serve_reloads(reload: Reload) -> asyncio.Server:
    """Listens until the server is closed. Raises `OSError`."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer):
            user = _peer(writer.get_extra_info("socket"))[1]
            if user in {0, os.geteuid()}:
                problems = [logs.redact(problem) for problem in await reload()]
                writer.write(json.dumps(problems).encode())

    return await asyncio.start_unix_server(answer, _address(os.getpid()))


def ask_for_reload(pid: int) -> list[str]:
    """What the gateway of this process id finds wrong, once it has tried; empty if the reload is in force.

    Raises `NotReloadable`.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        try:
            asking.connect(_address(pid))
        except OSError:
            raise NotReloadable(f"no gateway that can be asked for a reload runs here as process {pid}") from None
        if _peer(asking)[0] != pid:  # any process may take the name first
            raise NotReloadable(f"another process answers in the place of process {pid}")
        answer = asking.makefile("rb").read()
    if not answer:
        raise NotReloadable(f"process {pid} did not answer: it is another user's, or has just ended")
    return [str(problem) for problem in json.loads(answer)]


def _address(pid: int) -> str:
    return f"\0mm-gateway/reload/{pid}"


def _peer(at: socket.socket) -> tuple[int, int, int]:
    pid, user, group = _CREDENTIALS.unpack(at.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, user, group
