from __future__ import annotations

from typing import Any

import pytest

from gateway.settings.loader import parse
from gateway.settings.problems import SettingsError

OPERATORS = """
operators:
  acme: {adapter: quantum, credentials: [{username: JohnDoe, password: MyPass-of-the-game}]}
"""

NO_ENDPOINT = "tracing.endpoint: must be an http or https URL without credentials, e.g. http://collector:4318/v1/traces"


def tracing(text: str) -> Any:
    return parse(f"tracing: {text}{OPERATORS}", "gateway.yaml", {"KEY": "s3cret-key"}).settings.tracing


@pytest.mark.parametrize("written, share", [("0%", 0.0), ("0.5%", 0.005), ("10%", 0.1), ("100%", 1.0)])
def test_a_share_is_written_in_percent(written: str, share: float) -> None:
    assert tracing(f"{{share: {written}}}").share == share


def test_what_is_left_out_is_left_to_the_standard_variables() -> None:
    assert tracing("{}").model_dump() == {"endpoint": None, "headers": {}, "share": None}


@pytest.mark.parametrize(
    "text, problem",
    [
        ("{share: 101%}", 'tracing.share: "101%" is not a share of calls; write e.g. 10% or 0.5%'),
        ("{share: 0.5}", 'tracing.share: "0.5" is not a share of calls; write e.g. 10% or 0.5%'),
        ('{endpoint: "collector:4318"}', NO_ENDPOINT),
        ('{endpoint: "https://user:pass-word@collector"}', NO_ENDPOINT),
        (
            '{headers: {"x y": z}}',
            'tracing.headers.x y: "x y" is not the name of an HTTP header; write e.g. authorization',
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_would_be_right(text: str, problem: str) -> None:
    with pytest.raises(SettingsError) as caught:
        tracing(text)
    assert [f"{each.field}: {each.text}" for each in caught.value.problems] == [problem]


def test_the_collector_s_headers_are_secrets_of_the_configuration() -> None:
    text = 'tracing: {headers: {authorization: "Bearer ${KEY}"}}' + OPERATORS
    loaded = parse(text, "gateway.yaml", {"KEY": "s3cret-key"})
    assert "Bearer s3cret-key" in loaded.secrets
    assert "s3cret" not in repr(loaded.settings)
