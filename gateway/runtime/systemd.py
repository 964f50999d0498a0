"""Notifies systemd of the service's state, as sd_notify(3) says; does nothing outside systemd.

A reload is `RELOADING=1`, and then `READY=1` again: systemd shows it as one, whoever began it. A unit of
`Type=notify-reload` (systemd 253), which ours is not, wants a monotonic time with the first.
"""

from __future__ import annotations

import os
import socket
import time


def ready() -> None:
    """The gateway serves, or a reload is over."""
    _notify("READY=1")


def reloading() -> None:
    """A reload begins; `ready` ends it."""
    _notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping() -> None:
    """The gateway stops."""
    _notify("STOPPING=1")


def _notify(state: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        # "@" stands for the zero byte with which an abstract socket's name begins.
        out.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        out.sendall(state.encode())
