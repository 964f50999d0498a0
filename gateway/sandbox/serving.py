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
from gateway.sandbox.simulated import PLAIN, Manner, Simulated, Unknown, simulated_operators
from gateway.sandbox.stores import FileStore, MemoryStore

STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class SandboxError(Exception):
    """The sandbox cannot be served; the text says why."""


async def serve(  # noqa: PLR0913 - all that a sandbox can be told
    protocol: str,
    *,
    host: str,
    port: int,
    ledger_path: Path | None,
    players: int,
    balance: Money,
    unknown_rollback: Unknown | None,
    announce: Callable[[SandboxServer], None],
    manner: Manner = PLAIN,
    gateway: str | None = None,
) -> None:
    """Serves the simulated operator of this protocol until SIGINT or SIGTERM.

    `ledger_path` is the file that keeps its books over restarts, None for memory. The players `player-1`, `player-2`, …
    have sessions `token-of-player-1`, `token-of-player-2`, … and begin with `balance`. `port` 0 takes a free one.
    `announce` is called once connections are accepted; it can read `url`, `base_url` and the adapter's settings from
    the server. `gateway` is as for `SandboxServer`.
    Raises `SandboxError` if there is no such protocol, the ledger cannot be used, or the port is taken.
    """
    operator = _find_operator(protocol)
    ledger = _open_ledger(ledger_path)
    for number in range(1, players + 1):
        ledger.enrol(f"player-{number}", f"token-of-player-{number}", balance)
    server = SandboxServer(operator(ledger, unknown_rollback, manner), gateway=gateway)
    try:
        with _stop_event() as stop:
            await server.start(host, port)
            announce(server)
            await stop.wait()
    except OSError as error:
        raise SandboxError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    finally:
        await server.close()
        ledger.close()


def _find_operator(protocol: str) -> type[Simulated]:
    operators = simulated_operators()
    if protocol not in operators:
        raise SandboxError(f"no simulated operator speaks {protocol!r}; there are: {', '.join(sorted(operators))}")
    found: type[Simulated] = operators[protocol].load()
    return found


def _open_ledger(path: Path | None) -> Ledger:
    try:
        return Ledger(MemoryStore() if path is None else FileStore(path))
    except (OSError, msgspec.DecodeError) as error:
        raise SandboxError(f"{path} cannot be used as a ledger: {error}") from error


@contextmanager
def _stop_event() -> Iterator[asyncio.Event]:
    """An event that is set at SIGINT or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
