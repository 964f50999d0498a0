"""Who may have a connection at a listener. It is decided when the connection is accepted, before anything is done for
it: a TLS handshake costs more than a refusal, and an unfinished one holds a place too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from gateway.http.addresses import Address, Source, parse_address, source_of


class ConnectionRefusal(NamedTuple):
    """Why a connection is refused: a word of `REFUSED_BEFORE_A_CALL`, and more in words."""

    reason: str
    problem: str


class Place:
    """One place of a listener, from accept until the connection has ended."""

    __slots__ = ("_leave",)

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave: Callable[[], None] | None = leave

    def leave(self) -> None:
        """Frees the place. Whoever comes second does nothing: a connection that cannot be set up may still be told
        that it was lost."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class Places:
    """The places of one listener that are taken, by the source of their connections. They outlive a reload, which would
    else give out all of them once more."""

    def __init__(self) -> None:
        self.taken = 0
        self._by_source: Counter[Source | None] = Counter()

    def of(self, source: Source | None) -> int:
        return self._by_source[source]

    def take(self, source: Source | None) -> None:
        self.taken += 1
        self._by_source[source] += 1

    def free(self, source: Source | None) -> None:
        self.taken -= 1
        self._by_source[source] -= 1
        if not self._by_source[source]:
            del self._by_source[source]  # sources come and go without end


LEAST_SHARE: Final = 2


class ConnectionLimits(msgspec.Struct, frozen=True):
    """How many connections a listener may have, and how many of them from one source: half, if nothing else is said.
    `is_exempt`: whose connections no share is counted for. `section` of the configuration sets them."""

    most: int
    most_per_address: int | None
    section: str
    is_exempt: Callable[[Address | None], bool] = lambda _: False

    @property
    def share(self) -> int:
        return max(LEAST_SHARE, self.most // 2) if self.most_per_address is None else self.most_per_address

    def refusal(self, places: Places, address: str) -> ConnectionRefusal | None:
        """Why no connection from this address may be added; None if it may."""
        if places.taken >= self.most:
            key = f"{self.section}.max_connections"
            return ConnectionRefusal("connections", f"there are {self.most} connections already ({key})")
        peer = parse_address(address)
        if places.of(source_of(peer)) >= self.share and not self.is_exempt(peer):
            key = f"{self.section}.max_connections_per_address"
            return ConnectionRefusal("share", f"there are {self.share} connections from this address already ({key})")
        return None
