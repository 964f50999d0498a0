"""Ports for programs that cannot choose one themselves and say which, or that must come back on the same one."""

from __future__ import annotations

import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

FIRST: Final = 10_000
EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now.

    Outside the range from which the system gives ports to outgoing connections, where there is room: one of those would
    take the port while its program is away, and the program could not come back.
    """
    while True:
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", _candidate()))
            port: int = listener.getsockname()[1]
            return port


def _candidate() -> int:
    """0 lets the system choose."""
    try:
        below = int(EPHEMERAL.read_text(encoding="ascii").split()[0])
    except OSError:  # not Linux
        return 0
    return random.randrange(FIRST, below) if below > FIRST else 0
