"""Caches `getaddrinfo` and shares concurrent look-ups of a name.

The loop resolves names on a few threads that all operators share: an operator whose name server hangs blocks one of
them at most. What was resolved is kept for `FRESH_S`, and beyond that for as long as the name server does not answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from math import inf
from typing import Final

from gateway.operators.http_client.request import Origin

FRESH_S: Final = 30.0

HANGING_AFTER_S: Final = 0.5
"""How long a name server may take before the addresses that are known already are tried. Its answer counts later."""


class DnsCache:
    """One client's addresses. For one event loop."""

    def __init__(self) -> None:
        self._known: dict[Origin, tuple[float, list[str]]] = {}
        self._lookups: dict[Origin, asyncio.Task[list[str]]] = {}

    async def addresses(self, origin: Origin) -> list[str]:
        """The addresses of an origin, at least one, in the order to try them. Raises `OSError`."""
        if _is_address(origin.host):
            return [origin.host]
        learned_at, addresses = self._known.get(origin, (0.0, []))
        if addresses and asyncio.get_running_loop().time() - learned_at < FRESH_S:
            return addresses
        lookup = self._lookup(origin)
        # Unlike awaiting it, this does not cancel it together with the caller.
        done, _ = await asyncio.wait([lookup], timeout=HANGING_AFTER_S if addresses else None)
        if lookup.cancelled():
            raise OSError("the client was closed")
        # Old addresses are better than none: the operator has rarely moved when its name server does not answer. One
        # that hangs must not use up the time to connect.
        if addresses and (not done or lookup.exception() is not None):
            return addresses
        return lookup.result()

    def forget(self) -> None:
        """Looks every name up again when it is next asked for. Until the name server answers, what was known counts."""
        self._known = {origin: (-inf, addresses) for origin, (_, addresses) in self._known.items()}

    def close(self) -> None:
        for lookup in self._lookups.values():
            lookup.cancel()

    def _lookup(self, origin: Origin) -> asyncio.Task[list[str]]:
        lookup = self._lookups.get(origin)
        if lookup is None:
            lookup = self._lookups[origin] = asyncio.ensure_future(self._look_up(origin))
            lookup.add_done_callback(_retrieved)
        return lookup

    async def _look_up(self, origin: Origin) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
            if not addresses:
                raise OSError("the name has no addresses")
            self._known[origin] = (loop.time(), addresses)
            return addresses
        finally:
            del self._lookups[origin]


def _retrieved(lookup: asyncio.Task[list[str]]) -> None:
    """Marks the exception as seen: every caller may have gone by the time a look-up fails."""
    if not lookup.cancelled():
        lookup.exception()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
