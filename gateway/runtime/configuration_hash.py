"""A hash that tells whether two gateways run the same configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel

from gateway.operators.operator import Operator
from gateway.payments.game import GameFarSide
from gateway.settings import JournalSettings, Settings

HASH_LENGTH = 12

_OF_PLUGINS: Final[Any] = {"settings": True, "payment": {"settings"}}


def configuration_hash(settings: Settings, operators: Mapping[str, Operator]) -> str:
    """The first `HASH_LENGTH` hex digits of a SHA-256 over the configuration without its secrets: whoever reads a
    metric must not be able to try out passwords on it."""
    general = settings.model_dump_json(
        exclude={"operators": True, "journal": {"url"}, "journals": {"__all__": {"url"}}}
    )
    # Operator by operator: a thousand in one call would keep the event loop's thread waiting for as long.
    ours = (f"{name}={one.model_dump_json(exclude=_OF_PLUGINS)}" for name, one in settings.operators.items())
    # A plugin's settings are plain texts in `Settings`; the plugin's own model knows which of them are secret.
    plugins = (f"{name}={one.model_dump_json()}" for name, operator in operators.items() for one in _plugins(operator))
    journals = (f"{name}={_place_of(journal)}" for name, journal in settings.every_journal.items())
    text = "\n".join((general, *sorted(ours), *sorted(plugins), *sorted(journals)))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _plugins(operator: Operator) -> Iterator[BaseModel]:
    """The settings of its adapter, and of its payment format if it has one."""
    yield operator.adapter.settings
    if isinstance(operator.game, GameFarSide):
        yield operator.game.format.settings


def _place_of(journal: JournalSettings) -> str:
    """The journal's URL without user and password. A query may hold a password too, and is left out."""
    scheme, _, rest = journal.url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
