"""The client's address: read behind trusted proxies, and looked up in allow lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Source = IPv4Address | IPv6Network
"""Whose connections are counted together: an IPv4 address, or a /64 of IPv6, of which one machine has every address."""

_CACHE_SIZE: Final = 4096
_WITH_PORT: Final = re.compile(r"\[(?P<v6>[^\]]*)\](?::\d+)?|(?P<v4>[\d.]+):\d+", re.ASCII)


@lru_cache(_CACHE_SIZE)
def parse_address(text: str) -> Address | None:
    """Parses an address as a socket or a proxy writes it; a trailing port is ignored. None if it is not an address.

    An IPv4 address in its IPv6 form (``::ffff:192.0.2.7``, RFC 4291 section 2.5.5.2) becomes that IPv4 address.
    """
    match = _WITH_PORT.fullmatch(text)
    bare = (match["v6"] or match["v4"] or "") if match else text
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    # A socket that listens on `::` shows IPv4 clients in this form; allow lists are written in the other one.
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(_CACHE_SIZE)
def source_of(address: Address | None) -> Source | None:
    """The source that an address belongs to."""
    return IPv6Network((address, 64), strict=False) if isinstance(address, IPv6Address) else address


address_text = lru_cache(_CACHE_SIZE)(str)
"""An address as text."""

_PREFIXES: Final = {4: 24, 6: 64}
"""Who has one address of such a network has most likely all of it: a /64 is the least that is given to anybody (RFC
6177), and a /24 the least that is routed."""


@lru_cache(_CACHE_SIZE)
def network_of(source: str) -> str:
    """The network that an address belongs to, a /24 or a /64, as text; what is not an address is its own network."""
    address = parse_address(source)
    if address is None:
        return source
    return str(ip_network((address, _PREFIXES[address.version]), strict=False))


class AllowList:
    """The networks from which an operator's calls are accepted. An empty list allows every address."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self._networks = tuple(networks)
        self.allows = lru_cache(_CACHE_SIZE)(self._allows)

    def _allows(self, client: Address | None) -> bool:
        return not self._networks or (client is not None and _is_within(client, self._networks))


class Proxies:
    """The proxies whose X-Forwarded-For header is believed."""

    def __init__(self, trusted: Iterable[Network]) -> None:
        self._trusted = tuple(trusted)

    def __bool__(self) -> bool:
        return bool(self._trusted)

    def trusts(self, address: Address | None) -> bool:
        return address is not None and _is_within(address, self._trusted)

    def client(self, peer: Address | None, forwarded: Sequence[str]) -> Address | None:
        """The client's address, from the connection's peer and the values of its X-Forwarded-For headers, in order.

        That is the last address that does not belong to a trusted proxy. None if a trusted proxy passed on a text that
        is not an address.
        """
        # From the right, since each proxy appends the address that it saw. Whatever stands left of the first address
        # that is not a trusted proxy's may be made up by the client:
        # test_nobody_but_a_trusted_proxy_is_believed_where_it_comes_from.
        client = peer
        for text in reversed(",".join(forwarded).split(",") if forwarded else ()):
            if not self.trusts(client):
                break
            client = parse_address(text.strip())
        return client


def _is_within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
