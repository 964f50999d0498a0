from __future__ import annotations

import pytest

from gateway.telemetry.negotiation import accepts_gzip, choose_format

PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_2_42_NATIVE = f"{PROTOBUF},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5"
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    f"text/plain;version=0.0.4;q=0.2,{PROTOBUF};q=0.6,*/*;q=0.1"
)


@pytest.mark.parametrize(
    "accept, expected",
    [
        (PROMETHEUS_2_42, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (PROMETHEUS_2_42_NATIVE, PROTOBUF),
        (PROMETHEUS_3, PROTOBUF),
        ('Application/Vnd.Google.Protobuf; proto="io.prometheus.client.MetricFamily"; encoding=delimited', PROTOBUF),
        (f"{PROTOBUF};q=0.3, text/plain;q=0.4", "text/plain; version=0.0.4; charset=utf-8"),
        (f"{PROTOBUF};q=0", "text/plain; version=0.0.4; charset=utf-8"),
        (f"{PROTOBUF};q=much", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/vnd.google.protobuf;encoding=text", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        ("application/openmetrics-text;version=2.0.0", "text/plain; version=0.0.4; charset=utf-8"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/plain; version=0.0.4; charset=utf-8"),
        ("image/png", "text/plain; version=0.0.4; charset=utf-8"),
        (",;=", "text/plain; version=0.0.4; charset=utf-8"),
        ("", "text/plain; version=0.0.4; charset=utf-8"),
    ],
)
def test_the_format_is_the_best_that_is_accepted(accept: str, expected: str) -> None:
    assert choose_format(accept).content_type.replace("; ", ";") == expected.replace("; ", ";")


@pytest.mark.parametrize(
    "header, expected",
    [
        ("gzip", True),
        ("deflate, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("br", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_used_only_where_it_is_asked_for(header: str, expected: bool) -> None:
    assert accepts_gzip(header) is expected
