"""The listeners: the wallet listener, which the game calls, the one that operators call, and the admin listener."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import combinations
from typing import Final, NamedTuple

import msgspec

from gateway.http.admin import AdminHandler
from gateway.http.admin_connection import AdminServer
from gateway.http.call_handler import CallHandler
from gateway.http.connection import CallServer
from gateway.http.http_connection import HttpServer
from gateway.http.listener import Listener, listener_tls_context, resolve
from gateway.http.refusals import Refusals
from gateway.runtime.descriptors import fit
from gateway.runtime.errors import ConfigurationUnusable
from gateway.settings import AdminSettings, ListenerTls, ServerSettings, Settings
from gateway.telemetry.gauges import Reading
from gateway.telemetry.metrics import ADMIN, OPERATORS, WALLET, Metrics

SHUTDOWN_TIMEOUT_S: Final = 0.5
"""How long the last responses may take to go out when the listeners close."""


_ANY: Final = {"0.0.0.0", "::"}  # noqa: S104 - compared with, not listened on
"""Addresses that take a port at every address; `::` at those of IPv4 too."""

_REMEDIES: Final = {
    errno.EACCES: "; ports below 1024 need a right: use one above, or give the service CAP_NET_BIND_SERVICE",
    errno.EADDRINUSE: "; another program listens there: stop it, or use another port",
    errno.EADDRNOTAVAIL: "; it is not an address of this machine",
}


class ListenerTlsContexts(msgspec.Struct, frozen=True):
    """The TLS contexts of the listeners, loaded from their files. None: plain HTTP, or no such listener."""

    wallet: ssl.SSLContext | None = None
    operators: ssl.SSLContext | None = None
    admin: ssl.SSLContext | None = None

    @classmethod
    def read(cls, settings: Settings) -> ListenerTlsContexts:
        """Loads all. Raises `ConfigurationUnusable`."""
        operators = settings.operators_server
        return cls(
            wallet=_load_tls("server.tls", settings.server.tls),
            operators=None if operators is None else _load_tls("operators_server.tls", operators.tls),
            admin=_load_tls("admin.tls", settings.admin.tls),
        )


class Addresses(NamedTuple):
    """The URLs of the listeners, with the ports that the system chose. Those that are not there are None, or empty."""

    wallet: str
    admin: str
    operators: str | None = None


class Handlers(NamedTuple):
    """What answers at each listener."""

    wallet: CallHandler
    operators: CallHandler
    admin: AdminHandler


class Bound(NamedTuple):
    """Bound addresses, at which nothing is accepted yet. Of several workers none has an admin listener of its own."""

    wallet: Listener
    operators: Listener | None
    admin: Listener | None


@contextmanager
def listening(name: str) -> Iterator[None]:
    """Begins to accept connections within. Raises `ConfigurationUnusable`."""
    try:
        yield
    except OSError as error:
        # Another program had bound it as well, and listened first: the system allows that
        # (test_who_listens_second_says_so).
        text = f"{name}: cannot listen: {error.strerror}{_REMEDIES.get(error.errno or 0, '')}"
        raise ConfigurationUnusable([text]) from error


def bind(settings: Settings, of_calls: type[Listener] = Listener) -> Bound:
    """Binds all addresses. `of_calls` is the class of all but the admin listener. Raises `ConfigurationUnusable`."""
    # The system lets both be bound, and one of them be dead: only who listens first is served
    # (test_two_listeners_at_one_address_are_refused_at_the_start).
    if problems := list(shared_addresses(settings)):
        raise ConfigurationUnusable(problems)
    with ExitStack() as bound:
        wallet = _bind("server", settings.server, of_calls, bound)
        operators = settings.operators_server
        theirs = None if operators is None else _bind("operators_server", operators, of_calls, bound)
        admin = _bind("admin", settings.admin, Listener, bound)
        bound.pop_all()  # all of them are bound, and stay so
        return Bound(wallet, theirs, admin)


class Listeners:
    """The wallet listener, the operators' listener if there is one, and the admin listener, with their sockets."""

    def __init__(self, bound: Bound, metrics: Metrics) -> None:
        self._metrics = metrics
        self._servers: list[HttpServer] = []
        self._limits: dict[str, int] = {}
        self._wallet, self._operators, self._admin = bound

    def open(self, handlers: Handlers, settings: Settings, tls: ListenerTlsContexts) -> None:
        """Accepts connections with these settings from now on; open connections keep the settings they began with.

        Raises `ConfigurationUnusable` where another program has begun to listen there since it was bound.
        """
        settings = fit(settings)
        self._limits = {WALLET: settings.server.max_connections}
        # Former servers are kept while they have connections, which a stop must close too.
        self._servers = [server for server in self._servers if server.open]
        self._serve_calls(self._wallet, handlers.wallet, settings.server, tls.wallet)
        if self._operators is not None and settings.operators_server is not None:
            self._limits[OPERATORS] = settings.operators_server.max_connections
            self._serve_calls(self._operators, handlers.operators, settings.operators_server, tls.operators)
        if self._admin is not None:
            self._limits[ADMIN] = settings.admin.max_connections
            refusals = Refusals(ADMIN, self._metrics)
            self._serve(self._admin, AdminServer(handlers.admin.handle, refusals, settings.admin), tls.admin)

    def _serve_calls(
        self, listener: Listener, handler: CallHandler, settings: ServerSettings, tls: ssl.SSLContext | None
    ) -> None:
        refusals = Refusals(handler.listener, self._metrics)
        self._serve(listener, CallServer(handler.handle, settings, handler.admits, refusals), tls)

    def _serve(self, listener: Listener, server: HttpServer, tls: ssl.SSLContext | None) -> None:
        self._servers.append(server)
        with listening(server.refusals.listener):
            listener.serve(server, tls)

    def readings(self) -> Iterator[Reading]:
        """How many connections each listener has, and how many it may have."""
        for name, limit in self._limits.items():
            open_there = sum(server.open for server in self._servers if server.refusals.listener == name)
            yield Reading("connections", open_there, (name,))
            yield Reading("connections_limit", limit, (name,))

    def accept_no_more_calls(self) -> None:
        """Accepts no new connections for calls. Open ones stay open, and the admin listener keeps answering."""
        self._wallet.close()
        if self._operators is not None:
            self._operators.close()

    async def close(self) -> None:
        """Closes all listeners and all connections."""
        self.accept_no_more_calls()
        if self._admin is not None:
            self._admin.close()
        for server in self._servers:
            server.pre_shutdown()
        for server in self._servers:
            await server.shutdown(SHUTDOWN_TIMEOUT_S)


def unbindable(settings: Settings) -> Iterator[str]:
    """Why a listener could not listen where it is configured to, whatever runs here now: the address is not this
    machine's, the port needs a right, or two listeners have the same."""
    for section, listener in settings.listeners:
        try:
            Listener.bind(listener.host, listener.port).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                yield f"{section}: {why_unbound(listener, error)}"
    yield from shared_addresses(settings)


def shared_addresses(settings: Settings) -> Iterator[str]:
    """Listeners that would be one, however their hosts are written: a name and its address, or an address and all
    addresses."""
    bound = [(section, _address(listener)) for section, listener in settings.listeners if listener.port]
    for (section, one), (other_section, other) in combinations(bound, 2):
        if one is not None and other is not None and _is_shared(one, other):
            text = f"listens where `{section}` does ({_shown(one)} and {_shown(other)}); use another port"
            yield f"{other_section}.port: {text}"


def why_unbound(listener: ServerSettings | AdminSettings, error: OSError) -> str:
    """Why the address could not be bound, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "")
    return f"cannot listen on {listener.host}:{listener.port}: {error.strerror}{remedy}"


def _address(listener: ServerSettings | AdminSettings) -> tuple[str, int] | None:
    """The address and port that its host and port mean here; None if they mean none."""
    try:
        host, port, *_ = resolve(listener.host, listener.port).address
    except OSError:  # told where it is bound
        return None
    return host, port


def _is_shared(one: tuple[str, int], other: tuple[str, int]) -> bool:
    return one[1] == other[1] and (one[0] == other[0] or not _ANY.isdisjoint((one[0], other[0])))


def _shown(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def addresses_of(bound: Bound, settings: Settings) -> Addresses:
    """The URLs of the listeners."""
    server = settings.operators_server
    return Addresses(
        wallet=_url(settings.server, bound.wallet),
        operators=None if bound.operators is None or server is None else _url(server, bound.operators),
        admin="" if bound.admin is None else _url(settings.admin, bound.admin),
    )


def _bind(section: str, settings: ServerSettings | AdminSettings, kind: type[Listener], bound: ExitStack) -> Listener:
    """Binds the address. What leaves `bound` with an error closes it again."""
    try:
        listener = kind.bind(settings.host, settings.port)
    except OSError as error:
        raise ConfigurationUnusable([f"{section}: {why_unbound(settings, error)}"]) from error
    bound.callback(listener.close)
    return listener


def _load_tls(section: str, settings: ListenerTls | None) -> ssl.SSLContext | None:
    try:
        return listener_tls_context(settings)
    except (OSError, ValueError) as error:
        raise ConfigurationUnusable([f"{section}: the TLS files cannot be loaded: {error}"]) from error


def _url(settings: ServerSettings | AdminSettings, listener: Listener) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{'https' if settings.tls else 'http'}://{host}:{listener.port}"
