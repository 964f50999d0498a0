"""A process that has used up its file descriptors."""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    """Lets this process have as many descriptors as it has now, and no gap among them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    filling: list[socket.socket] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        try:
            while True:
                filling.append(socket.socket())
        except OSError:
            pass
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in filling:
            each.close()
