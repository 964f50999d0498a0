"""Who is calling: the client's address behind trusted proxies, and whether it is on a list."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_REMEMBERED: Final = 4096
_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::\d+)?|(?P<v4>[\d.]+):\d+", re.ASCII)


@lru_cache(_REMEMBERED)
def parse_address(text: str) -> Address | None:
    """An address as written by a socket or a proxy (a port after it is let pass); None if it is none.

    An IPv4 address in its IPv6 form (``::ffff:192.0.2.7``) is that IPv4 address.
    """
    match = _WITH_PORT.fullmatch(text)
    bare = (match["v6"] or match["v4"] or "") if match else text
    try:
        found = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


address_text = lru_cache(_REMEMBERED)(str)
"""An address as text."""


class AllowList:
    """The addresses from which calls are answered. Empty: all of them."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self.allows = lru_cache(_REMEMBERED)(self._allows)

    def _allows(self, who: Address | None) -> bool:
        return not self._networks or (who is not None and _within(who, self._networks))


class Proxies:
    """The proxies whose word is taken for where a call comes from."""

    def __init__(self, trusted: Iterable[Network]) -> None:
        self._trusted = tuple(trusted)

    def __bool__(self) -> bool:
        return bool(self._trusted)

    def trusts(self, who: Address | None) -> bool:
        return who is not None and _within(who, self._trusted)

    def client(self, peer: Address | None, forwarded: Sequence[str]) -> Address | None:
        """Where a call comes from, given who is connected and the values of its X-Forwarded-For headers.

        That is the last address which is no trusted proxy: what stands before it, anybody may have written. None if
        a trusted proxy passed on something that is no address.
        """
        client = peer
        for text in reversed(",".join(forwarded).split(",") if forwarded else ()):
            if not self.trusts(client):
                break
            client = parse_address(text.strip())
        return client


def _within(who: Address, networks: tuple[Network, ...]) -> bool:
    return any(who.version == network.version and who in network for network in networks)
