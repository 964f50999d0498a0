"""The routing table of the wallet listener: paths, operators, credentials and allow lists of one configuration.

A reload replaces it as a whole, so that no call sees parts of two configurations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from gateway.http.addresses import Address, AllowList, Proxies, parse_address
from gateway.http.credentials import Credentials, OperatorCredentials
from gateway.operators.operator import Operator
from gateway.settings import ServerSettings
from gateway.wire.calls import WalletCall


class Route(msgspec.Struct, frozen=True):
    """The call that a path names (None if there is no such call), and the operator, if the path names one."""

    call: WalletCall | None
    operator: str | None = None


COMMON_ROUTES: Final = {f"/wallet/{call}": Route(call) for call in WalletCall}
_OPERATORS: Final = "/operators/"


class OperatorAccess(msgspec.Struct, frozen=True):
    """An operator and the addresses that may call for it."""

    operator: Operator
    allow_list: AllowList


class RoutingTable:
    """Built from one configuration. That costs one Argon2 where passwords are hashed, so it is done in a thread.

    `operators` are the operators by name, each with its allow list.
    """

    def __init__(self, operators: Mapping[str, Operator], server: ServerSettings) -> None:
        self.server = server
        self.operators = {
            name: OperatorAccess(one, AllowList(one.settings.allow_ips)) for name, one in operators.items()
        }
        self.credentials = Credentials(
            OperatorCredentials(name, one.settings.path_only, one.settings.credentials)
            for name, one in operators.items()
        )
        self.proxies = Proxies(server.trusted_proxies)
        self._routes = COMMON_ROUTES | {
            f"{_OPERATORS}{name}/wallet/{call}": Route(call, name) for name in operators for call in WalletCall
        }

    def route(self, target: str) -> Route:
        """The route of a request target (RFC 9112 section 3.2). A query is ignored."""
        path = target.partition("?")[0]
        return self._routes.get(path) or Route(None, path.split("/", 3)[2] if path.startswith(_OPERATORS) else None)

    def admits(self, peer: str) -> bool:
        """Whether a connection from this address is accepted: it is a trusted proxy's, or on any allow list."""
        address = parse_address(peer)
        return self.proxies.trusts(address) or self.allows(address)

    def allows(self, client: Address | None) -> bool:
        """Whether the client's address is on the allow list of at least one operator."""
        return any(access.allow_list.allows(client) for access in self.operators.values())
