"""The configuration, as commands read it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from gateway.cli.errors import CommandMisused
from gateway.operators import registry
from gateway.settings import Loaded, Settings, read


def load_all(config: Path | None) -> Loaded:
    """The whole configuration, adapters' settings included. Raises `SettingsError` or `CommandMisused`."""
    return read(_require_path(config), os.environ, adapter_settings)


def load_settings(config: Path | None) -> Settings:
    """The settings without the adapters' own, for commands that call no operator: they also work while an adapter is
    broken. Raises `SettingsError` or `CommandMisused`."""
    return read(_require_path(config), os.environ).settings


def adapter_settings(name: str) -> type[BaseModel]:
    """The class of an adapter's own settings. Raises `AdapterUnavailable`."""
    return registry.adapter(name).Settings


def _require_path(config: Path | None) -> Path:
    if config is None:
        raise CommandMisused("which configuration? Give --config FILE, or set MM_GATEWAY_CONFIG")
    return config
