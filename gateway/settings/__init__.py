"""The configuration: its shape (`Settings`), and reading it from a file with every problem's place and remedy."""

from __future__ import annotations

from gateway.settings.deliveries import CategorySettings, DeliverySettings, ReasonSettings
from gateway.settings.journals import JournalSettings, key_bytes
from gateway.settings.listeners import AdminSettings, ListenerTls, ServerSettings
from gateway.settings.loader import Loaded, SettingsOf, load, read
from gateway.settings.models import DEFAULT_JOURNAL, LogSettings, Settings
from gateway.settings.operators import (
    BreakerSettings,
    ConnectionSettings,
    CredentialSettings,
    LimitSettings,
    OperatorSettings,
    OperatorTls,
)
from gateway.settings.problems import Mark, Problem, SettingsError
from gateway.settings.schema import json_schema
from gateway.settings.section import Section

__all__ = [
    "DEFAULT_JOURNAL",
    "AdminSettings",
    "BreakerSettings",
    "CategorySettings",
    "ConnectionSettings",
    "CredentialSettings",
    "DeliverySettings",
    "JournalSettings",
    "LimitSettings",
    "ListenerTls",
    "Loaded",
    "LogSettings",
    "Mark",
    "OperatorSettings",
    "OperatorTls",
    "Problem",
    "ReasonSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "SettingsOf",
    "json_schema",
    "key_bytes",
    "load",
    "read",
]
