"""Which format a scraper wants, by the headers of its request (RFC 9110, section 12.5)."""

from __future__ import annotations

from typing import Final, NamedTuple

from gateway.telemetry.protobuf_format import ProtobufFormat
from gateway.telemetry.text_format import OpenMetricsFormat, TextFormat

Format = TextFormat | ProtobufFormat

_TEXT: Final = TextFormat()
_OPEN_METRICS: Final = OpenMetricsFormat()
_PROTOBUF: Final = ProtobufFormat()


class _Choice(NamedTuple):
    """One of the things that a header accepts. `quality` is from 0, refused, to 1."""

    name: str
    parameters: dict[str, str]
    quality: float


def choose_format(accept: str) -> Format:
    """The best format for this `Accept` header; Prometheus' text format if it names none that is known."""
    for choice in sorted(_choices(accept), key=lambda choice: choice.quality, reverse=True):
        if choice.quality > 0 and (form := _format_of(choice)):
            return form
    return _TEXT


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether this `Accept-Encoding` header asks for gzip."""
    return any(choice.name == "gzip" and choice.quality > 0 for choice in _choices(accept_encoding))


def _format_of(choice: _Choice) -> Format | None:
    match choice.name, choice.parameters:
        case "application/vnd.google.protobuf", {
            "proto": "io.prometheus.client.MetricFamily",
            "encoding": "delimited",
        }:
            return _PROTOBUF
        case "application/openmetrics-text", parameters if parameters.get("version", "1.0.0") == "1.0.0":
            return _OPEN_METRICS
        case "text/plain" | "text/*" | "*/*", _:
            return _TEXT
    return None


def _choices(header: str) -> list[_Choice]:
    return [_choice(part) for part in header.split(",") if part.strip()]


def _choice(part: str) -> _Choice:
    name, *rest = (piece.strip() for piece in part.split(";"))
    parameters = {}
    for piece in rest:
        key, _, value = piece.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"')
    return _Choice(name.lower(), parameters, _quality(parameters.get("q", "1")))


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
