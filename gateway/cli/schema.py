"""`mm-gateway schema`: the configuration's JSON Schema, for editors."""

from __future__ import annotations

from gateway.cli.printing import print_json
from gateway.operators import registry
from gateway.settings import json_schema


def schema() -> None:
    """Print the configuration's JSON Schema, with the settings of every adapter that is installed."""
    print_json(json_schema({name: adapter.Settings for name, adapter in registry.adapters().items()}))
