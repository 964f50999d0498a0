"""Routing tables of the listeners for calls: paths, operators, credentials and allow lists of one configuration.

A reload replaces it as a whole, so that no call sees parts of two configurations.
"""

from __future__ import annotations

import re
import string
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.http.addresses import Address, AllowList, Proxies, parse_address
from gateway.http.credentials import Credentials, OperatorCredentials
from gateway.operators.operator import Operator
from gateway.settings import ServerSettings
from gateway.wire.calls import ROLLBACKS, WalletCall

POST_ONLY: Final = frozenset({"POST"})


class Route(msgspec.Struct, frozen=True):
    """The call that a path names (None if there is no such call), and the operator, if the path names one.

    `methods` are those of HTTP with which it is called. `allows_large`, `is_cut` and `json_only`: see `BodyReader`. A
    call that is `signed` is authenticated by its body, not by credentials.
    """

    call: str | None
    operator: str | None = None
    methods: frozenset[str] = frozenset()
    allows_large: bool = False
    is_cut: bool = False
    json_only: bool = True
    signed: bool = False


NO_ROUTE: Final = Route(None)


def _route(call: WalletCall, operator: str | None = None) -> Route:
    return Route(call, operator, POST_ONLY, allows_large=call in ROLLBACKS, is_cut=True)


COMMON_ROUTES: Final = {f"/wallet/{call}": _route(call) for call in WalletCall}
_OPERATORS: Final = "/operators/"
_SCHEME_AND_HOST: Final = re.compile(r"\Ahttps?://[^/?#]+", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED: Final = frozenset(string.ascii_letters + string.digits + "-._~")


class OperatorAccess(msgspec.Struct, frozen=True):
    """An operator and the addresses that may call for it."""

    operator: Operator
    allow_list: AllowList


class Routing(ABC):
    """Built from one configuration. That costs one Argon2 where passwords are hashed, so it is done in a thread.

    `operators` are those who may be called for, by name, each with its allow list.
    """

    def __init__(
        self, server: ServerSettings, operators: dict[str, OperatorAccess], credentials: Iterable[OperatorCredentials]
    ) -> None:
        """Raises `ValueError` for a hash that is not an Argon2 hash."""
        self.server = server
        self.operators = operators
        self.credentials = Credentials(credentials)
        self.proxies = Proxies(server.trusted_proxies)

    @abstractmethod
    def route(self, target: str) -> Route:
        """The route of a request target (RFC 9112 section 3.2). A query is ignored."""

    def admits(self, peer: str) -> bool:
        """Whether a connection from this address is accepted: it is a trusted proxy's, or on any allow list."""
        address = parse_address(peer)
        return self.proxies.trusts(address) or self.allows(address)

    def allows(self, client: Address | None) -> bool:
        """Whether the client's address is on the allow list of at least one operator."""
        return any(access.allow_list.allows(client) for access in self.operators.values())


class RoutingTable(Routing):
    """The wallet listener's."""

    def __init__(self, operators: Mapping[str, Operator], server: ServerSettings) -> None:
        super().__init__(
            server,
            {name: OperatorAccess(one, AllowList(one.settings.allow_ips)) for name, one in operators.items()},
            (
                OperatorCredentials(name, one.settings.path_only, one.settings.credentials)
                for name, one in operators.items()
            ),
        )
        self._routes = COMMON_ROUTES | {
            f"{_OPERATORS}{name}/wallet/{call}": _route(call, name) for name in operators for call in WalletCall
        }

    def route(self, target: str) -> Route:
        path = target.partition("?")[0]
        return self._routes.get(path) or self._route_of_other_form(path)

    def _route_of_other_form(self, path: str) -> Route:
        """As `route`, also for what names the same path in other characters."""
        plain = plain_path(path)
        of_operator = plain.split("/", 3)[2] if plain.startswith(_OPERATORS) else None
        return self._routes.get(plain) or Route(None, of_operator)


def plain_path(path: str) -> str:
    """The path in its plain form: without scheme and host, with which proxies are sent it and every server takes it,
    and without letters that are escaped without need (RFC 3986, section 6.2.2.2)."""
    return _ESCAPED.sub(_unescape, _SCHEME_AND_HOST.sub("", path)) or "/"


def _unescape(escaped: re.Match[str]) -> str:
    character = chr(int(escaped[0][1:], 16))
    return character if character in _UNRESERVED else escaped[0]
