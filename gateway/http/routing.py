"""What the wallet door knows at one time: operators, their credentials and lists, and the paths.

A reload replaces it whole.
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
    """What a path asks for: the call (None: there is no such call), and the operator if the path names one."""

    call: WalletCall | None
    operator: str | None = None


COMMON_ROUTES: Final = {f"/wallet/{call}": Route(call) for call in WalletCall}
_OPERATORS: Final = "/operators/"


class OperatorAccess(msgspec.Struct, frozen=True):
    """An operator and the addresses that may call for it."""

    operator: Operator
    allow_list: AllowList


class RoutingTable:
    """Built from a whole configuration."""

    def __init__(self, operators: Mapping[str, Operator], server: ServerSettings) -> None:
        self.server = server
        self.entries = {name: OperatorAccess(one, AllowList(one.settings.allow_ips)) for name, one in operators.items()}
        self.credentials = Credentials(
            OperatorCredentials(name, one.settings.path_only, one.settings.credentials)
            for name, one in operators.items()
        )
        self.proxies = Proxies(server.trusted_proxies)
        self._routes = COMMON_ROUTES | {
            f"{_OPERATORS}{name}/wallet/{call}": Route(call, name) for name in operators for call in WalletCall
        }

    def route(self, target: str) -> Route:
        """The route of a request's target; a query in it means nothing here."""
        path = target.partition("?")[0]
        return self._routes.get(path) or Route(None, path.split("/", 3)[2] if path.startswith(_OPERATORS) else None)

    def admits(self, peer: str) -> bool:
        """Whether anybody may call from there; if not, not even the connection is taken."""
        who = parse_address(peer)
        return self.proxies.trusts(who) or self.expects(who)

    def expects(self, who: Address | None) -> bool:
        """Whether any operator's calls may come from there."""
        return any(entry.allow_list.allows(who) for entry in self.entries.values())
