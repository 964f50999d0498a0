"""`mm-gateway schema`: the configuration's JSON Schema for editors, and OpenAPI of what games and operators call."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
import yaml

from gateway.cli.printing import print_json
from gateway.operators import registry
from gateway.payments.registry import formats
from gateway.settings import json_schema
from gateway.wire.openapi import document, operators_document


def schema(
    *,
    general: Annotated[
        bool, typer.Option("--general", help="Leave out the settings of the installed plugins.")
    ] = False,
    openapi: Annotated[
        bool, typer.Option("--openapi", help="Print the wallet API in OpenAPI instead, as YAML.")
    ] = False,
    operators_openapi: Annotated[
        bool, typer.Option("--operators-openapi", help="Print what operators may call in OpenAPI instead, as YAML.")
    ] = False,
) -> None:
    """Print the configuration's JSON Schema, with the settings of every plugin that is installed."""
    if openapi or operators_openapi:
        described = document() if openapi else operators_document()
        sys.stdout.write(yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=120))
        return
    adapters = {} if general else registry.adapters()
    payment_formats = {} if general else formats()
    print_json(
        json_schema(
            {name: adapter.Settings for name, adapter in adapters.items()},
            {name: payment_format.Settings for name, payment_format in payment_formats.items()},
        )
    )
