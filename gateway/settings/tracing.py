"""Tracing: spans of calls for a collector of OpenTelemetry's, where the extra `tracing` is installed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.settings.section import Section
from gateway.settings.values import WRITTEN, Secret

ENDPOINT_PATTERN: Final = r"^https?://[^\s@]+$"
PORTION_PATTERN: Final = r"^(100|\d{1,2}(\.\d+)?)%$"
HEADER_PATTERN: Final = r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"


def _portion(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and info.context != WRITTEN:
        return value
    if isinstance(value, str) and re.fullmatch(PORTION_PATTERN, value, re.ASCII):
        return float(Decimal(value[:-1]) / 100)
    raise PydanticCustomError("share", "is not a share of calls; write e.g. 10% or 0.5%")


def _endpoint(value: Any) -> Any:
    # Credentials in a URL would be shown by whatever shows the URL; `headers` keeps them secret. So the problem does
    # not repeat the value either.
    if isinstance(value, str) and re.fullmatch(ENDPOINT_PATTERN, value):
        return value
    raise PydanticCustomError(
        "endpoint", "must be an http or https URL without credentials, e.g. http://collector:4318/v1/traces"
    )


def _header(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(HEADER_PATTERN, value):
        return value
    raise PydanticCustomError("header", "is not the name of an HTTP header; write e.g. authorization")


Portion = Annotated[
    float,
    BeforeValidator(_portion),
    Field(ge=0, le=1),
    WithJsonSchema({"type": "string", "pattern": PORTION_PATTERN, "examples": ["10%", "0.5%"]}),
]
"""A share from nothing to the whole, 0 to 1; in a file written in percent."""

Endpoint = Annotated[
    str,
    BeforeValidator(_endpoint),
    WithJsonSchema({"type": "string", "pattern": ENDPOINT_PATTERN, "examples": ["http://collector:4318/v1/traces"]}),
]
HeaderName = Annotated[str, BeforeValidator(_header), WithJsonSchema({"type": "string", "pattern": HEADER_PATTERN})]


class TracingSettings(Section):
    """Spans of calls, sent to a collector. It needs the extra `tracing` of the package (docs/tracing.md), and only a
    restart changes it. What is left out here is taken from OpenTelemetry's own environment variables."""

    endpoint: Endpoint | None = None
    """The collector's whole URL for traces (OTLP over HTTP). Without it, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or
    OTEL_EXPORTER_OTLP_ENDPOINT counts, or else http://localhost:4318/v1/traces."""

    headers: dict[HeaderName, Secret] = Field(default={})
    """Headers that are sent to the collector, such as its access key; each value is a secret. Without any,
    OTEL_EXPORTER_OTLP_HEADERS counts."""

    share: Portion | None = None
    """The share of calls that are traced, from 0% to 100%, where the game does not say: a call with a `traceparent` is
    traced if the game traces it. Without it, OTEL_TRACES_SAMPLER counts, or else every call is traced."""
