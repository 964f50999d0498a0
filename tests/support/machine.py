"""What not every machine has, and a test wants to know of."""

from __future__ import annotations

import os
import socket


def has_ipv6() -> bool:
    """Whether this machine can talk to itself over IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def has_terminals() -> bool:
    """Whether this machine gives out pseudo-terminals."""
    try:
        ends = os.openpty()
    except OSError:
        return False
    for end in ends:
        os.close(end)
    return True
