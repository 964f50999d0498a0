"""How connections come to workers: the parent accepts them, and hands each to one worker, in turn.

So a worker that ends or is not ready gets none, and nothing waits at a worker that is not there. Games keep their
connections, often a few: in turn, these are spread evenly, while the kernel would spread them by chance.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import Final

from gateway.http.listener import ACCEPT_AT_ONCE, Listener
from gateway.http.refusals import Refusals, address_of

_BYTE: Final = b"\0"
"""A descriptor cannot be sent alone."""

Give = Callable[[socket.socket], bool]
"""Hands a connection to a worker, and says whether one has taken it. The caller still owns its descriptor."""


class SharedListener(Listener):
    """In the parent: an address whose connections are given away."""

    def __init__(self, listening_socket: socket.socket) -> None:
        super().__init__(listening_socket)
        self._give: Give = lambda _: False
        self._refusals: Refusals | None = None
        self._held: list[socket.socket] = []

    def share(self, give: Give, refusals: Refusals) -> None:
        """Accepts connections from now on. `refusals` counts those for which there is no descriptor."""
        self._give, self._refusals = give, refusals
        self._begin()

    def close(self) -> None:
        super().close()
        for accepted in self._held:
            accepted.close()
        self._held.clear()

    def _start(self) -> None:
        held, self._held = self._held, []
        for accepted in held:
            self._open(accepted, "")
        if not self._held:
            super()._start()

    def _open(self, accepted: socket.socket, address: str) -> None:  # noqa: ARG002 - the worker asks for it again
        if self._give(accepted):
            accepted.close()
            return
        # No worker serves at the moment, or takes more now: these wait here, and others in the system's own queue.
        self._held.append(accepted)
        if len(self._held) == 1:
            self._rest()

    def _note(self, error: OSError, address: str) -> None:
        assert self._refusals is not None
        self._refusals.note("descriptors", address, str(error.strerror))


class HandedListener(Listener):
    """In a worker: what its parent accepts at an address. `handed` is the socket over which connections come."""

    def __init__(self, handed: socket.socket, port: int) -> None:
        super().__init__(handed)
        self._port = port

    @property
    def port(self) -> int:
        return self._port

    def close(self) -> None:
        # What was handed over before is answered too: its client is connected.
        if self._has_begun and self._socket.fileno() >= 0:
            self._accept_all()
        super().close()

    def _begin(self) -> None:
        self._socket.settimeout(0)
        self._has_begun = True
        self._start()

    def _accept_all(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                found, is_over = _take(self._socket)
            except BlockingIOError:
                return
            if is_over:  # the parent is gone, which shows at the other socket too
                asyncio.get_running_loop().remove_reader(self._socket.fileno())
                return
            if found is None:
                self._note(OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "")
                continue
            try:
                peer = found.getpeername()
            except OSError:  # the client has gone already
                found.close()
            else:
                self._open(found, address_of(peer))


def give_to(handing: socket.socket, accepted: socket.socket) -> bool:
    """Sends a connection to a worker. Whether it was sent: not if too many wait there, or the worker is gone."""
    try:
        socket.send_fds(handing, [_BYTE], [accepted.fileno()])
    except OSError:
        return False
    return True


def left_over(handed: socket.socket) -> Iterator[socket.socket]:
    """The connections that a worker has not taken before it ended, from its own end of the socket."""
    while True:
        try:
            found, is_over = _take(handed)
        except OSError:
            return
        if is_over:
            return
        if found is not None:
            yield found


def _take(handed: socket.socket) -> tuple[socket.socket | None, bool]:
    """One connection, or None if there was no descriptor for it; and whether none follows.

    Raises `BlockingIOError` while there is none.
    """
    byte, descriptors, _, _ = socket.recv_fds(handed, len(_BYTE), 1)
    if descriptors:
        return socket.socket(fileno=descriptors[0]), False
    return None, not byte
