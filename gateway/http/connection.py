"""Connections of those who make calls: who may have one, and the contract's answer to what is malformed or fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from gateway.http.addresses import Address, Proxies
from gateway.http.admission import ConnectionLimits, Place
from gateway.http.credentials import Credentials, Grant
from gateway.http.http_connection import Handler, HttpConnection, HttpLimits, HttpServer
from gateway.http.refusals import Refusals
from gateway.http.response import WalletResponse, bad_request, refusal
from gateway.settings import ServerSettings
from gateway.wire.errors import ErrorCode, WalletError

LET_IN: Final = 16
"""How many headers a connection remembers."""


class LetIn(NamedTuple):
    """What a header gives access to, as long as it comes from this client and these credentials are in force."""

    client: Address | None
    credentials: Credentials
    grant: Grant


class CallServer(HttpServer):
    """Makes a `CallConnection` of every socket that is accepted. `admits` decides by the peer's address."""

    def __init__(
        self, handler: Handler, settings: ServerSettings, admits: Callable[[str], bool], refusals: Refusals
    ) -> None:
        limits = HttpLimits(
            max_header=settings.max_header,
            max_headers=settings.max_headers,
            max_head=settings.max_head,
            max_unfinished=settings.max_unfinished,
            read_timeout_s=settings.read_timeout,
            section=settings.section,
        )
        connections = ConnectionLimits(
            settings.max_connections,
            settings.max_connections_per_address,
            settings.section,
            is_exempt=Proxies(settings.trusted_proxies).trusts,
        )
        super().__init__(handler, refusals, limits, connections)
        self.settings = settings
        self._admits = admits

    def __call__(self, place: Place | None = None) -> CallConnection:
        return CallConnection(self, place, keepalive_timeout=self.settings.idle_timeout)

    def admit(self, address: str) -> Place | None:
        """As for every listener, and its address must be allowed."""
        if not address or not self._admits(address):
            self.refusals.note("address", address, f"the address is on no allow list ({self.settings.allow_list})")
            return None
        return super().admit(address)


class CallConnection(HttpConnection):
    """One connection of the game, or of an operator. `let_in` are the Authorization headers that were right here."""

    __slots__ = ("let_in",)

    def __init__(self, server: HttpServer, place: Place | None = None, **options: Any) -> None:
        super().__init__(server, place, **options)
        self.let_in: dict[str | None, LetIn] = {}

    def note_let_in(self, header: str, let_in: LetIn) -> None:
        """This header is right; it is not looked into again here. Finding it tells no timing: texts are compared once
        their hashes are the same, and whoever sends this one has been let in."""
        if len(self.let_in) >= LET_IN:
            self.let_in.clear()
        self.let_in[header] = let_in

    def bad_request(self, text: str) -> WalletResponse:
        return bad_request(text, last=True)

    def internal_error(self) -> WalletResponse:
        return internal_error()


def internal_error() -> WalletResponse:
    """The 500 for an error of the gateway itself; the log says which."""
    return refusal(WalletError(ErrorCode.OTHER, "An unexpected internal error occurred."), last=True)
