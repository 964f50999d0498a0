"""The configuration, as commands read it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from gateway.cli.errors import CommandMisused
from gateway.operators import registry
from gateway.settings import Loaded, Settings, read


def load_all(config: Path | None) -> Loaded:
    """The whole configuration, what it tells its adapters included. Raises `SettingsError`."""
    return read(_given(config), os.environ, adapter_settings)


def load_settings(config: Path | None) -> Settings:
    """The settings, for commands that need no operator: a broken adapter does not stop them. Raises `SettingsError`."""
    return read(_given(config), os.environ).settings


def adapter_settings(name: str) -> type[BaseModel]:
    """What an adapter's own settings look like. Raises `AdapterUnavailable`."""
    return registry.adapter(name).Settings


def _given(config: Path | None) -> Path:
    if config is None:
        raise CommandMisused("which configuration? Give --config FILE, or set MM_GATEWAY_CONFIG")
    return config
