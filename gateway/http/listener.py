"""Listening sockets. They are bound once and handed from server to server, so that a reload changes limits and TLS
while no connection is refused."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple, Self

import structlog

from gateway.http.admission import Place
from gateway.http.http_connection import HttpServer
from gateway.http.refusals import address_of
from gateway.http.tls import protocol_factory
from gateway.settings import ListenerTls

BACKLOG: Final = 1024

ACCEPT_AT_ONCE: Final = 64
"""How many connections are accepted before the loop does something else."""

PAUSE_S: Final = 0.1
"""How long nothing is accepted after the system could not even give the descriptor with which to refuse."""

_USED_UP: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

log = structlog.get_logger(__name__)


class Listener:
    """A bound address. `serve` accepts connections there; `close` stops that and leaves open connections alone.

    It accepts by itself, since uvloop closes connections without a word when descriptors are used up.
    """

    def __init__(self, listening_socket: socket.socket) -> None:
        self._socket = listening_socket
        self._server: HttpServer | None = None
        self._factory: Callable[[Place], asyncio.Protocol] | None = None
        self._opening: set[asyncio.Task[None]] = set()
        self._reserve: int | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._has_begun = False

    @classmethod
    def bind(cls, host: str, port: int) -> Self:
        """Binds the address; port 0 lets the system choose one. Nothing is accepted yet. Raises `OSError`."""
        family, address = resolve(host, port)
        listening_socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening_socket.bind(address)
        except OSError:
            listening_socket.close()
            raise
        return cls(listening_socket)

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def serve(self, server: HttpServer, tls: ssl.SSLContext | None) -> None:
        """Gives new connections to `server` from now on. Connections of the former one stay open."""
        former = self._server
        self._server, self._factory = server, protocol_factory(server, tls)
        if former is not None:
            server.follow(former)
        else:
            self._begin()

    def close(self) -> None:
        """Accepts no more connections. Open ones stay open."""
        if self._has_begun and self._socket.fileno() >= 0:
            self._stop()
            self._close_reserve()
        self._socket.close()

    def _begin(self) -> None:
        self._socket.settimeout(0)
        self._socket.listen(BACKLOG)
        self._open_reserve()
        self._has_begun = True
        self._start()

    def _start(self) -> None:
        self._pause = None
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._accept_all)

    def _stop(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(self._socket.fileno())

    def _accept_all(self) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                accepted, peer = self._socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                # Else the client has gone already, or a firewall refused it: accept(2), "Error handling".
                if error.errno in _USED_UP and not self._refuse(error):
                    return
            else:
                self._open(accepted, address_of(peer))

    def _open(self, accepted: socket.socket, address: str) -> None:
        assert self._server is not None
        assert self._factory is not None
        place = self._server.admit(address)
        if place is None:
            # Wallet contract, "Transport": a request from an address that is not on the list is ignored. So not one
            # byte goes out (test_a_stranger_s_connection_ends_without_a_byte). And it is closed before the next one
            # is accepted, so that those who are refused use up no descriptors.
            accepted.close()
            return
        accepted.settimeout(0)
        task = asyncio.create_task(self._connect(accepted, partial(self._factory, place), place))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _connect(self, accepted: socket.socket, factory: Callable[[], asyncio.Protocol], place: Place) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(factory, accepted)
        except OSError as error:
            accepted.close()
            place.leave()
            log.info("an accepted connection could not be used", problem=error.strerror)

    def _refuse(self, error: OSError) -> bool:
        """Closes one connection for which there is no descriptor, so that its client knows at once. Returns whether
        there may be more."""
        self._close_reserve()
        try:
            refused, peer = self._socket.accept()
        except BlockingIOError:  # Linux looks for a descriptor before it looks for a connection
            return False
        except OSError:  # another thread was quicker to take the descriptor
            self._note(error, "")
            self._rest()
            return False
        else:
            refused.close()
            self._note(error, address_of(peer))
            return True
        finally:
            self._open_reserve()

    def _note(self, error: OSError, address: str) -> None:
        assert self._server is not None
        limit = " (the limit is that of `ulimit -n`)" if error.errno == errno.EMFILE else ""
        self._server.refusals.note("descriptors", address, f"{error.strerror}{limit}")

    def _rest(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket.fileno())
        self._pause = loop.call_later(PAUSE_S, self._start)

    def _open_reserve(self) -> None:
        """Keeps one descriptor to refuse connections with when all others are used up."""
        try:
            self._reserve = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._reserve = None

    def _close_reserve(self) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None


class Resolved(NamedTuple):
    """What a host and port mean on this machine: a socket family, and an address of it."""

    family: socket.AddressFamily
    address: Any


def resolve(host: str, port: int) -> Resolved:
    """Where a listener with this host and port listens. Raises `OSError`."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    return Resolved(family, address)


def listener_tls_context(tls: ListenerTls | None) -> ssl.SSLContext | None:
    """The TLS context of a listener; None for plain HTTP.

    Raises `OSError` (`ssl.SSLError` is one) where a file cannot be loaded.
    """
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.cert_file, tls.key_file, password=_no_pass_phrase)
    if tls.client_ca_file is not None:
        context.load_verify_locations(tls.client_ca_file)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_pass_phrase() -> str:
    """An empty pass phrase: without one OpenSSL would ask for it on the terminal, and the start would hang."""
    return ""
