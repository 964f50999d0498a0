"""The hosts in a PostgreSQL URL: a database and its standbys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote, urlsplit

DEFAULT_PORT: Final = 5432


class Host(NamedTuple):
    """One of several. `name` is a name or an address, without brackets."""

    name: str
    port: int

    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


def hosts_of(url: str) -> Sequence[Host | None]:
    """Each host of a URL that names several; else a single None: wherever asyncpg takes it from."""
    places = urlsplit(url).netloc.rpartition("@")[2].split(",")
    return [None] if len(places) < 2 else [_host(place) for place in places]  # noqa: PLR2004 - several


def _host(place: str) -> Host:
    parts = urlsplit(f"//{place}")
    return Host(unquote(parts.hostname or "localhost"), parts.port or DEFAULT_PORT)
