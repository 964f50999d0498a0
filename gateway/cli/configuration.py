"""The configuration, as commands read it."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from gateway.cli.errors import CommandMisused
from gateway.operators import registry
from gateway.payments.registry import payment_format
from gateway.secrets import secrets_of
from gateway.settings import Loaded, Settings, read
from gateway.settings.known_part import read_known_part
from gateway.settings.loader import MayLack
from gateway.settings.problems import KeyPath
from gateway.telemetry import logs


def load_all(config: Path | None) -> Loaded:
    """The whole configuration, plugins' settings included. Raises `SettingsError` or `CommandMisused`."""
    return _registered(
        read(
            require_path(config),
            os.environ,
            adapter_settings,
            payment_settings_of=lambda name: payment_format(name).Settings,
        )
    )


def load_settings(config: Path | None) -> Settings:
    """The settings without the adapters' own, for commands that call no operator: they also work while an adapter is
    broken, and without the secrets of operators and listeners. Raises `SettingsError` or `CommandMisused`."""
    return _lacking(config, lambda path: not _is_of_a_journal(path))


def load_urls(config: Path | None) -> Settings:
    """As `load_settings`, for commands that look into no journal: of the secrets only those in URLs must be there."""
    return _lacking(config, lambda path: not _is_of_a_journal(path) or path[-1] != "url")


def load_known_part(config: Path) -> Settings:
    """The admin listener and the journals, from a file whose rest cannot be used. Raises `SettingsError`."""
    settings = read_known_part(config, os.environ)
    passwords = (password for journal in settings.every_journal.values() for password in journal.passwords)
    logs.register(frozenset({*secrets_of(settings), *passwords}))
    return settings


def load_without_secrets(config: Path | None) -> Settings:
    """As `load_settings`, for commands that look into no journal at all: no secret must be there."""
    return _lacking(config, lambda _: True)


def load_operator_part(config: Path | None, operator: str, part: str) -> Settings:
    """As `load_settings`, for commands that use one section of one operator: no other secrets must be there."""
    used = ("operators", operator, part)
    return _lacking(config, lambda path: path[: len(used)] != used)


def _lacking(config: Path | None, may_lack: MayLack) -> Settings:
    return _registered(read(require_path(config), os.environ, may_lack=may_lack)).settings


def _registered(loaded: Loaded) -> Loaded:
    """The same; its secrets are in no error that the command ends with."""
    logs.register(loaded.secrets)
    return loaded


def adapter_settings(name: str) -> type[BaseModel]:
    """The class of an adapter's own settings. Raises `AdapterUnavailable`."""
    return registry.adapter(name).Settings


def _is_of_a_journal(key_path: KeyPath) -> bool:
    return key_path[:1] in {("journal",), ("journals",)}


def require_path(config: Path | None) -> Path:
    """The path of the configuration file. Raises `CommandMisused` if none was named."""
    if config is None:
        raise CommandMisused("which configuration? Give --config FILE, or set MM_GATEWAY_CONFIG")
    return config
