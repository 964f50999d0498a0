"""Which texts are secrets: every `SecretStr` in the settings that is not too short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr

SHORTEST_SECRET: Final = 4
"""In characters. Shorter texts occur in every other word; replacing them would reveal more than it hides."""


def secrets_of(value: Any) -> Iterator[str]:
    """Every secret text in a section, in an adapter's settings, or in a collection of these."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from secrets_of(value.__dict__)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets_of(inner)
    # Not every iterable: a network would yield all its addresses
    # (test_secrets_are_found_beside_a_network_without_walking_its_addresses).
    elif isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            yield from secrets_of(inner)
