"""Secrets of a plugin's settings whose file or variable is empty: told, since nothing else says why calls fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.settings import Section
from gateway.settings.loader import parse

CONFIGURATION = """\
operators:
  acme:
    adapter: fake
    settings: SETTINGS
    credentials: [{username: JohnDoe, password: MyPass-of-the-game}]
"""


class Inner(Section):
    names: tuple[str, ...] = ()
    """Some."""

    keys: tuple[SecretStr, ...] = ()
    """Others."""


class FakeSettings(Section):
    password: SecretStr = SecretStr("given")
    """What we authenticate with."""

    inner: Inner = Inner()
    """More."""


def told(settings: str) -> list[str]:
    text = CONFIGURATION.replace("SETTINGS", settings)
    loaded = parse(text, "gateway.yaml", {"EMPTY": ""}, lambda _: FakeSettings)
    return [f"{problem.field}: {problem.text}" for problem in loaded.advice]


@pytest.mark.parametrize("reference", ["${EMPTY}", "${EMPTY:-}"])
def test_an_empty_variable_is_advised_against(reference: str) -> None:
    assert told(f'{{password: "{reference}"}}') == [
        f"operators.acme.settings.password: is a secret, and the value of {reference} is empty; put the secret there"
    ]


def test_an_empty_file_is_advised_against_wherever_the_secret_stands(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("\n")
    (said,) = told(f'{{inner: {{keys: [k, "${{file:{file}}}"]}}}}')
    assert said.startswith(f"operators.acme.settings.inner.keys[1]: is a secret, and the value of ${{file:{file}}}")


def test_an_empty_text_that_is_written_so_is_meant() -> None:
    assert told("{password: ''}") == []


def test_an_empty_text_from_elsewhere_that_is_no_secret_is_not_told() -> None:
    assert told('{inner: {names: ["${EMPTY}"]}}') == []
