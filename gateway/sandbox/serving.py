"""A simulated operator as a long-running command."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from gateway.money import Money
from gateway.sandbox.ledger import Ledger
from gateway.sandbox.server import SandboxServer
from gateway.sandbox.simulated import Simulated, Unknown, simulated_operators
from gateway.sandbox.stores import FileStore, MemoryStore

STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


class SandboxError(Exception):
    """The sandbox cannot be served; the text says why."""


async def serve(
    protocol: str,
    *,
    host: str,
    port: int,
    ledger_path: Path | None,
    players: int,
    balance: Money,
    unknown_rollback: Unknown | None,
    announce: Callable[[SandboxServer], None],
) -> None:
    """Serves the simulated operator of this protocol until SIGINT or SIGTERM.

    `ledger_path` is the file that keeps its books over restarts, None for memory. The players `player-1`, `player-2`, …
    have sessions `token-1`, `token-2`, … and begin with `balance`. `port` 0 takes a free one; `announce` is called once
    connections are accepted, and can read `url`, `base_url` and the adapter's settings from the server. Raises
    `SandboxError`.
    """
    operator = _operator(protocol)
    ledger = _ledger(ledger_path)
    for number in range(1, players + 1):
        ledger.enrol(f"player-{number}", f"token-{number}", balance)
    server = SandboxServer(operator(ledger, unknown_rollback))
    try:
        with _stopping() as stopped:
            await server.start(host, port)
            announce(server)
            await stopped.wait()
    except OSError as error:
        raise SandboxError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    finally:
        await server.close()
        ledger.close()


def _operator(protocol: str) -> type[Simulated]:
    known = simulated_operators()
    if protocol not in known:
        raise SandboxError(f"no simulated operator speaks {protocol!r}; there are: {', '.join(sorted(known))}")
    found: type[Simulated] = known[protocol].load()
    return found


def _ledger(path: Path | None) -> Ledger:
    try:
        return Ledger(MemoryStore() if path is None else FileStore(path))
    except (OSError, msgspec.DecodeError) as error:
        raise SandboxError(f"{path} cannot be used as a ledger: {error}") from error


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that is set when the process is asked to stop."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for sign in STOPPING:
        loop.add_signal_handler(sign, stopped.set)
    try:
        yield stopped
    finally:
        for sign in STOPPING:
            loop.remove_signal_handler(sign)
