"""Both listeners: the game's and the admin's."""

from __future__ import annotations

import ssl
from typing import Final

import msgspec
from aiohttp import web

from gateway.http.admin import AdminHandler
from gateway.http.connection import GameServer
from gateway.http.listener import Listener, listener_tls_context
from gateway.http.wallet import WalletHandler
from gateway.runtime.errors import ConfigurationUnusable
from gateway.settings import AdminSettings, ListenerTls, ServerSettings, Settings

ADMIN_TIMEOUT_S: Final = 10.0
CLOSING_S: Final = 0.5


class ListenerTlsContexts(msgspec.Struct, frozen=True):
    """What both listeners show, read from their files. None: plain HTTP."""

    wallet: ssl.SSLContext | None
    admin: ssl.SSLContext | None

    @classmethod
    def read(cls, settings: Settings) -> ListenerTlsContexts:
        """Raises `ConfigurationUnusable`."""
        return cls(_tls("server.tls", settings.server.tls), _tls("admin.tls", settings.admin.tls))


class Listeners:
    """The wallet door and the admin door with their sockets."""

    def __init__(self, settings: Settings) -> None:
        """Binds both addresses; nothing is accepted yet. Raises `ConfigurationUnusable`."""
        self._wallet = _bound("server", settings.server)
        try:
            self._admin = _bound("admin", settings.admin)
        except ConfigurationUnusable:
            self._wallet.close()
            raise
        self._served: list[web.Server] = []

    async def open(
        self, wallet: WalletHandler, admin: AdminHandler, settings: Settings, tls: ListenerTlsContexts
    ) -> None:
        """From now on connections are accepted, by these settings; those that are open live on by theirs."""
        connections = GameServer(wallet.handle, settings.server, wallet.admits)
        pages = web.Server(admin.handle, access_log=None, keepalive_timeout=ADMIN_TIMEOUT_S)
        self._served = [server for server in self._served if server.connections] + [connections, pages]
        await self._wallet.serve(connections, tls.wallet, settings.server.read_timeout)
        await self._admin.serve(pages, tls.admin, ADMIN_TIMEOUT_S)

    def addresses(self, settings: Settings) -> tuple[str, str]:
        """Where the wallet and the admin door can be reached, with the ports that the system chose."""
        return _url(settings.server, self._wallet), _url(settings.admin, self._admin)

    def accept_no_more_calls(self) -> None:
        """Takes no new connections from the game; open ones live on."""
        self._wallet.close()

    async def close(self) -> None:
        """Closes both listeners and what is still connected."""
        self._wallet.close()
        self._admin.close()
        for server in self._served:
            server.pre_shutdown()
        for server in self._served:
            await server.shutdown(CLOSING_S)


def _bound(section: str, settings: ServerSettings | AdminSettings) -> Listener:
    try:
        return Listener.bind(settings.host, settings.port)
    except OSError as error:
        raise ConfigurationUnusable(
            [f"{section}: cannot listen on {settings.host}:{settings.port}: {error.strerror}"]
        ) from error


def _tls(section: str, settings: ListenerTls | None) -> ssl.SSLContext | None:
    try:
        return listener_tls_context(settings)
    except (OSError, ValueError) as error:
        raise ConfigurationUnusable([f"{section}: the files do not serve: {error}"]) from error


def _url(settings: ServerSettings | AdminSettings, listener: Listener) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls else 'http'}://{host}:{listener.port}"
