"""Telling systemd how the service is doing (`Type=notify-reload`); elsewhere there is nobody to tell."""

from __future__ import annotations

import os
import socket
import time


def ready() -> None:
    """Serving, or done reloading."""
    _tell("READY=1")


def reloading() -> None:
    """A reload has begun; `ready` ends it."""
    _tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """On the way to rest."""
    _tell("STOPPING=1")


def _tell(state: str) -> None:
    where = os.environ.get("NOTIFY_SOCKET", "")
    if not where.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.connect(f"\0{where[1:]}" if where.startswith("@") else where)
        out.sendall(state.encode())
