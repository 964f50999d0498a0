"""Listening sockets. They are bound once and handed from server to server, so that a reload changes limits and TLS
while no connection is refused."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final

from gateway.settings import ListenerTls

BACKLOG: Final = 1024

ProtocolFactory = Callable[[], asyncio.Protocol]


class Listener:
    """A bound address. `serve` accepts connections there; `close` stops that and leaves open connections alone."""

    def __init__(self, listening_socket: socket.socket) -> None:
        self._socket = listening_socket
        self._server: asyncio.Server | None = None

    @classmethod
    def bind(cls, host: str, port: int) -> Listener:
        """Binds the address; port 0 lets the system choose one. Nothing is accepted yet. Raises `OSError`."""
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
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

    async def serve(self, factory: ProtocolFactory, tls: ssl.SSLContext | None, handshake_timeout_s: float) -> None:
        """Gives new connections to `factory` from now on. Connections of the former one stay open."""
        former = self._server
        self._server = await asyncio.get_running_loop().create_server(
            factory,
            sock=self._socket.dup(),  # a server closes its own socket; the listening one must outlive it
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=handshake_timeout_s if tls else None,
        )
        # After the new one listens: test_no_connection_is_refused_while_a_listener_changes.
        if former is not None:
            former.close()

    def close(self) -> None:
        """Accepts no more connections. Open ones stay open."""
        if self._server is not None:
            self._server.close()
        self._socket.close()


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
