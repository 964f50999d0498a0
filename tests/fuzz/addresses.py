"""Where a call comes from: the last address that is no trusted proxy, and never one that a stranger wrote."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, ip_network
from typing import Final

from gateway.http.addresses import Address, AllowList, Proxies, parse_address

PROXIES: Final = Proxies([ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])
ALLOWED: Final = AllowList([ip_network("192.0.2.0/24")])
LOOKS_RIGHT: Final = re.compile(rb"[0-9a-fA-F.:\[\]]+(%[^,]*)?(\]?:[0-9]+)?\]?", re.DOTALL)

WORDS: Final = (
    b"192.0.2.7",
    b"10.1.2.3",
    b"203.0.113.9",
    b"2001:db8::1",
    b"[2001:db8::1]",
    b"[::ffff:10.1.2.3]:80",
    b"::ffff:192.0.2.7",
    b":8080",
    b"%eth0",
    b", ",
    b",",
    b"\n",
    b"unknown",
    b"_hidden",
    b"\xd9\xa1",
    b"0x0a.1",
    b"010.1.2.3",
)


def check(data: bytes) -> None:
    headers = data.decode("utf-8", "surrogateescape").split("\n")
    hops = [hop.strip() for hop in ",".join(headers).split(",")]
    for peer in ("10.0.0.1", "198.51.100.7", "nonsense"):
        client = PROXIES.client(parse_address(peer), headers)
        assert client == _told([peer, *reversed(hops)])
        _is_sorted_rightly(client)
    for hop in hops:
        found = parse_address(hop)
        if found is not None:
            assert LOOKS_RIGHT.fullmatch(hop.encode("utf-8", "surrogateescape")), hop
            assert parse_address(str(found)) == found


def _told(way: list[str]) -> Address | None:
    """The first on the way back from us that is no proxy of ours, else the farthest."""
    trusted = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    here = None
    for hop in way:
        here = parse_address(hop)
        if here is None or not any(here.version == one.version and here in one for one in trusted):
            break
    return here


def _is_sorted_rightly(client: Address | None) -> None:
    allowed = isinstance(client, IPv4Address) and client in IPv4Network("192.0.2.0/24")
    assert ALLOWED.allows(client) is allowed
    assert AllowList([]).allows(client)
