"""The configuration: its shape, and reading it from a file, where each problem is reported with its line and a remedy.

- `models.py`: the whole (`Settings`); its sections: `listeners.py`, `tracing.py`, `journals.py`, `deliveries.py`,
  `operators.py`, `payments.py`, `far_sides.py` (how whoever is called is reached), `launch.py` with `url_template.py`
- `loader.py`: from a file to `Settings`, by way of `document.py` (YAML with line numbers), `interpolation.py`
  (`${NAME}`) and `checks.py` (what must hold between sections)
- `values.py`: durations, sizes, networks, names; `paths.py`: paths that hold a name; `section.py`: the base class of
  all sections
- `problems.py`, `messages.py`: what is wrong, in words; `schema.py`: the JSON Schema for editors

The docstrings of fields are user documentation: `docs/configuration.md` and the published schema are made from them.
"""

from __future__ import annotations

from gateway.settings.deliveries import CategorySettings, DeliverySettings, ReasonSettings
from gateway.settings.far_sides import BreakerSettings, ConnectionSettings, LimitSettings, OperatorTls
from gateway.settings.journals import JournalSettings, key_bytes
from gateway.settings.launch import LaunchSettings, LaunchSignatureSettings
from gateway.settings.listeners import (
    AdminSettings,
    ListenerTls,
    OperatorsServerSettings,
    PathSettings,
    ServerSettings,
)
from gateway.settings.loader import Loaded, SettingsOf, read
from gateway.settings.models import DEFAULT_JOURNAL, LogSettings, Settings
from gateway.settings.operators import (
    CredentialSettings,
    InboundSettings,
    ObjectiveSettings,
    OperatorSettings,
    TokenSettings,
)
from gateway.settings.payments import GameSettings, PaymentSettings
from gateway.settings.problems import Mark, Problem, SettingsError
from gateway.settings.schema import json_schema
from gateway.settings.section import Section
from gateway.settings.tracing import TracingSettings

__all__ = [
    "DEFAULT_JOURNAL",
    "AdminSettings",
    "BreakerSettings",
    "CategorySettings",
    "ConnectionSettings",
    "CredentialSettings",
    "DeliverySettings",
    "GameSettings",
    "InboundSettings",
    "JournalSettings",
    "LaunchSettings",
    "LaunchSignatureSettings",
    "LimitSettings",
    "ListenerTls",
    "Loaded",
    "LogSettings",
    "Mark",
    "ObjectiveSettings",
    "OperatorSettings",
    "OperatorTls",
    "OperatorsServerSettings",
    "PathSettings",
    "PaymentSettings",
    "Problem",
    "ReasonSettings",
    "Section",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "SettingsOf",
    "TokenSettings",
    "TracingSettings",
    "json_schema",
    "key_bytes",
    "read",
]
