"""Both listeners: the wallet listener, which the game calls, and the admin listener."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.http.admin import AdminHandler
from gateway.http.admin_connection import AdminServer
from gateway.http.connection import CallServer
from gateway.http.http_connection import HttpServer
from gateway.http.listener import Listener, listener_tls_context
from gateway.http.refusals import Refusals
from gateway.http.wallet import WalletHandler
from gateway.runtime.errors import ConfigurationUnusable
from gateway.settings import AdminSettings, ListenerTls, ServerSettings, Settings
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import ADMIN, WALLET, Metrics

SHUTDOWN_TIMEOUT_S: Final = 0.5
"""How long the last responses may take to go out when both listeners close."""


class ListenerTlsContexts(msgspec.Struct, frozen=True):
    """The TLS contexts of both listeners, loaded from their files. None: plain HTTP."""

    wallet: ssl.SSLContext | None
    admin: ssl.SSLContext | None

    @classmethod
    def read(cls, settings: Settings) -> ListenerTlsContexts:
        """Loads both. Raises `ConfigurationUnusable`."""
        return cls(_load_tls("server.tls", settings.server.tls), _load_tls("admin.tls", settings.admin.tls))


class Listeners:
    """The wallet listener and the admin listener with their sockets."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        """Binds both addresses; nothing is accepted yet. Raises `ConfigurationUnusable`."""
        self._metrics = metrics
        self._wallet = _bind("server", settings.server)
        try:
            self._admin = _bind("admin", settings.admin)
        except ConfigurationUnusable:
            self._wallet.close()
            raise
        self._servers: list[HttpServer] = []

    def open(self, wallet: WalletHandler, admin: AdminHandler, settings: Settings, tls: ListenerTlsContexts) -> None:
        """Accepts connections with these settings from now on; open connections keep the settings they began with."""
        game_server = CallServer(wallet.handle, settings.server, wallet.admits, Refusals(WALLET, self._metrics))
        admin_server = AdminServer(admin.handle, Refusals(ADMIN, self._metrics))
        # Former servers are kept while they have connections, which a stop must close too.
        self._servers = [server for server in self._servers if server.open] + [game_server, admin_server]
        self._wallet.serve(game_server, tls.wallet)
        self._admin.serve(admin_server, tls.admin)

    def addresses(self, settings: Settings) -> tuple[str, str]:
        """The URLs of the wallet and the admin listener, with the ports that the system chose."""
        return _url(settings.server, self._wallet), _url(settings.admin, self._admin)

    def readings(self, settings: Settings) -> Iterator[Reading]:
        """How many connections each listener has, and how many it may have."""
        for name in (WALLET, ADMIN):
            open_there = sum(server.open for server in self._servers if server.refusals.listener == name)
            yield Reading("connections", open_there, (name,))
        yield Reading("connections_limit", settings.server.max_connections, (WALLET,))

    def accept_no_more_calls(self) -> None:
        """Accepts no new connections from the game. Open ones stay open, and the admin listener keeps answering."""
        self._wallet.close()

    async def close(self) -> None:
        """Closes both listeners and all connections."""
        self._wallet.close()
        self._admin.close()
        for server in self._servers:
            server.pre_shutdown()
        for server in self._servers:
            await server.shutdown(SHUTDOWN_TIMEOUT_S)


def _bind(section: str, settings: ServerSettings | AdminSettings) -> Listener:
    try:
        return Listener.bind(settings.host, settings.port)
    except OSError as error:
        raise ConfigurationUnusable(
            [f"{section}: cannot listen on {settings.host}:{settings.port}: {error.strerror}"]
        ) from error


def _load_tls(section: str, settings: ListenerTls | None) -> ssl.SSLContext | None:
    try:
        return listener_tls_context(settings)
    except (OSError, ValueError) as error:
        raise ConfigurationUnusable([f"{section}: the TLS files cannot be loaded: {error}"]) from error


def _url(settings: ServerSettings | AdminSettings, listener: Listener) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls else 'http'}://{host}:{listener.port}"
