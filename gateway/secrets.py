"""Which texts are secrets: every `SecretStr` in the settings that is not too short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr

SHORTEST_SECRET: Final = 4
"""In characters. Shorter texts occur in every other word; replacing them would reveal more than it hides."""


def secrets_of(value: Any) -> Iterator[str]:
    """Every secret text in a section, in an adapter's settings, or in a collection of these."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    for _, inner in _parts(value):
        yield from secrets_of(inner)


def empty_secrets(value: Any, key_path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a section, an adapter's settings, or a collection of these a secret is an empty text: its keys and
    indices, behind those of `key_path`."""
    if isinstance(value, SecretStr) and not value.get_secret_value():
        yield key_path
    for key, inner in _parts(value):
        yield from empty_secrets(inner, (*key_path, key))


def _parts(value: Any) -> Iterable[tuple[Any, Any]]:
    """What a section or a collection consists of, by key or index; nothing of any other value."""
    if isinstance(value, BaseModel):
        return value.__dict__.items()
    if isinstance(value, Mapping):
        return value.items()
    # Not every iterable: a network would yield all its addresses
    # (test_secrets_are_found_beside_a_network_without_walking_its_addresses).
    if isinstance(value, list | tuple | set | frozenset):
        return enumerate(value)
    return ()
