"""Listening sockets: opened once, then served by whoever is current, so that a reload changes limits and TLS without
a connection being refused."""

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
    """One address on which connections are accepted."""

    def __init__(self, bound: socket.socket) -> None:
        self._socket = bound
        self._server: asyncio.Server | None = None

    @classmethod
    def bind(cls, host: str, port: int) -> Listener:
        """Binds the address; port 0 lets the system choose. Nothing is accepted yet. Raises `OSError`."""
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(where)
        except OSError:
            bound.close()
            raise
        return cls(bound)

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    async def serve(self, factory: ProtocolFactory, tls: ssl.SSLContext | None, handshake_timeout_s: float) -> None:
        """From now on connections go to `factory`. Those of a former one live on."""
        former = self._server
        self._server = await asyncio.get_running_loop().create_server(
            factory,
            sock=self._socket.dup(),
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=handshake_timeout_s if tls else None,
        )
        if former is not None:
            former.close()

    def close(self) -> None:
        """Accepts nothing more. Open connections live on."""
        if self._server is not None:
            self._server.close()
        self._socket.close()


def listener_tls_context(tls: ListenerTls | None) -> ssl.SSLContext | None:
    """What a listener shows and asks for. Raises `OSError` (`ssl.SSLError` is one) for files that do not serve."""
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
    """Instead of OpenSSL's asking for one on the terminal."""
    return ""
