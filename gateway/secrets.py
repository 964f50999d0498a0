"""Which texts are secrets: those of the settings, and none that is too short."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, SecretStr

SHORTEST_SECRET: Final = 4
"""Characters. Shorter texts would be found in every other word, and hiding them would tell more than it hides."""


def secrets_of(value: Any) -> Iterator[str]:
    """Every secret text inside a section, an adapter's settings, or a collection of them."""
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        yield from secrets_of(value.__dict__)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from secrets_of(inner)
    elif isinstance(value, list | tuple | set | frozenset):  # not whatever can be walked: a network holds its addresses
        for inner in value:
            yield from secrets_of(inner)
