"""`mm-gateway schema`: the configuration's JSON Schema, for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.printing import print_json
from gateway.operators import registry
from gateway.settings import json_schema


def schema(
    *,
    general: Annotated[bool, typer.Option("--general", help="Without what the installed adapters add.")] = False,
) -> None:
    """Print the configuration's JSON Schema, with the settings of every adapter that is installed."""
    adapters = {} if general else registry.adapters()
    print_json(json_schema({name: adapter.Settings for name, adapter in adapters.items()}))
